"""What the tasks measure, by Airflow's own metrics API: every name once, with labels of few values.

No label holds a run, a window, a contributor or a text. docs/monitoring.md has the same table.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.sdk.observability import stats

from teleprompt.config.program import ProgramConfig
from teleprompt.errors import InsufficientTracesError, TelepromptError
from teleprompt.records import Record
from teleprompt.tracking.last_start import newest_window_end
from teleprompt.window import Window

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from teleprompt.gate.comparison import Comparison
    from teleprompt.optimize.select import Selection
    from teleprompt.traces.snapshot import SnapshotRecord


log = logging.getLogger(__name__)


class Kind(StrEnum):
    """How values add up."""

    COUNTER = "counter"
    GAUGE = "gauge"


class Metric(NamedTuple):
    """One name: `teleprompt.<name>`, which Airflow prefixes with its own."""

    kind: Kind
    labels: tuple[str, ...]
    meaning: str


METRICS = {
    "window_calls": Metric(Kind.GAUGE, ("program",), "calls in the window that a run looked at"),
    "backlog": Metric(Kind.GAUGE, ("program",), "calls since the newest window; counted up to at least `min_traces`"),
    "watermark_timestamp_seconds": Metric(Kind.GAUGE, ("program",), "end of the newest window, in seconds since 1970"),
    "snapshot_rows": Metric(Kind.GAUGE, ("program",), "rows of the last window that can be used"),
    "quarantined_rows": Metric(Kind.GAUGE, ("program",), "rows of it that cannot be used"),
    "quarantined": Metric(Kind.COUNTER, ("program", "reason"), "rows that could not be used"),
    "candidate_score": Metric(Kind.GAUGE, ("program", "seed"), "score of each candidate on the select part"),
    "lm_calls": Metric(Kind.COUNTER, ("program",), "requests to language models while compiling and selecting"),
    "lm_tokens": Metric(Kind.COUNTER, ("program",), "their tokens, in and out"),
    "lm_cost_usd_e6": Metric(Kind.COUNTER, ("program",), "their estimated price, in millionths of a dollar"),
    "lm_unpriced": Metric(Kind.COUNTER, ("program",), "answers whose price is not known"),
    "verdicts": Metric(Kind.COUNTER, ("program", "verdict"), "verdicts of gates"),
    "delta_points": Metric(Kind.GAUGE, ("program",), "measured change at the last gate, in percentage points"),
    "stage_seconds": Metric(Kind.GAUGE, ("program", "stage"), "how long each stage took, when it last did its work"),
    "outbox_waiting": Metric(Kind.GAUGE, ("program",), "transactions that wait for the chain"),
    "spool_waiting": Metric(Kind.GAUGE, (), "submitted traces that wait for MLflow on an API server's disk"),
    "spool_set_aside": Metric(Kind.GAUGE, (), "submitted traces there that could not be written to MLflow"),
    "runs": Metric(Kind.COUNTER, ("program", "kind", "state"), "ended runs of its DAGs: `success`, `failed`"),
    "failures": Metric(Kind.COUNTER, ("program", "error"), "tasks that failed for good, by the class of their error"),
    "alerts": Metric(Kind.COUNTER, ("program", "event"), "alerts that were raised"),
    "notifier_failures": Metric(Kind.COUNTER, ("program", "notifier"), "alerts that a notifier could not send"),
}  # fmt: skip


def count(name: str, by: int = 1, **labels: str) -> None:
    """Add to a counter; zero too, so that it is there."""
    stats.incr(_full(name, Kind.COUNTER, labels), by, tags=labels)


def gauge(name: str, value: float, **labels: str) -> None:
    """Set a gauge."""
    stats.gauge(_full(name, Kind.GAUGE, labels), value, tags=labels)


@contextmanager
def stage_span(*, program: str, stage: str) -> Iterator[None]:
    """The block as a span `teleprompt.<stage>` below the task's."""
    from opentelemetry import trace

    attributes = {"teleprompt.program": program, "teleprompt.stage": stage}
    with trace.get_tracer("teleprompt").start_as_current_span(f"teleprompt.{stage}", attributes=attributes):
        yield


def measure_backlog(client: "MlflowClient", config: ProgramConfig) -> None:
    """Up to when a program's runs have looked at its traces, and how many came since.

    Nothing before its first run. What cannot be counted is logged, and hinders nobody.
    """
    from teleprompt.traces.volume import volume

    end, now = newest_window_end(client, config.name), datetime.now(UTC).replace(microsecond=0)
    if end is None or end >= now:
        return
    gauge("watermark_timestamp_seconds", end.timestamp(), program=config.slug)
    try:
        found = volume(client, config=config, window=Window(start=end, end=now), enough=config.optimization.min_traces)
    except TelepromptError as error:
        log.warning("The backlog of %s is not measured: %s", config.slug, error)
    else:
        gauge("backlog", found.calls, program=config.slug)


def measure_stage(record: Record, *, program: str, stage: str, seconds: float) -> None:
    """What a stage that did work came to, and how long it took."""
    gauge("stage_seconds", seconds, program=program, stage=stage)
    measure = _MEASURES.get(type(record).__name__)
    if measure is not None:
        measure(record, program)


def measure_unusable(error: InsufficientTracesError, *, program: str) -> None:
    """A window whose usable traces are too few for a snapshot."""
    _measure_rows(error.found, error.quarantined, program)


def _measure_snapshot(record: "SnapshotRecord", program: str) -> None:
    from teleprompt.traces.snapshot import read_snapshot

    snapshot = read_snapshot(record)
    _measure_rows(snapshot.trace_count, snapshot.quarantined, program)


def _measure_rows(usable: int, quarantined: Mapping[str, int], program: str) -> None:
    gauge("snapshot_rows", usable, program=program)
    gauge("quarantined_rows", sum(quarantined.values()), program=program)
    for reason, rows in quarantined.items():
        count("quarantined", rows, program=program, reason=reason)


def _measure_selection(record: "Selection", program: str) -> None:
    for candidate in record.scores:
        if candidate.score_e6 is not None:
            gauge("candidate_score", candidate.score_e6 / 1e6, program=program, seed=str(candidate.seed))
    spend = record.spend
    count("lm_calls", spend.calls, program=program)
    count("lm_tokens", spend.tokens_in + spend.tokens_out, program=program)
    count("lm_cost_usd_e6", spend.cost_e6, program=program)
    count("lm_unpriced", spend.unpriced, program=program)


def _measure_comparison(record: "Comparison", program: str) -> None:
    report = record.report
    count("verdicts", program=program, verdict=report.verdict.value)
    gauge("delta_points", report.delta_e6 / 1e4, program=program)


_MEASURES: Mapping[str, Callable[[Any, str], None]] = {
    "SnapshotRecord": _measure_snapshot,
    "Selection": _measure_selection,
    "Comparison": _measure_comparison,
}
"""By the record's type, whose modules are not imported for a look at its name."""


def _full(name: str, kind: Kind, labels: dict[str, str]) -> str:
    metric = METRICS[name]
    if metric.kind is not kind or set(labels) != set(metric.labels):
        raise ValueError(f"{name} is a {metric.kind} with the labels {metric.labels}")
    return f"teleprompt.{name}"
