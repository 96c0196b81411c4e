"""The section `gate`: how strict the comparison is."""

import re
from enum import StrEnum
from typing import Annotated

from pydantic import Field, field_validator

from include.teleprompt.config.section import Section


class Claim(StrEnum):
    """What has to be shown for a promotion."""

    SIGNIFICANT = "significant"
    PROVEN = "proven"


class GateConfig(Section):
    """How strict the comparison is."""

    metric: str = "agreement_with_high_outcome"
    """`agreement_with_high_outcome`, or `module:function` in `include/programs` taking (example, prediction)."""
    objective: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    """Weights of the metric's named scores, for a metric that gives several."""
    claim: Claim = Claim.SIGNIFICANT
    """`significant`: estimate >= threshold and interval above 0; `proven`: whole interval >= threshold."""
    alpha: float = Field(0.05, gt=0, lt=0.5)
    """Two-sided error; the interval covers 1 - alpha."""

    @field_validator("metric")
    @classmethod
    def _known_or_path(cls, value: str) -> str:
        if value == "agreement_with_high_outcome" or re.fullmatch(r"[A-Za-z_]\w*:[A-Za-z_]\w*", value):
            return value
        raise ValueError(f"{value!r} is neither agreement_with_high_outcome nor module:function")
