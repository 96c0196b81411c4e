"""The section `gate`: how strict the comparison is."""

import re
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from teleprompt.config._section import Section
from teleprompt.config.budget import BudgetConfig
from teleprompt.config.outcome import Direction

EXACT, F1, AGREEMENT, JUDGE = "exact", "f1", "agreement_with_high_outcome", "judge"
METRIC_VERSION = 2
"""Of how values are read and compared: 2 reads them by their type; 1, of version 0.1, compared texts."""

BUILT_IN_METRICS = (AGREEMENT, EXACT, F1, JUDGE)

LATENCY, COST = "latency_seconds", "cost_usd"
MEASURED = ("failure_rate", LATENCY, "tokens", COST)
"""What is measured of every answer, whatever the metric gives."""


class Claim(StrEnum):
    """What has to be shown for a promotion."""

    SIGNIFICANT = "significant"
    PROVEN = "proven"


class OnLowPower(StrEnum):
    """What a run does that could not see the threshold."""

    WARN = "warn"
    SKIP = "skip"


def _percent(value: object) -> object:
    """YAML reads `20%` as text; text with another form is refused by the pattern."""
    return value.replace(" ", "") if isinstance(value, str) else value


Percent = Annotated[str, BeforeValidator(_percent), Field(pattern=r"^\d+(\.\d+)?%$")]


class Guardrail(Section):
    """A further metric that must not get worse by more than is tolerated."""

    metric: str = Field(min_length=1)
    """`failure_rate`, `latency_seconds`, `tokens`, `cost_usd`, or one of the named scores of the program's metric."""
    direction: Direction = Direction.LOWER
    """Which values are better."""
    tolerance: Annotated[float, Field(ge=0)] | Percent = 0.0
    """How much worse the mean may get: in the metric's unit, or as a percentage of the baseline's (`20%`)."""


class JudgeConfig(Section):
    """The language model that grades answers, with `metric: judge`."""

    lm_conn_id: str = "teleprompt_judge"
    """Airflow connection of the judge; outside Airflow, `TELEPROMPT_JUDGE_LM__MODEL`."""
    instructions: str = "Grade how well the answer serves whoever asked, from 0 (useless) to 1 (perfect)."
    """What the judge is told."""
    sample: int = Field(100, ge=2)
    """Logged answers that the judge grades too, to report how far it agrees with what came of them."""


class GateConfig(Section):
    """How strict the comparison is."""

    metric: str = AGREEMENT
    """`agreement_with_high_outcome`, `exact`, `f1`, `judge` (a language model), or `module:function` in
    `include/programs` taking (example, prediction)."""
    direction: Direction = Direction.HIGHER
    """Which values of the metric are better; with `lower`, 1 - value is what is compared."""
    objective: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    """Weights of the metric's named scores, for a metric that gives several."""
    tolerance: float = Field(0.0, ge=0)
    """Difference up to which numbers count as equal; an output may have its own."""
    judge: JudgeConfig = JudgeConfig()
    claim: Claim = Claim.SIGNIFICANT
    """`significant`: estimate >= threshold and interval above 0; `proven`: whole interval >= threshold."""
    alpha: float = Field(0.05, gt=0, lt=0.5)
    """Two-sided error of all looks of a year together, where windows are compared on their own."""
    looks_a_year: int | None = Field(None, ge=1)
    """Comparisons that are planned for a year where there are no trials; alpha is shared out among them.
    None: those of the schedule, or 52."""
    retire_after: int = Field(12, ge=1)
    """An example that so many comparisons have looked at is sealed no more: it is left out from then on."""
    on_low_power: OnLowPower = OnLowPower.WARN
    """What a run does whose sealed examples are too few to see the threshold: `warn`, or `skip` before it costs."""
    budget: BudgetConfig = BudgetConfig()
    """What one trial, or one comparison without trials, may spend. A window that would spend more is refused before an
    example is opened."""
    guardrails: tuple[Guardrail, ...] = ()
    """Further metrics; one that got worse than tolerated, or is missing, rejects."""

    @field_validator("metric")
    @classmethod
    def _known_or_path(cls, value: str) -> str:
        if value in BUILT_IN_METRICS or re.fullmatch(r"[A-Za-z_]\w*:[A-Za-z_]\w*", value):
            return value
        raise ValueError(f"{value!r} is neither {', '.join(BUILT_IN_METRICS)} nor module:function")

    @field_validator("guardrails")
    @classmethod
    def _named_once(cls, guardrails: tuple[Guardrail, ...]) -> tuple[Guardrail, ...]:
        names = [guardrail.metric for guardrail in guardrails]
        if len(set(names)) != len(names):
            raise ValueError(f"each guardrail may be named once: {', '.join(names)}")
        return guardrails

    @model_validator(mode="after")
    def _measured_ones_can_only_be_too_high(self) -> Self:
        for guardrail in self.guardrails:
            if guardrail.metric in MEASURED and guardrail.direction is Direction.HIGHER:
                raise ValueError(f"{guardrail.metric} is better when it is lower")
        return self

    @property
    def headline(self) -> str:
        """Name of what is compared: the metric, or what is left of 1 where low values are better."""
        return self.metric if self.direction is Direction.HIGHER else f"1 - {self.metric}"
