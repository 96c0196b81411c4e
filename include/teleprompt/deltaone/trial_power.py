"""What a trial is expected to see, and when: by the rule that decides it, fed with what is expected of each window.

Of differences only the standard deviation is known beforehand. They are taken to be -1, 0 or 1, as those of scores of 0
and 1 are: among differences of one deviation these need the most examples. Where a verdict is a matter of luck, the
expected evidence reaches its boundary after about as many windows as half of all trials need.
"""

from bisect import bisect_left
from collections.abc import Sequence

from teleprompt.deltaone.betting import CELLS, log_e
from teleprompt.deltaone.trial_policy import TrialPolicy
from teleprompt.records import MILLION, Record, from_millionths

GAINS_E6 = (10_000, 30_000, 50_000, 100_000)
MOST_EXAMPLES = 10_000_000
"""More are never planned for."""


class ExpectedWait(Record):
    """How long a gain takes to show."""

    gain_e6: int
    windows: int | None
    """Until the evidence is expected to decide; None: not before the trial expires."""


def expected_waits(*, per_window: int, sd_e6: int, policy: TrialPolicy) -> tuple[ExpectedWait, ...]:
    """For gains of 1, 3, 5 and 10 points, at so many units that count in each window."""
    return tuple(
        ExpectedWait(gain_e6=gain, windows=_windows(gain, per_window, sd_e6, policy))
        for gain in GAINS_E6
        if gain >= policy.threshold_e6
    )


def detectable_gain_e6(*, n: int, sd_e6: int, policy: TrialPolicy) -> int:
    """The smallest gain, in whole thousandths, that so many units are expected to show; at most 1."""
    thousandths = range(1, 1001)
    at = bisect_left(thousandths, True, key=lambda k: _shows(k * 1000, n, sd_e6, policy))
    return thousandths[min(at, 999)] * 1000


def units_needed(*, gain_e6: int, sd_e6: int, policy: TrialPolicy) -> int:
    """How many units are expected to show that gain; at most ten million."""
    counts = range(1, MOST_EXAMPLES + 1)
    return 1 + bisect_left(counts, True, key=lambda n: _shows(gain_e6, n, sd_e6, policy), hi=MOST_EXAMPLES - 1)


def _windows(gain_e6: int, per_window: int, sd_e6: int, policy: TrialPolicy) -> int | None:
    if not per_window or not _shows(gain_e6, per_window * policy.horizon, sd_e6, policy):
        return None
    return -(-units_needed(gain_e6=gain_e6, sd_e6=sd_e6, policy=policy) // per_window)


def _shows(gain_e6: int, n: int, sd_e6: int, policy: TrialPolicy) -> bool:
    """Whether the evidence of `n` units that are just as expected is enough."""
    if gain_e6 <= policy.null_e6:
        return False
    return log_e(_as_expected(gain_e6, n, sd_e6), null_e6=policy.null_e6) >= policy.boundary


def _as_expected(gain_e6: int, n: int, sd_e6: int) -> Sequence[float]:
    """The cells of `n` differences of -1, 0 and 1 with that mean and deviation, as far as these allow."""
    gain, sd = from_millionths(gain_e6), sd_e6 / MILLION
    differing = min(1.0, max(gain, sd**2 + gain**2))
    weights = [0.0] * CELLS
    weights[0], weights[-1] = n * (differing - gain) / 2, n * (differing + gain) / 2
    weights[CELLS // 2] = n * (1 - differing)
    return weights
