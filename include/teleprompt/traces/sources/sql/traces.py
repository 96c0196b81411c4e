"""MLflow 3 traces, from the tables `trace_info`, its tags and metadata, `assessments` and `spans`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from teleprompt.traces.sources import tags
from teleprompt.traces.sources._assessments import EXPECTATION, FEEDBACK, Event, event, standing
from teleprompt.traces.sources._json import loads
from teleprompt.traces.sources._marks import DayMarks
from teleprompt.traces.sources._patience import patiently
from teleprompt.traces.sources._session_feedback import REACH, SessionFeedback
from teleprompt.traces.sources._trace_rows import (
    SIZE_BYTES,
    Payload,
    Places,
    SpanReader,
    TraceInfo,
    info_table,
    noted_bytes,
    payload_of,
    payload_of_trace,
    places_of,
    with_sessions,
    with_spans,
)
from teleprompt.traces.sources.call_span import CallShape, Span, is_the_call
from teleprompt.traces.sources.sql._source import CHUNK, EVER, SqlSource, one_of
from teleprompt.traces.sources.sql.database import Database
from teleprompt.window import EARLIEST, Window

if TYPE_CHECKING:
    import pyarrow as pa

SIZE = "mlflow.trace.sizeStats"
TAGS = (
    tags.PROGRAM,
    tags.CONTRIBUTOR_ID,
    tags.CONTRIBUTOR_ADDRESS,
    tags.PROGRAM_VERSION,
    tags.GROUP,
    tags.ASSIGNMENT_KEY,
    tags.ASSIGNMENT_SHARE,
    tags.PROPENSITY,
    tags.SESSION,
    tags.USER,
    SIZE,
    tags.SPANS_LOCATION,
)
NAMED = one_of("x.key", TAGS)
# Of a column that is empty in most rows SQLite does not say that it holds texts; of COALESCE it does.
ASSESSMENT_COLUMNS = (
    *("x.name", "x.assessment_type", "x.value", "x.created_timestamp", "x.valid", "x.source_type"),
    *(f"COALESCE(x.{name}, '') AS {name}" for name in ("source_id", "span_id", "rationale", "assessment_metadata")),
)
SPAN_COLUMNS = (
    *("x.span_id", "COALESCE(x.parent_span_id, '') AS parent_span_id", "COALESCE(x.name, '') AS name"),
    *("x.start_time_unix_nano", "x.content"),
)
MARKED_OF_ASSESSMENTS = (
    *("x.assessment_id", "x.last_updated_timestamp", "x.created_timestamp"),
    *("CASE WHEN x.valid THEN 1 ELSE 0 END AS valid", "x.name", "x.value", "x.source_type"),
    f"CASE WHEN x.assessment_metadata LIKE '%{tags.SESSION}%' THEN 1 ELSE 0 END AS of_session",
)
WHOLE_TRACES = 100
"""Traces of which all spans are read at a time."""


class TracesSqlSource(SqlSource):
    """Reads MLflow 3 traces by SQL; ids whose spans lie elsewhere (`elsewhere`) by the client."""

    kind = "traces"
    call_table = "trace_info"
    tag_tables = ("trace_tags", "trace_request_metadata")
    id_column = "request_id"
    reach = REACH

    def __init__(
        self,
        database: Database,
        experiment_ids: Sequence[str],
        *,
        page_size: int,
        outcomes: Sequence[str],
        shape: CallShape,
        elsewhere: SpanReader,
    ) -> None:
        super().__init__(database, experiment_ids, page_size=page_size)
        self._outcomes = frozenset(outcomes)
        self._shape = shape
        self._elsewhere = elsewhere

    def _of_window(self, window: Window) -> str:
        return (
            f"trace_info c WHERE c.experiment_id IN ({self._experiments}) "
            f"AND c.timestamp_ms >= {window.start_ms} AND c.timestamp_ms < {window.end_ms}"
        )

    def _calls(self, window: Window) -> str:
        return (
            "SELECT c.request_id AS trace_id, c.timestamp_ms AS started_at_ms, c.execution_time_ms AS latency_ms, "  # noqa: S608
            f"c.status AS status, COALESCE(c.session_id, '') AS session FROM {self._of_window(window)}"
        )

    def _arrived(self, window: Window) -> str:
        mine = self._mine(Window(start=EVER, end=window.end))
        return (
            f"SELECT a.name FROM assessments a JOIN (SELECT c.request_id FROM {mine}) calls "  # noqa: S608
            "ON calls.request_id = a.trace_id WHERE a.valid = TRUE "
            f"AND a.created_timestamp >= {window.start_ms} AND a.created_timestamp < {window.end_ms}"
        )

    def _starts(self, window: Window) -> str:
        return f"SELECT c.timestamp_ms FROM {self._of_window(window)}"  # noqa: S608

    def _add_to(self, marks: DayMarks, program: str, window: Window) -> None:
        """What was said of a session counts for its calls of the day after, too."""
        import pyarrow.compute as pc

        calls = self._changeable(
            program,
            "SELECT c.timestamp_ms AS at_ms, c.request_id, c.execution_time_ms, c.status "  # noqa: S608
            f"FROM {self._mine(window)}",
        )
        marks.add("call", calls)
        for table in self.tag_tables:
            for tagged in self._of_calls(table, "request_id", ("x.key", "x.value"), calls, NAMED):
                marks.add(table, tagged)
        for said in self._of_calls("assessments", "trace_id", MARKED_OF_ASSESSMENTS, calls):
            marks.add("assessment", said)
            marks.add("session", said.filter(pc.equal(said["of_session"], 1)), days_later=1)

    def _details(self, program: str, window: Window) -> Callable[["pa.Table", "pa.Table | None"], "pa.Table"]:
        before = Window(start=max(window.start - REACH, EARLIEST), end=window.end)
        sessions = patiently(partial(self._sessions, program, before))

        def details(calls: "pa.Table", known: "pa.Table | None") -> "pa.Table":
            infos = self._infos(program, calls)
            locations = {info.trace_id: info.said.get(tags.SPANS_LOCATION) for info in infos}
            numbers = {info.trace_id: _number_of_spans(info.said.get(SIZE)) for info in infos}

            def payloads(wanted: Sequence[str]) -> Mapping[str, Payload]:
                found = self._payloads([name for name in wanted if locations[name] == tags.IN_DATABASE], numbers)
                rest = [name for name in wanted if name not in found]
                return {**found, **(self._elsewhere.payloads(rest) if rest else {})}

            def places(wanted: Sequence[str]) -> Mapping[str, Places]:
                found = self._places([name for name in wanted if locations[name] == tags.IN_DATABASE])
                rest = [name for name in wanted if name not in found]
                return {**found, **(self._elsewhere.places(rest) if rest else {})}

            page = with_sessions(info_table(infos), sessions)
            return with_spans(page, known=known, outcomes=self._outcomes, reader=SpanReader(payloads, places))

        return details

    def _sizes(self, ids: "pa.Table") -> Sequence[int]:
        """MLflow notes the size of each trace; of one without a note it is guessed."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if not len(ids):
            return []
        names = ids["trace_id"].combine_chunks()
        key = one_of("x.key", (SIZE_BYTES,))
        known = [
            self._of("trace_request_metadata", "request_id", ("x.value",), names.slice(first, CHUNK), key)
            for first in range(0, len(names), CHUNK)
        ]
        pair = pa.schema([("id", pa.string()), ("size", pa.string())])
        table = pa.concat_tables([part.rename_columns(pair.names).cast(pair) for part in known])
        sizes = table.column(1).combine_chunks().take(pc.index_in(names, value_set=table.column(0).combine_chunks()))
        return [noted_bytes(size) for size in sizes.to_pylist()]

    def _infos(self, program: str, calls: "pa.Table") -> list[TraceInfo]:
        """What is known of the calls without spans."""
        ids = calls["trace_id"].combine_chunks()
        trace_tags = _by_id(self._of("trace_tags", "request_id", ("x.key", "x.value"), ids, NAMED))
        metadata = _by_id(self._of("trace_request_metadata", "request_id", ("x.key", "x.value"), ids, NAMED))
        history = _history(self._of("assessments", "trace_id", ASSESSMENT_COLUMNS, ids))
        infos = []
        for call in calls.to_pylist():
            session = {tags.SESSION: call["session"]} if call["session"] else {}
            said = {**session, **metadata.get(call["trace_id"], {}), **trace_tags.get(call["trace_id"], {})}
            if said.get(tags.PROGRAM) == program:  # else deleted since, or a tag that contradicts the metadata
                infos.append(
                    TraceInfo(
                        trace_id=call["trace_id"],
                        status=call["status"],
                        started_at_ms=call["started_at_ms"],
                        latency_ms=call["latency_ms"],
                        said=said,
                        outcomes=standing(history.get(call["trace_id"], ())),
                        is_tagged=tags.PROGRAM in trace_tags.get(call["trace_id"], {}),
                    )
                )
        return infos

    def _sessions(self, program: str, window: Window) -> SessionFeedback:
        """What was said of whole sessions on the calls of a window."""
        import pyarrow as pa

        about = f"x.assessment_metadata LIKE '%{tags.SESSION}%'"
        found = self._database.query(
            "SELECT c.request_id AS trace_id, c.timestamp_ms AS started_at_ms, c.session_id AS session "  # noqa: S608
            f"FROM {self._mine(window)} AND c.session_id IS NOT NULL "
            f"AND EXISTS (SELECT 1 FROM assessments x WHERE x.trace_id = c.request_id AND {about})",
            program,
        )
        sessions = SessionFeedback()
        if len(found):
            ids = found["trace_id"].cast(pa.string()).combine_chunks()
            history = _history(self._of("assessments", "trace_id", ASSESSMENT_COLUMNS, ids))
            for row in sorted(found.to_pylist(), key=lambda row: (row["started_at_ms"], row["trace_id"])):
                outcomes = standing(history.get(row["trace_id"], ()))
                sessions.add(row["session"], row["started_at_ms"], row["trace_id"], outcomes)
        return sessions

    def _payloads(self, trace_ids: Sequence[str], numbers: Mapping[str, int]) -> dict[str, Payload]:
        """What spans tell; a trace is left out that holds none, or not all yet of which the call may be one.

        Most calls are the span without a parent: only of others all spans are read.
        """
        found = {}
        for trace_id, spans in self._spans(trace_ids, " AND x.parent_span_id IS NULL").items():
            root = spans[0] if len(spans) == 1 else None
            if root is not None and is_the_call(root, self._shape):
                found[trace_id] = payload_of(root, self._shape)
        unclear = [name for name in trace_ids if name not in found]
        for first in range(0, len(unclear), WHOLE_TRACES):
            for trace_id, some in self._spans(unclear[first : first + WHOLE_TRACES]).items():
                if len(some) >= numbers[trace_id]:
                    found[trace_id] = payload_of_trace(some, self._shape)
        return found

    def _places(self, trace_ids: Sequence[str]) -> dict[str, Places]:
        spans = self._spans(trace_ids)
        return {
            name: places_of([span for span in some if span is not None], self._shape) for name, some in spans.items()
        }

    def _spans(self, trace_ids: Sequence[str], more: str = "") -> dict[str, list[Span | None]]:
        """The spans of traces that have any; None for one that is damaged."""
        import pyarrow as pa

        if not trace_ids:
            return {}
        found: dict[str, list[Span | None]] = {}
        table = self._of("spans", "trace_id", SPAN_COLUMNS, pa.array(trace_ids), more)
        for trace_id, *known, content in zip(*(column.to_pylist() for column in table.columns), strict=True):
            if content:
                found.setdefault(trace_id, []).append(_span(known, content))
        return found


