"""What a trial has to show, and when it ends."""

import math
from typing import Annotated

from pydantic import Field

from teleprompt.config.gate import Claim
from teleprompt.config.outcome import Direction
from teleprompt.config.trial import Returning
from teleprompt.records import MILLION, Record, to_millionths

Level = Annotated[float, Field(gt=0, lt=0.5)]


class TrialPolicy(Record):
    """What has to be shown; the defaults are those of a program file."""

    level: Level = 0.025
    """Probability, at most, that a trial without a gain ever promotes, however often it is looked at."""
    harm_level: Level = 0.025
    """Probability, at most, that a trial ever rejects a gain of at least the threshold, or finds harm where is none."""
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.01
    """Smallest gain worth having, as a score: 0.01 is one percentage point."""
    claim: Claim = Claim.SIGNIFICANT
    """`significant`: there is a gain, and the best guess of it is at least the threshold; `proven`: it is that much."""
    horizon: Annotated[int, Field(ge=1)] = 52
    """Windows after which an undecided trial expires; a year of weeks."""
    first_look_share: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Share of the level for the exact test of the opening window; 0 leaves it out. With 0.2 a gain of five points
    takes 13.5 weeks at 64 examples a week instead of 13.0; one of three points, where 10 % of the answers differ, is
    seen in a single window of 1,000 in 67 % of the trials instead of 43 %."""
    group_cap: Annotated[int, Field(ge=1, le=100)] = 16
    """Most examples of one unit that count: choose them by a hash before they are opened (`within_cap`), for of more
    the first ones are taken. A unit is one observation, whose mean more examples make little surer: of units of 64 with
    a correlation of 0.1, 16 see a gain of five points in 27.5 weeks, all in 25.0 with 3.6 times the calls."""
    returning: Returning = Returning.LEFT_OUT
    """What units count for that come again."""
    direction: Direction = Direction.HIGHER
    """Which scores are better."""

    @property
    def threshold_e6(self) -> int:
        """The threshold in millionths."""
        return to_millionths(self.threshold)

    @property
    def null_e6(self) -> int:
        """The largest mean difference, in millionths, with which the claim is false."""
        return self.threshold_e6 - 1 if self.claim is Claim.PROVEN else 0

    @property
    def first_error(self) -> float:
        """Error of the opening window's exact test."""
        return self.level * self.first_look_share

    @property
    def boundary(self) -> float:
        """The log wealth that promotes."""
        return -math.log(self.level * (1 - self.first_look_share))

    @property
    def harm_boundary(self) -> float:
        """The log wealth of bets on a loss that rejects."""
        return -math.log(self.harm_level)

    @property
    def threshold_in_words(self) -> str:
        """For people."""
        points = self.threshold_e6 / (MILLION / 100)
        return f"{points:g} point{'' if points == 1 else 's'}"
