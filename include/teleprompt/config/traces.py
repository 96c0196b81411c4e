"""The section `traces`: where a program's calls are logged, and how they are read."""

from enum import StrEnum
from typing import Any, Self

from pydantic import Field, model_validator

from teleprompt.config._section import Section

IN_MLFLOW = ("auto", "runs", "traces")
"""Where a program's calls may be logged in MLflow."""


class TraceAccess(StrEnum):
    """How MLflow's store is read; the rows are the same."""

    AUTO = "auto"
    SQL = "sql"
    API = "api"


DEFAULT_EXPERIMENT = "production"
"""Where calls are written of a program whose file names no experiment."""


class Labels(StrEnum):
    """What says how good a logged answer is."""

    OUTCOME = "outcome"
    EXPECTATION = "expectation"


class TracesConfig(Section):
    """Where the program's traces lie."""

    source: str = Field("auto", pattern=r"^[A-Za-z_][\w.-]*(:[A-Za-z_]\w*)?$")
    """`runs` (params, metrics and tags of MLflow runs), `traces` (MLflow 3 traces), or `auto` for both. Elsewhere:
    `otel`, `langfuse`, `table`, one that a package offers, or `module:Class`; see docs/sources.md."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments of a source that is not MLflow's."""
    access: TraceAccess = TraceAccess.AUTO
    """`sql` (the store's tables, read-only), `api` (MLflow's client), or `auto`: `sql` where the store allows it."""
    labels: Labels = Labels.OUTCOME
    """`outcome`: what became of a call tells how good its answer was. `expectation`: what a reviewer expected (MLflow's
    expectations) stands in place of the answer, and is right; calls without one are quarantined."""
    datasets: tuple[str, ...] = ()
    """Names of MLflow evaluation datasets that are read, too; with `labels: expectation`."""
    span: str | None = Field(None, min_length=1)
    """Name of the span that is the call. None: the topmost that holds the program's inputs and outputs."""
    experiments: tuple[str, ...] = ()
    """Names of the MLflow experiments to read; empty means every active one."""
    incremental: bool = True
    """Keep what was read in the storage, by day, so that a later or an overlapping window reads only what changed."""
    settled_days: float = Field(30, ge=0, le=3660)
    """Where the source cannot tell what changed (runs by MLflow's API), days older than this when they were read are
    read again where the number of calls changed, or after seven days."""
    lookback_days: float = Field(7, gt=0, le=3660)
    """Window of a run that has neither a data interval nor a window of its own, in days."""

    @model_validator(mode="after")
    def _datasets_hold_expectations(self) -> Self:
        if self.options and self.source in IN_MLFLOW:
            raise ValueError("`options` are those of a source that is not MLflow's")
        if self.datasets and self.labels is not Labels.EXPECTATION:
            raise ValueError("`datasets` hold expectations and no outcomes; they need `labels: expectation`")
        return self

    @property
    def written_to(self) -> str:
        """The experiment that calls are written to which are handed in, or logged by a loaded version."""
        return self.experiments[0] if self.experiments else DEFAULT_EXPERIMENT
