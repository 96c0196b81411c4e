"""What a challenger has to show in production, and how often it may be looked at."""

from typing import Annotated

from pydantic import Field

from teleprompt.config.gate import Claim
from teleprompt.config.production import MissingOutcomes
from teleprompt.deltaone.trial_policy import Level
from teleprompt.records import Record, to_millionths

PLANNED = 0.75
"""Share of the level that goes to the planned looks, evenly; the rest is for those after the horizon."""


class OnlinePolicy(Record):
    """What has to be shown; the defaults are those of a program file."""

    level: Level = 0.025
    """Probability, at most, that a challenger without a gain is ever promoted, and that one without harm is ever
    rejected, however often it is looked at. Of several challengers that share an error, each has its share of it."""
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.01
    """Smallest gain worth having, as a score: 0.01 is one percentage point."""
    claim: Claim = Claim.SIGNIFICANT
    """`significant`: there is a gain, and the best guess of it is at least the threshold; `proven`: it is that much."""
    missing: MissingOutcomes = MissingOutcomes.BOUNDS
    """What calls without an outcome count for."""
    maturity_days: Annotated[float, Field(ge=0)] = 0
    """Calls are left out that are younger than that at the end: their outcomes may still come."""
    minimum_days: Annotated[int, Field(ge=7)] = 14
    """Nothing is decided on less; only whole weeks count."""
    claim_days: Annotated[int, Field(ge=1)] = 28
    """So long a decision is planned to take; later looks share a quarter of the level."""

    @property
    def threshold_e6(self) -> int:
        """The threshold in millionths."""
        return to_millionths(self.threshold)

    @property
    def minimum_weeks(self) -> int:
        """Whole weeks before the first look."""
        return -(-self.minimum_days // 7)

    def level_after(self, weeks: int) -> float:
        """The error of the look after so many whole weeks; over all weeks they add up to the level.

        Errors that add up need no assumption on how the looks depend on each other (Bonferroni's inequality): a share
        that is raised can make a week worth all those before it.
        """
        planned = max(1, self.claim_days // 7 - self.minimum_weeks + 1)
        look = weeks - self.minimum_weeks + 1
        if look <= planned:
            return self.level * PLANNED / planned
        late = look - planned
        return self.level * (1 - PLANNED) / (late * (late + 1))
