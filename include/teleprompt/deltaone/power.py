"""What a comparison could see, known before it costs anything."""

from collections.abc import Sequence
from enum import StrEnum

from teleprompt.deltaone.paired import examples_needed, minimum_detectable_effect, sd_of_discordance
from teleprompt.deltaone.trial_policy import TrialPolicy
from teleprompt.deltaone.trial_power import ExpectedWait, detectable_gain_e6, expected_waits, units_needed
from teleprompt.records import Record, from_millionths, to_millionths

ASSUMED_DISCORDANCE = 0.2
"""Share of answers that differ between two versions of a program, where nothing is known yet."""


class Basis(StrEnum):
    """Where the expected variation of the differences comes from."""

    LAST_COMPARISON = "last comparison"
    ASSUMED = "assumption"


class PowerEstimate(Record):
    """What so many sealed examples could show with 80 % power. Differences are millionths of a score."""

    n: int
    """Sealed examples that are good enough to agree with; whether any is retired shows only when they are opened."""
    alpha: float
    """Error of the look that this would be."""
    sd_e6: int
    """Expected standard deviation of the differences."""
    basis: Basis
    threshold_e6: int
    mde_e6: int
    """Smallest true gain that would be seen."""
    examples_needed: int
    """Examples at which the threshold would be seen."""
    horizon: int = 1
    """Windows that such a comparison may take, each with `n` examples."""
    waits: tuple[ExpectedWait, ...] = ()
    """Of a trial: when it is expected to see a gain."""

    @property
    def is_enough(self) -> bool:
        """Whether a gain of the threshold would be seen."""
        return self.mde_e6 <= self.threshold_e6

    @property
    def short_by(self) -> int:
        """Examples that are missing to see the threshold."""
        return max(0, self.examples_needed - self.n * self.horizon)

    @property
    def in_words(self) -> str:
        """One sentence."""
        if self.waits:
            enough = "" if self.is_enough else f"; for {self.threshold_e6 / 1e4:g} they are too few"
            return f"{self.n} sealed examples a window: {_waits_in_words(self.waits, self.horizon)}{enough}."
        sees = f"{self.n} sealed examples can show a gain of {self.mde_e6 / 1e4:.1f} points or more"
        if self.is_enough:
            return f"{sees}, which is enough for the threshold of {self.threshold_e6 / 1e4:g}."
        return (
            f"{sees}; for the threshold of {self.threshold_e6 / 1e4:g} they are {self.short_by} too few "
            f"(standard deviation {from_millionths(self.sd_e6):.2f} by {self.basis})."
        )


def _waits_in_words(waits: Sequence[ExpectedWait], horizon: int) -> str:
    first, *others = reversed(waits)
    return ", ".join(
        [
            f"a gain of {first.gain_e6 / 1e4:g} points is expected to show {_when(first, horizon)}",
            *(f"one of {wait.gain_e6 / 1e4:g} {_when(wait, horizon)}" for wait in others),
        ]
    )


def _when(wait: ExpectedWait, horizon: int) -> str:
    if wait.windows is None:
        return f"not within {horizon}"
    return f"after {wait.windows} window{'' if wait.windows == 1 else 's'}"


def estimate_trial_power(*, n: int, policy: TrialPolicy, known_sd_e6: int | None) -> PowerEstimate:
    """The estimate for a trial whose windows bring `n` units each, by the rule that decides it."""
    sd_e6, basis = _expected_sd(known_sd_e6)
    return PowerEstimate(
        n=n,
        alpha=policy.level,
        sd_e6=sd_e6,
        basis=basis,
        threshold_e6=policy.threshold_e6,
        mde_e6=detectable_gain_e6(n=n * policy.horizon, sd_e6=sd_e6, policy=policy),
        examples_needed=units_needed(gain_e6=policy.threshold_e6, sd_e6=sd_e6, policy=policy),
        horizon=policy.horizon,
        waits=expected_waits(per_window=n, sd_e6=sd_e6, policy=policy),
    )


def _expected_sd(known_sd_e6: int | None) -> tuple[int, Basis]:
    if known_sd_e6 is not None:
        return known_sd_e6, Basis.LAST_COMPARISON
    return to_millionths(sd_of_discordance(ASSUMED_DISCORDANCE)), Basis.ASSUMED


def estimate_power(*, n: int, threshold_e6: int, alpha: float, known_sd_e6: int | None) -> PowerEstimate:
    """The estimate for `n` examples; without a known deviation of differences, 20 % of the answers differing."""
    sd_e6, basis = _expected_sd(known_sd_e6)
    sd = from_millionths(sd_e6)
    effect = minimum_detectable_effect(sd=sd, n=n, alpha=alpha) if n else 1.0
    return PowerEstimate(
        n=n,
        alpha=alpha,
        sd_e6=sd_e6,
        basis=basis,
        threshold_e6=threshold_e6,
        mde_e6=to_millionths(effect),
        examples_needed=examples_needed(sd=sd, difference=from_millionths(threshold_e6), alpha=alpha),
    )
