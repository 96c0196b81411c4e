"""The sharpest exact test of one look: of independent pairs of 0/1 scores, before anything else was seen."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from teleprompt.records import MILLION

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MOST_PAIRS = 1_000
"""With more pairs McNemar's test is as sharp, and it costs nothing."""
SHARE_OF_DISCORDANCE = 0.1
"""Of a bound's error, for not knowing how many pairs differ."""


@dataclass(frozen=True, slots=True)
class FirstLook:
    """What it found."""

    p_value: float
    """Of the null hypothesis that the mean difference is at most `null_e6`."""
    low_e6: int
    """Lower bound of the mean difference in millionths; above `null_e6` where the p-value is at most the error."""


def first_look(*, wins: int, losses: int, pairs: int, null_e6: int, error: float) -> FirstLook:
    """Test a mean difference of at most `null_e6`, which is not negative, and bound it; both with a one-sided `error`.

    The bound is asked for where the test has rejected, so they hold together: where there is no gain only the test can
    err, where there is one only the bound.
    """
    p_value = p_value_of_no_gain(wins=wins, losses=losses, pairs=pairs)
    low_e6 = -MILLION
    if p_value <= error:
        bound = lower_bound(wins=wins, losses=losses, pairs=pairs, error=error)
        low_e6 = max(1, math.floor(bound * MILLION))
    if null_e6 > 0:
        p_value = max(p_value, _p_value_by_bound(wins=wins, losses=losses, pairs=pairs, null_e6=null_e6))
    return FirstLook(p_value, low_e6)


@lru_cache(maxsize=10_000)
def p_value_of_no_gain(*, wins: int, losses: int, pairs: int) -> float:
    """One-sided exact unconditional p-value that wins are no likelier than losses (Suissa and Shuster 1991).

    It is the probability of a statistic (wins - losses) / sqrt(wins + losses) as high as this one where wins and losses
    are equally likely, for the share of differing pairs for which that is highest; where wins are less likely it is
    lower. With many pairs it is McNemar's exact test, which asks only which of the differing pairs were won.
    """
    if wins <= losses:
        return 1.0
    if pairs > MOST_PAIRS:
        return float(_tail(wins, wins + losses))
    import numpy as np

    # An eighth of a standard deviation apart on the scale where that is the same everywhere; then closer at the top.
    angles = np.linspace(0, np.pi / 2, 8 * math.ceil(math.pi * math.sqrt(pairs)) + 1)
    as_high = _as_high((wins - losses) / math.sqrt(wins + losses), pairs)
    rates = _probability(as_high, angles)
    top = int(rates.argmax())
    near = np.linspace(angles[max(top - 1, 0)], angles[min(top + 1, len(angles) - 1)], 33)
    highest = float(max(rates[top], _probability(as_high, near).max()))
    return min(1.0, highest * (1 + 1e-6))


def lower_bound(*, wins: int, losses: int, pairs: int, error: float) -> float:
    """Lower bound of the mean difference; -1 where wins are not shown to be the likelier ones.

    The mean is π(2θ - 1), where π is the share of pairs that differ and θ that of wins among them. Each is bounded by
    itself (Clopper and Pearson 1934), and the errors add up.
    """
    from scipy.special import betaincinv

    if not wins:
        return -1.0
    won = float(betaincinv(wins, losses + 1, error * (1 - SHARE_OF_DISCORDANCE)))
    differ = float(betaincinv(wins + losses, pairs - wins - losses + 1, error * SHARE_OF_DISCORDANCE))
    return differ * (2 * won - 1) if won > 0.5 else -1.0


def _p_value_by_bound(*, wins: int, losses: int, pairs: int, null_e6: int) -> float:
    """The smallest error at which the lower bound is above `null_e6`."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        bound = lower_bound(wins=wins, losses=losses, pairs=pairs, error=middle)
        low, high = (low, middle) if math.floor(bound * MILLION) > null_e6 else (middle, high)
    return high


def _as_high(statistic: float, pairs: int) -> "npt.NDArray[np.float64]":
    """For each number of differing pairs, the probability of a statistic as high, if each may go either way."""
    import numpy as np

    differing = np.arange(pairs + 1)
    fewest = np.ceil((differing + statistic * np.sqrt(differing)) / 2 - 1e-9)
    return np.where(differing > 0, _tail(fewest, differing), 0.0)


def _tail(wins: "npt.ArrayLike", differing: "npt.ArrayLike") -> "npt.NDArray[np.float64]":
    """Probability of at least so many wins, one or more, among pairs that may each go either way."""
    import numpy as np
    from scipy.special import betainc

    wins, differing = np.asarray(wins), np.asarray(differing)
    possible = (wins > 0) & (wins <= differing)
    return np.where(possible, betainc(np.maximum(wins, 1), np.maximum(differing - wins + 1, 1), 0.5), 0.0)


def _probability(as_high: "npt.NDArray[np.float64]", angles: "npt.NDArray[np.float64]") -> "npt.NDArray[np.float64]":
    """Of that where the share sin² of an angle of the pairs differ."""
    import numpy as np
    from scipy.special import gammaln, xlog1py, xlogy

    pairs = len(as_high) - 1
    differing = np.arange(pairs + 1)
    ways = gammaln(pairs + 1) - gammaln(differing + 1) - gammaln(pairs - differing + 1)
    share = np.sin(angles)[:, None] ** 2
    chances = np.exp(ways + xlogy(differing, share) + xlog1py(pairs - differing, -share))
    return np.asarray((chances * as_high).sum(axis=1))
