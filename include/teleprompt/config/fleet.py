"""What all programs of a store owe each other."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class FleetConfig(BaseModel):
    """A bound on the share of promotions without a gain, over all programs together."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    fdr: float | None = Field(None, gt=0, lt=0.5)
    """False discovery rate: the share, on average, of a year's promotions that have no gain; None: each trial has its
    own level, and nothing is promised of all together."""
    trials_a_year: int | None = Field(None, ge=1, le=1_000_000)
    """So many trials are opened in a calendar year (UTC) at most, by all programs; fixed beforehand."""

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.fdr is None) is not (self.trials_a_year is None):
            raise ValueError("fdr and trials_a_year belong together; set both, or none")
        return self