def _number_of_spans(size: str | None) -> int:
    """How many spans a trace has, as MLflow counted them; 0 where it did not."""
    try:
        return int(loads(size or "{}")["num_spans"])
    except (ValueError, TypeError, KeyError):
        return 0


def _span(known: Sequence[Any], content: str) -> Span | None:
    """A span by its columns before the content; None for one that is damaged."""
    span_id, parent_id, name, started_ns = known
    try:
        attributes = loads(content)["attributes"]
    except (ValueError, RecursionError, TypeError, KeyError):
        return None
    return Span(span_id, parent_id or None, name, int(started_ns), attributes) if isinstance(attributes, dict) else None


def _by_id(tall: "pa.Table") -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name, key, value in zip(*(tall.column(i).to_pylist() for i in range(3)), strict=True):
        found.setdefault(name, {})[key] = value
    return found


def _history(assessments: "pa.Table") -> dict[str, list[Event | None]]:
    found: dict[str, list[Event | None]] = {}
    for row in _rows(assessments):
        if row["valid"] and row["assessment_type"] in {FEEDBACK, EXPECTATION}:
            found.setdefault(row["trace_id"], []).append(
                event(
                    row["name"],
                    _json(row["value"]),
                    row["created_timestamp"],
                    kind=row["assessment_type"],
                    source=row["source_type"],
                    rater=row["source_id"],
                    span=row["span_id"],
                    rationale=row["rationale"],
                    metadata=_json(row["assessment_metadata"] or "null"),
                )
            )
    return found


def _json(text: str) -> Any:
    """A value; one that cannot be read is no number."""
    try:
        return loads(text)
    except (ValueError, RecursionError):
        return text


def _rows(table: "pa.Table") -> Iterator[dict[str, Any]]:
    names = table.column_names
    for values in zip(*(column.to_pylist() for column in table.columns), strict=True):
        yield dict(zip(names, values, strict=True))
