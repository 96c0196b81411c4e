"""MLflow 3 traces, from the tables `trace_info`, its tags and metadata, `assessments` and `spans`."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from teleprompt.traces.sources import tags
from teleprompt.traces.sources._outcome_history import Assessed, assessed
from teleprompt.traces.sources._traces_client import (
    Said,
    add_info,
    payload,
    with_payload,
)
from teleprompt.traces.sources.raw import raw_schema
from teleprompt.traces.sources.sql._source import DAY_MS, EVER, SqlSource, one_of
from teleprompt.traces.sources.sql.database import Database
from teleprompt.window import Window

if TYPE_CHECKING:
    import pyarrow as pa

SPANS_LOCATION = "mlflow.trace.spansLocation"
IN_DATABASE = "TRACKING_STORE"
TAGS = (
    tags.PROGRAM,
    tags.CONTRIBUTOR_ID,
    tags.CONTRIBUTOR_ADDRESS,
    tags.PROGRAM_VERSION,
    tags.GROUP,
    SPANS_LOCATION,
)
NAMED = one_of("x.key", TAGS)
ASSESSMENT_COLUMNS = ("assessment_id", "name", "assessment_type", "value", "created_timestamp", "valid")
METADATA_COLUMNS = ("assessment_id", "assessment_metadata")


class TracesSqlSource(SqlSource):
    """Reads MLflow 3 traces by SQL; ids whose spans lie elsewhere (`fetch_elsewhere`) by the client."""

    kind = "traces"
    call_table = "trace_info"
    tag_table = "trace_tags"
    id_column = "request_id"

    def __init__(
        self,
        database: Database,
        experiment_ids: Sequence[str],
        *,
        outcomes: Sequence[str],
        fetch_elsewhere: Callable[[Sequence[str]], dict[str, Said]],
    ) -> None:
        super().__init__(database, experiment_ids)
        self._outcomes = frozenset(outcomes)
        self._fetch_elsewhere = fetch_elsewhere

    def _of_window(self, window: Window) -> str:
        return (
            f"trace_info c WHERE c.experiment_id IN ({self._experiments}) "
            f"AND c.timestamp_ms >= {window.start_ms} AND c.timestamp_ms < {window.end_ms}"
        )

    def _calls(self, window: Window) -> str:
        return (
            "SELECT c.request_id AS trace_id, c.timestamp_ms AS started_at_ms, c.execution_time_ms AS latency_ms, "  # noqa: S608
            f"c.status AS status FROM {self._of_window(window)}"
        )

    def _arrived(self, window: Window) -> str:
        mine = self._mine(Window(start=EVER, end=window.end))
        return (
            f"SELECT a.name FROM assessments a JOIN (SELECT c.request_id FROM {mine}) calls "  # noqa: S608
            "ON calls.request_id = a.trace_id WHERE a.valid = TRUE "
            f"AND a.created_timestamp >= {window.start_ms} AND a.created_timestamp < {window.end_ms}"
        )

    def _marks(self, window: Window) -> str:
        return (
            f"SELECT calls.timestamp_ms - calls.timestamp_ms % {DAY_MS} AS day_ms, "  # noqa: S608
            "COUNT(DISTINCT calls.request_id) AS calls, COUNT(a.assessment_id) AS outcomes, "
            "MAX(a.last_updated_timestamp) AS latest, SUM(CASE WHEN a.valid THEN 1 ELSE 0 END) AS total, "
            "SUM(calls.execution_time_ms) AS ends, SUM(CASE WHEN calls.status = 'OK' THEN 1 ELSE 0 END) AS finished "
            "FROM (SELECT c.request_id, c.timestamp_ms, c.execution_time_ms, c.status "
            f"FROM {self._mine(window)}) calls "
            "LEFT JOIN assessments a ON a.trace_id = calls.request_id "
            f"GROUP BY calls.timestamp_ms - calls.timestamp_ms % {DAY_MS}"
        )

    def _details(self, calls: "pa.Table", known: "pa.Table | None") -> "pa.Table":
        import pyarrow as pa
        import pyarrow.compute as pc

        ids = calls["trace_id"].combine_chunks()
        trace_tags = _by_id(self._of("trace_tags", "request_id", ("key", "value"), ids, NAMED))
        there = pc.is_in(ids, value_set=pa.array(list(trace_tags), pa.string()))
        calls, ids = calls.filter(there), ids.filter(there)
        metadata = _by_id(self._of("trace_request_metadata", "request_id", ("key", "value"), ids, NAMED))
        # Apart from the values: of a column that is empty in most rows SQLite does not say that it holds texts.
        has_metadata = " AND x.assessment_metadata IS NOT NULL"
        outcomes = _outcomes_by_id(
            self._of("assessments", "trace_id", ASSESSMENT_COLUMNS, ids),
            self._of("assessments", "trace_id", METADATA_COLUMNS, ids, has_metadata),
        )
        columns: dict[str, list[Any]] = {name: [] for name in raw_schema().names}
        for call in calls.to_pylist():
            trace_id = call["trace_id"]
            add_info(
                columns,
                trace_id=trace_id,
                status=call["status"],
                started_at_ms=call["started_at_ms"],
                latency_ms=call["latency_ms"],
                said={**metadata.get(trace_id, {}), **trace_tags[trace_id]},
                outcomes=outcomes.get(trace_id, []),
            )
        page = pa.table(columns, schema=raw_schema())

        def fetch(wanted: Sequence[str]) -> dict[str, Said]:
            here = [name for name in wanted if trace_tags[name].get(SPANS_LOCATION) == IN_DATABASE]
            found = self._payloads(here)
            rest = [name for name in wanted if name not in found]
            return found | (self._fetch_elsewhere(rest) if rest else {})

        return with_payload(page, known=known, outcomes=self._outcomes, fetch=fetch)

    def _payloads(self, trace_ids: Sequence[str]) -> dict[str, Said]:
        """Inputs and outputs from root spans; a trace that holds none, or is not complete, is left out."""
        import pyarrow as pa

        if not trace_ids:
            return {}
        spans = self._of("spans", "trace_id", ("content",), pa.array(trace_ids), " AND parent_span_id IS NULL")
        found = {}
        for trace_id, content in zip(spans.column(0).to_pylist(), spans.column(1).to_pylist(), strict=True):
            if content:
                attributes = json.loads(content).get("attributes", {})
                found[trace_id] = payload(
                    _attribute(attributes, "mlflow.spanInputs"), _attribute(attributes, "mlflow.spanOutputs")
                )
        return found


def _attribute(attributes: Mapping[str, Any], name: str) -> Any:
    value = attributes.get(name)
    return json.loads(value) if isinstance(value, str) else value


def _by_id(tall: "pa.Table") -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name, key, value in zip(*(tall.column(i).to_pylist() for i in range(3)), strict=True):
        found.setdefault(name, {})[key] = value
    return found


def _outcomes_by_id(assessments: "pa.Table", metadata: "pa.Table") -> dict[str, list[Assessed]]:
    texts = {row["assessment_id"]: row["assessment_metadata"] for row in metadata.to_pylist()}
    found: dict[str, list[Assessed]] = {}
    for row in assessments.to_pylist():
        if row["valid"] and row["assessment_type"] in {"feedback", "expectation"}:
            own = json.loads(texts.get(row["assessment_id"], "null"))
            outcome = assessed(row["name"], json.loads(row["value"]), row["created_timestamp"], own)
            found.setdefault(row["trace_id"], []).append(outcome)
    return found
