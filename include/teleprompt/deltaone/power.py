"""What a comparison could see, known before it costs anything."""

from enum import StrEnum

from teleprompt.deltaone.paired import examples_needed, minimum_detectable_effect, sd_of_discordance
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

    @property
    def is_enough(self) -> bool:
        """Whether a gain of the threshold would be seen."""
        return self.mde_e6 <= self.threshold_e6

    @property
    def short_by(self) -> int:
        """Examples that are missing to see the threshold."""
        return max(0, self.examples_needed - self.n)

    @property
    def in_words(self) -> str:
        """One sentence."""
        sees = f"{self.n} sealed examples can show a gain of {self.mde_e6 / 1e4:.1f} points or more"
        if self.is_enough:
            return f"{sees}, which is enough for the threshold of {self.threshold_e6 / 1e4:g}."
        return (
            f"{sees}; for the threshold of {self.threshold_e6 / 1e4:g} they are {self.short_by} too few "
            f"(standard deviation {from_millionths(self.sd_e6):.2f} by {self.basis})."
        )


def estimate_power(*, n: int, threshold_e6: int, alpha: float, known_sd_e6: int | None) -> PowerEstimate:
    """The estimate for `n` examples; without a known deviation of differences, 20 % of the answers differing."""
    sd_e6 = known_sd_e6 if known_sd_e6 is not None else to_millionths(sd_of_discordance(ASSUMED_DISCORDANCE))
    sd = from_millionths(sd_e6)
    effect = minimum_detectable_effect(sd=sd, n=n, alpha=alpha) if n else 1.0
    return PowerEstimate(
        n=n,
        alpha=alpha,
        sd_e6=sd_e6,
        basis=Basis.ASSUMED if known_sd_e6 is None else Basis.LAST_COMPARISON,
        threshold_e6=threshold_e6,
        mde_e6=to_millionths(effect),
        examples_needed=examples_needed(sd=sd, difference=from_millionths(threshold_e6), alpha=alpha),
    )
