"""The section `outcome`: what happened because of a call, and how it becomes a score."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, FiniteFloat, model_validator

from teleprompt.config._section import Section


class Normalisation(StrEnum):
    """How a metric's value becomes a score in [0, 1]."""

    IDENTITY = "identity"
    MINMAX = "minmax"
    PERCENTILE = "percentile"
    ZSCORE_CLIP = "zscore-clip"
    BOOLEAN = "boolean"


class Direction(StrEnum):
    """Which values of a metric are the good ones."""

    HIGHER = "higher"
    LOWER = "lower"


class Repeated(StrEnum):
    """Which value counts when one call has several of one name."""

    LATEST = "latest"
    FIRST = "first"
    MEAN = "mean"


class Source(StrEnum):
    """Who said it, as MLflow's assessments tell (`AssessmentSourceType`)."""

    HUMAN = "HUMAN"
    CODE = "CODE"
    LLM_JUDGE = "LLM_JUDGE"


YAML_WORDS = {True: ("true", "yes"), False: ("false", "no")}
"""What YAML reads as a boolean where somebody wrote a word."""


def _as_texts(values: Any) -> Any:
    if not isinstance(values, Mapping):
        return values
    read: dict[str, Any] = {}
    for text, value in values.items():
        for word in YAML_WORDS[text] if isinstance(text, bool) else [str(text)]:
            read.setdefault(word, value)
    return read


def _told_apart(values: dict[str, float]) -> dict[str, float]:
    plain = [" ".join(text.split()).casefold() for text in values]
    for text in plain:
        if plain.count(text) > 1:
            raise ValueError(f"{text!r} is explained twice; case and spaces do not count")
    return values


class OutcomeMetric(Section):
    """One metric of what happened because of a call."""

    metric: str = Field("outcome_score", min_length=1)
    """Name of the run metric or of the trace's feedback."""
    minimum: float = 0.0
    """With `identity`, the lowest possible value; lower ones are quarantined."""
    maximum: float = 1.0
    """With `identity`, the highest possible value; higher ones are quarantined."""
    direction: Direction = Direction.HIGHER
    """`higher` or `lower` values are better."""
    normalisation: Normalisation = Normalisation.IDENTITY
    """`identity` maps minimum..maximum to 0..1; `minmax`, `percentile` and `zscore-clip` (three deviations) are fitted
    on the train part; `boolean` gives 1 from `true_from` on, else 0."""
    true_from: float = 0.5
    """With `boolean`, the lowest value that counts as true."""
    weight: float = Field(1.0, gt=0)
    """Weight in the score, if there are several metrics."""
    maturity_days: float = Field(0, ge=0, le=366)
    """How long after a call this outcome may still come. A window takes the calls that mature in it."""
    repeated: Repeated = Repeated.LATEST
    """Of several values of one call, the `latest`, the `first` or the `mean`."""
    sources: tuple[Source, ...] = Field((Source.HUMAN, Source.CODE), min_length=1)
    """Whose feedback on a trace counts: `HUMAN`, `CODE`, `LLM_JUDGE`. A run's metric always does."""
    raters: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Ids of those (`source_id`) whose feedback counts; empty means all of these sources."""
    span: str | None = Field(None, min_length=1)
    """Name of the span whose feedback counts; none: that on the trace, or on the span that is the call."""
    values: Annotated[dict[str, FiniteFloat], BeforeValidator(_as_texts), AfterValidator(_told_apart)] = Field(
        default_factory=dict
    )
    """What texts mean: `{good: 1, bad: 0}`. Known without it: yes, true, pass (1), no, false, fail (0), numerals."""

    @model_validator(mode="after")
    def _range_is_not_empty(self) -> Self:
        if not self.minimum < self.maximum:
            raise ValueError(f"outcome range [{self.minimum:g}, {self.maximum:g}] is empty")
        return self


class Missing(StrEnum):
    """What becomes of a call without an outcome."""

    DROP = "drop"
    IMPUTE = "impute"


class Partial(StrEnum):
    """What becomes of a call with some of its outcomes."""

    DROP = "drop"
    REWEIGHT = "reweight"


class OutcomeConfig(OutcomeMetric):
    """What happened because of a call, and how it becomes a score in [0, 1]."""

    others: tuple[OutcomeMetric, ...] = ()
    """Further metrics; the score is the weighted mean of all."""
    missing: Missing = Missing.DROP
    """A mature call without any outcome is quarantined (`drop`) or given `imputed_score` (`impute`), and counted."""
    imputed_score: float | None = Field(None, ge=0, le=1)
    """Score of calls without an outcome; only with `missing: impute`."""
    partial: Partial = Partial.DROP
    """A call with some outcomes is quarantined (`drop`) or scored by those that it has (`reweight`)."""

    @property
    def metrics(self) -> tuple[OutcomeMetric, ...]:
        """All metrics of the score, the first one first."""
        own = {name: getattr(self, name) for name in OutcomeMetric.model_fields}
        return (OutcomeMetric(**own), *self.others)

    @property
    def score_name(self) -> str:
        """What a score is called: the metric itself where it is a score as it is logged, else what it was made from."""
        as_logged = (
            not self.others
            and self.normalisation is Normalisation.IDENTITY
            and self.direction is Direction.HIGHER
            and (self.minimum, self.maximum) == (0.0, 1.0)
        )
        return self.metric if as_logged else f"score({', '.join(metric.metric for metric in self.metrics)})"

    @property
    def maturity(self) -> timedelta:
        """How long after its start a call is complete."""
        return timedelta(days=max(metric.maturity_days for metric in self.metrics))

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        names = [metric.metric for metric in self.metrics]
        if len(set(names)) != len(names):
            raise ValueError(f"each outcome metric may be named once: {', '.join(names)}")
        if (self.missing is Missing.IMPUTE) != (self.imputed_score is not None):
            raise ValueError("`missing: impute` needs `imputed_score`, and nothing else may have it")
        return self
