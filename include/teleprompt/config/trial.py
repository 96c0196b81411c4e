"""The section `trial`: how evidence adds up over windows until a candidate is decided on."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from teleprompt.config._section import Section


class Returning(StrEnum):
    """What a unit (a customer, a session) counts for that was there in an earlier window of the trial."""

    LEFT_OUT = "left_out"
    """Nothing more: each unit is one observation, and the claim is about units like these."""
    COUNTED = "counted"
    """Once a window: the claim is about these units alone and says nothing of others. Twenty customers whose effects
    are 0 on average are promoted too often if others are meant."""


class Challenge(StrEnum):
    """What may take the place of a candidate that is on trial."""

    NONE = "none"
    """Nothing: no other is compiled meanwhile, which saves the calls."""
    EVERY_RUN = "every_run"
    """Each run's own candidate, if it is clearly better on the run's select examples; as a trial of its own."""


Level = Annotated[float, Field(gt=0, lt=0.25)]


class TrialConfig(Section):
    """A candidate stays on trial against the champion, window after window, until the evidence decides."""

    level: Level = 0.025
    """Probability, at most, that any of the trials opened within 365 days promotes a candidate without a gain, however
    often they are looked at. The k-th trial of a year has level / (k (k + 1))."""
    harm_level: Level = 0.025
    """Probability, at most, that a trial ever rejects a gain of at least the threshold."""
    horizon: int = Field(52, ge=1)
    """Windows after which an undecided trial expires."""
    first_look_share: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Share of a trial's level for the exact test of its opening window; 0 leaves that out."""
    group_cap: Annotated[int, Field(ge=1, le=100)] = 16
    """Most examples of one unit that are opened in a window, chosen by a hash: a unit is one observation."""
    returning: Returning = Returning.LEFT_OUT
    """What a unit counts for that comes again in a later window."""
    challenge: Challenge = Challenge.NONE
    """`every_run`: each run compiles, and its candidate takes the place of the one on trial if the select examples show
    (at 90 %) that it is better by the threshold. The evidence begins anew then, at the next trial's smaller level."""
