"""The schema of a program file, `include/programs/<name>.yaml`."""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from include.teleprompt.canonical import digest_of, is_plain
from include.teleprompt.config.optimization import OptimizationConfig
from include.teleprompt.config.settings import LMConfig
from include.teleprompt.records import MAX_IDENTIFIER

CRON_PRESETS = {"daily": "0 0 * * *", "weekly": "0 0 * * 1", "monthly": "0 0 1 * *"}

FORBIDDEN_IN_NAMES = """/ : . % " ' ` \\"""
"""MLflow's registry, its filter language or a URI cannot take these."""

Share = Annotated[float, Field(gt=0, lt=1)]
Size = Annotated[int, Field(ge=1, strict=True)] | Share


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class TraceSourceName(StrEnum):
    """Where a program's calls are logged in MLflow."""

    AUTO = "auto"
    RUNS = "runs"
    TRACES = "traces"


class TraceAccess(StrEnum):
    """How MLflow's store is read; the rows are the same."""

    AUTO = "auto"
    SQL = "sql"
    API = "api"


class TracesConfig(_Section):
    """Where the program's traces lie."""

    source: TraceSourceName = TraceSourceName.AUTO
    """`runs` (params, metrics and tags of MLflow runs), `traces` (MLflow 3 traces), or `auto` for both."""
    access: TraceAccess = TraceAccess.AUTO
    """`sql` (the store's tables, read-only), `api` (MLflow's client), or `auto`: `sql` where the store allows it."""
    experiments: tuple[str, ...] = ()
    """Names of the MLflow experiments to read; empty means every active one."""
    incremental: bool = True
    """Keep what was read in the storage, by day, so that a later or an overlapping window reads only what changed."""
    settled_days: float = Field(30, ge=0, le=3660)
    """Where MLflow cannot tell what changed (its API), days older than this when they were read are not read again."""
    lookback_days: float = Field(7, gt=0, le=3660)
    """Window of a run that has neither a data interval nor a window of its own, in days."""


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


class OutcomeMetric(_Section):
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


class DuplicatesStep(_Section):
    """Of calls with the same inputs and outputs, but for case and spacing, the earliest stays."""

    step: Literal["duplicates"] = "duplicates"


class NearDuplicatesStep(_Section):
    """Of calls with nearly the same inputs and outputs, the earliest stays."""

    step: Literal["near_duplicates"] = "near_duplicates"
    threshold: float = Field(0.9, ge=0.5, le=1)
    """Share of common three-word sequences (Jaccard, estimated by MinHash) from which calls are alike."""


class OutliersStep(_Section):
    """Calls far from the rest."""

    step: Literal["outliers"] = "outliers"
    of: tuple[Literal["length", "latency", "outcome"], ...] = ("length", "latency")
    """`length` of inputs and outputs, `latency` (both on a log scale), or the first `outcome` metric."""
    method: Literal["robust_z", "iqr"] = "robust_z"
    """Distance from the median in robust deviations, or from the quartiles in interquartile ranges."""
    limit: float = Field(6, gt=0)
    """Largest distance that is kept."""


class BurstsStep(_Section):
    """Calls of a contributor in an hour in which he sent far more than contributors do."""

    step: Literal["contributor_bursts"] = "contributor_bursts"
    limit: float = Field(10, gt=0)
    """Largest distance from the median number per contributor and hour, in robust deviations."""
    least: int = Field(20, ge=1)
    """So many calls in an hour are never a burst."""


class RedactStep(_Section):
    """Personal data in inputs and outputs become placeholders such as `[EMAIL_1]`; contributors stay."""

    step: Literal["redact"] = "redact"
    entities: tuple[str, ...] = ("EMAIL", "PHONE", "SSN", "CREDIT_CARD", "IP_ADDRESS")
    """Kinds of personal data."""


class QualityStep(_Section):
    """Train traces with a low score are left out; select and gate keep them."""

    step: Literal["quality"] = "quality"
    min_score: float = Field(ge=0, le=1)
    """Lowest score that stays."""


