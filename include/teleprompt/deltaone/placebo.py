"""How far an outcome wanders from one time to the next while nothing was changed: what a change has to be larger than.

Two versions that answered at different times differ by what happened in the world meanwhile, and no test of their calls
can see that. Placebo comparisons can: the same comparison made where nobody changed anything (Bertrand, Duflo and
Mullainathan 2004, on how often such comparisons find an effect that is none).
"""

from collections.abc import Sequence

from teleprompt.records import Record

LEAST_PERIODS = 4
"""Of fewer nobody can say how far the outcome wanders."""


class Placebo(Record):
    """What comparisons found that had nothing to find."""

    periods: int
    root_mean_square_e6: int
    """Of their differences, in millionths; chance and the world's changes together."""

    @property
    def is_enough(self) -> bool:
        """Whether it says how far the outcome wanders."""
        return self.periods >= LEAST_PERIODS

    def explains(self, delta_e6: int, *, tolerance_e6: int, alpha: float) -> bool:
        """Whether a loss beyond the tolerance may be no more than that, with a two-sided error of `alpha`.

        Student's t of the difference over the placebos' root mean square, with a degree of freedom for each.
        """
        from scipy.stats import t

        loss = -delta_e6 - tolerance_e6
        return loss <= float(t.ppf(1 - alpha / 2, self.periods)) * self.root_mean_square_e6

    @property
    def in_words(self) -> str:
        """For people."""
        if not self.is_enough:
            return (
                f"only {self.periods} periods before the promotion have outcomes of the version before, of "
                f"{LEAST_PERIODS} that would tell how far they wander by themselves"
            )
        return (
            f"in {self.periods} periods before the promotion, with nothing changed, outcomes wandered by "
            f"{self.root_mean_square_e6 / 1e4:.2f} points"
        )


def placebo_of(differences_e6: Sequence[float]) -> Placebo:
    """What comparisons say that had nothing to find, of their differences in millionths."""
    n = len(differences_e6)
    mean_square = sum(difference**2 for difference in differences_e6) / n if n else 0.0
    return Placebo(periods=n, root_mean_square_e6=round(mean_square**0.5))
