"""Runs, from the tables `runs`, `params`, `latest_metrics` and `tags`."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from teleprompt.traces.sources import tags
from teleprompt.traces.sources._marks import DayMarks
from teleprompt.traces.sources.raw import INPUT_PREFIX, METRIC, OUTPUT_PREFIX, raw_schema
from teleprompt.traces.sources.sql._pivot import flat, grouped, lookup, to_maps
from teleprompt.traces.sources.sql._source import EVER, SqlSource, one_of
from teleprompt.window import Window

if TYPE_CHECKING:
    import pyarrow as pa

TAGS = (
    tags.PROGRAM,
    tags.CONTRIBUTOR_ID,
    tags.CONTRIBUTOR_ADDRESS,
    tags.PROGRAM_VERSION,
    tags.GROUP,
    tags.ASSIGNMENT_KEY,
    tags.ASSIGNMENT_SHARE,
    tags.PROPENSITY,
)
NAMED = one_of("x.key", TAGS)
METRIC_COLUMNS = ("x.key", "x.value", "x.timestamp", "x.is_nan")


class RunsSqlSource(SqlSource):
    """Reads MLflow runs by SQL."""

    kind = "runs"
    call_table = "runs"
    tag_tables = ("tags",)
    id_column = "run_uuid"

    def _of_window(self, window: Window) -> str:
        return (
            f"runs c WHERE c.lifecycle_stage = 'active' AND c.experiment_id IN ({self._experiments}) "
            f"AND c.start_time >= {window.start_ms} AND c.start_time < {window.end_ms}"
        )

    def _calls(self, window: Window) -> str:
        return (
            "SELECT c.run_uuid AS trace_id, c.start_time AS started_at_ms, c.end_time - c.start_time AS latency_ms, "  # noqa: S608
            f"c.status AS status FROM {self._of_window(window)}"
        )

    def _arrived(self, window: Window) -> str:
        mine = self._mine(Window(start=EVER, end=window.end))
        return (
            f"SELECT m.key FROM latest_metrics m JOIN (SELECT c.run_uuid FROM {mine}) calls "  # noqa: S608
            "ON calls.run_uuid = m.run_uuid "
            f"WHERE m.timestamp >= {window.start_ms} AND m.timestamp < {window.end_ms}"
        )

    def _starts(self, window: Window) -> str:
        return f"SELECT c.start_time FROM {self._of_window(window)}"  # noqa: S608

    def _add_to(self, marks: DayMarks, program: str, window: Window) -> None:
        calls = self._changeable(
            program,
            "SELECT c.start_time AS at_ms, c.run_uuid, c.end_time, c.status "  # noqa: S608
            f"FROM {self._mine(window)}",
        )
        marks.add("call", calls)
        for rows in self._of_calls("latest_metrics", "run_uuid", METRIC_COLUMNS, calls):
            marks.add("metric", rows)
        for rows in self._of_calls("tags", "run_uuid", ("x.key", "x.value"), calls, NAMED):
            marks.add("tag", rows)

    def _details(self, program: str, window: Window) -> Callable[["pa.Table", "pa.Table | None"], "pa.Table"]:
        del program, window
        return lambda calls, _known: self._rows(calls)

    def _rows(self, calls: "pa.Table") -> "pa.Table":
        import pyarrow as pa
        import pyarrow.compute as pc

        ids = calls["trace_id"].combine_chunks()
        run_tags = self._of("tags", "run_uuid", ("x.key", "x.value"), ids, NAMED)
        # A run that was deleted for good since the ids were read has no tags any more.
        there = pc.is_in(ids, value_set=run_tags.column(0).combine_chunks())
        calls, ids = calls.filter(there), ids.filter(there)
        params = self._of("params", "run_uuid", ("x.key", "x.value"), ids)
        metrics = self._of("latest_metrics", "run_uuid", METRIC_COLUMNS, ids)
        inputs, outputs = to_maps(params, ids, (INPUT_PREFIX, OUTPUT_PREFIX))
        status = calls["status"].combine_chunks()
        columns = {
            "trace_id": ids,
            "source": pa.repeat("runs", len(ids)),
            "started_at_ms": calls["started_at_ms"],
            "latency_ms": calls["latency_ms"],
            "failed": pc.is_in(status, value_set=pa.array(["FAILED", "KILLED"])),
            "inputs": inputs,
            "outputs": outputs,
            "forms": pa.array([[]] * len(ids), raw_schema().field("forms").type),
            "outcomes": _outcomes(metrics, ids),
            "contributor_id": lookup(run_tags, ids, tags.CONTRIBUTOR_ID),
            "contributor_address": lookup(run_tags, ids, tags.CONTRIBUTOR_ADDRESS),
            "program_version": lookup(run_tags, ids, tags.PROGRAM_VERSION),
            "group": lookup(run_tags, ids, tags.GROUP),
            "user": pa.nulls(len(ids), pa.string()),
            "assignment_key": lookup(run_tags, ids, tags.ASSIGNMENT_KEY),
            "assignment_share": lookup(run_tags, ids, tags.ASSIGNMENT_SHARE),
            "propensity": lookup(run_tags, ids, tags.PROPENSITY),
        }
        return pa.table(columns).cast(raw_schema())


def _outcomes(metrics: "pa.Table", ids: "pa.Array") -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    rows, offsets = grouped(metrics, ids, ["timestamp", "key"])
    nan = pc.cast(rows["is_nan"], pa.bool_())
    value = pc.if_else(nan, pa.scalar(float("nan")), pc.cast(rows["value"], pa.float64()))
    columns = {
        "name": flat(pc.cast(rows["key"], pa.string())),
        "value": flat(value),
        "at_ms": flat(pc.cast(rows["timestamp"], pa.int64())),
        "kind": pa.repeat(METRIC, len(rows)),
        "on_call": pa.repeat(True, len(rows)),
        "of_session": pa.repeat(False, len(rows)),
    }
    members = raw_schema().field("outcomes").type.value_type
    nothing = pa.nulls(len(rows), pa.string())
    struct = pa.StructArray.from_arrays([columns.get(member.name, nothing) for member in members], fields=list(members))
    return pa.ListArray.from_arrays(offsets, struct)