class BalanceStep(_Section):
    """No contributor or category has too large a part of the train traces; select and gate keep production's mix."""

    step: Literal["balance"] = "balance"
    by: str = Field("contributor", pattern=r"^(contributor|group|output\.[A-Za-z_]\w*)$")
    """`contributor`, `group`, or an output field as `output.<name>`."""
    most: int | None = Field(None, ge=1)
    """Most train traces of one of them; a seeded sample of more."""
    share: float | None = Field(None, gt=0, lt=1)
    """Largest share of the train traces of one of them, instead of `most`."""

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if (self.most is None) == (self.share is None):
            raise ValueError("balance needs `most` or `share`")
        return self


CurationStep = Annotated[
    DuplicatesStep | NearDuplicatesStep | OutliersStep | BurstsStep | RedactStep | QualityStep | BalanceStep,
    Field(discriminator="step"),
]
ON_TRAIN_ONLY = (QualityStep, BalanceStep)


class SplitConfig(_Section):
    """How the traces are shared out between learning, choosing and judging."""

    train: Size = 0.4
    """Share that the optimizer learns from; or, if all three are whole numbers, how many at most."""
    select: Size = 0.2
    """Share, or number, on which the best candidate is chosen."""
    gate: Size = 0.4
    """Share, or number, that is sealed for the comparison with the running program."""
    seed: int = 0
    """Another seed is another split."""
    group_by: tuple[str, ...] = ("group",)
    """What must not be in two parts, beside equal inputs: `group` (the tag), `contributor`, `near_duplicates` (of the
    inputs), or an input field as `input.<name>`."""
    near_threshold: float = Field(0.9, ge=0.5, le=1)
    """Similarity from which inputs are near duplicates."""
    time_order: bool = False
    """Learn from the oldest, judge on the newest, instead of at random."""

    @property
    def by_count(self) -> bool:
        """Whether sizes are numbers of traces."""
        return isinstance(self.train, int)

    @field_validator("group_by")
    @classmethod
    def _known_keys(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        for key in keys:
            if not re.fullmatch(r"group|contributor|near_duplicates|input\.[A-Za-z_]\w*", key):
                raise ValueError(f"{key!r} is none of group, contributor, near_duplicates, input.<name>")
        return keys

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        sizes = (self.train, self.select, self.gate)
        if len({isinstance(size, int) for size in sizes}) > 1:
            raise ValueError("train, select and gate are all shares or all numbers")
        if not self.by_count and abs(sum(sizes) - 1) > 1e-9:
            raise ValueError(f"train, select and gate sum to {sum(sizes):g}, not to 1")
        return self


class Claim(StrEnum):
    """What has to be shown for a promotion."""

    SIGNIFICANT = "significant"
    PROVEN = "proven"


class GateConfig(_Section):
    """How strict the comparison is."""

    metric: str = "agreement_with_high_outcome"
    """`agreement_with_high_outcome`, or `module:function` in `include/programs` taking (example, prediction)."""
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


class ProgramConfig(_Section):
    """One DSPy program and how it is improved."""

    name: str = Field(min_length=1, max_length=MAX_IDENTIFIER)
    """The program's name in its traces (tag `dspy_program_name`) and in the model registry."""
    slug: str = Field(pattern=r"^[a-z][a-z0-9_]{0,99}$")
    """Name of the file, of the DAG and on the command line; set from the file's name."""
    description: str = ""
    """One line for the DAG list."""
    entry_point: str = Field("", pattern=r"^([A-Za-z_]\w*:[A-Za-z_]\w*)?$")
    """`module:callable` in `include/programs`; called without arguments it gives the DSPy module.
    Default: the callable `build` of the Python file of the same name."""
    schedule: str = "weekly"
    """`daily` | `weekly` | `monthly` | a cron expression | `none`."""
    start_date: date = date(2025, 1, 6)
    """First day that a schedule or a backfill may cover (UTC)."""
    new_traces: int | None = Field(None, ge=1)
    """Start a run as soon as so many new calls were logged, beside the schedule."""
    max_wait_days: float = Field(7, gt=0, le=3660)
    """Start it after so long even with fewer new calls, if they are at least `min_traces`."""
    baseline_version: str = Field("1.0.0", pattern=r"^\d+\.\d+\.\d+$")
    """Version of the program as written, before any optimisation."""
    lm_conn_id: str = "teleprompt_lm"
    """Airflow connection of the language model."""
    num_threads: int = Field(1, ge=1, le=64)
    """Language-model calls at a time while evaluating."""
    traces: TracesConfig = TracesConfig()
    outcome: OutcomeConfig = OutcomeConfig()
    curation: tuple[CurationStep, ...] = (DuplicatesStep(),)
    """What is done to the traces, in this order; `quality` and `balance` come last, after the split."""
    split: SplitConfig = SplitConfig()
    optimization: OptimizationConfig = OptimizationConfig()
    gate: GateConfig = GateConfig()

    @field_validator("schedule")
    @classmethod
    def _schedule_is_known(cls, value: str) -> str:
        if value == "none" or value in CRON_PRESETS:
            return value
        if not _is_cron(value):
            raise ValueError(f"{value!r} is not daily, weekly, monthly, none or a cron expression of five fields")
        return value

    @field_validator("name")
    @classmethod
    def _name_can_be_registered(cls, value: str) -> str:
        if not is_plain(value) or value != value.strip() or any(c in FORBIDDEN_IN_NAMES.split() for c in value):
            raise ValueError(f"a name holds plain characters and none of {FORBIDDEN_IN_NAMES}")
        return value

    @model_validator(mode="after")
    def _a_run_can_follow_new_traces(self) -> Self:
        if self.new_traces is not None and self.new_traces < self.optimization.min_traces:
            raise ValueError(
                f"new_traces {self.new_traces} is below min_traces {self.optimization.min_traces}: "
                "such a run would never have enough"
            )
        return self

    @field_validator("curation")
    @classmethod
    def _steps_fit_their_places(cls, steps: tuple[CurationStep, ...]) -> tuple[CurationStep, ...]:
        late = [isinstance(step, ON_TRAIN_ONLY) for step in steps]
        if late != sorted(late):
            raise ValueError("quality and balance work on the train part and come last")
        if any(isinstance(step, RedactStep) for step in steps[1:]):
            raise ValueError("redact comes first, so that nothing is kept unredacted")
        return steps

    @model_validator(mode="before")
    @classmethod
    def _entry_point_defaults_to_the_file(cls, data: object) -> object:
        if isinstance(data, dict) and data.get("slug") and not data.get("entry_point"):
            return {**data, "entry_point": f"{data['slug']}:build"}
        return data

    @property
    def cron(self) -> str | None:
        """The schedule as a cron expression, in UTC; None for `none`."""
        return None if self.schedule == "none" else CRON_PRESETS.get(self.schedule, self.schedule)

    @property
    def lookback(self) -> timedelta:
        """Length of the window of a run that names none."""
        return timedelta(days=self.traces.lookback_days)

    def fingerprint(self, *, code_digests: Sequence[str], lm: LMConfig) -> str:
        """SHA-256 over all that can change a result: this file, the code of program and metric, the language model.

        When the pipeline runs (schedule, waiting, threads) does not change what it finds.
        """
        decisive = self.model_dump(
            mode="json",
            exclude={
                "slug": True,
                "description": True,
                "schedule": True,
                "start_date": True,
                "new_traces": True,
                "max_wait_days": True,
                "lm_conn_id": True,
                "num_threads": True,
                "traces": {"lookback_days", "access", "incremental", "settled_days"},
                "optimization": {"timeout_seconds", "batch_size"},
            },
        )
        model = lm.model_dump(mode="json", include={"model", "api_base", "temperature", "max_tokens"})
        return digest_of({"config": decisive, "code": list(code_digests), "lm": model})


def _is_cron(text: str) -> bool:
    """Whether `text` is a plain cron expression that ever comes due (unlike the 31st of February)."""
    from croniter import CroniterError, croniter

    if len(text.split()) != 5 or "R" in text.upper():
        return False
    try:
        croniter(text).get_next()
    except CroniterError:
        return False
    return True
