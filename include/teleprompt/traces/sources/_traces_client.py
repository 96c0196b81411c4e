"""Calls logged as MLflow 3 traces (spans, feedback, expectations, tags or metadata), read by MLflow's client.

Spans cost ten to fifteen times what the rest of a trace does, so they are fetched only where they can matter: for a
finished call that has an outcome, and that was not read before.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from teleprompt.errors import TelepromptError
from teleprompt.traces.sources import tags
from teleprompt.traces.sources._assessments import EXPECTATION, FEEDBACK, event, standing
from teleprompt.traces.sources._damage import DamagedError, asked, past_damage
from teleprompt.traces.sources._filters import METADATA, TAG, WHERE_NAMED, calls_of
from teleprompt.traces.sources._marks import DayMarks
from teleprompt.traces.sources._patience import patiently
from teleprompt.traces.sources._probing import CountsByProbing
from teleprompt.traces.sources._session_feedback import REACH_MS, SessionFeedback
from teleprompt.traces.sources._trace_marks import add_calls, add_sessions
from teleprompt.traces.sources._trace_rows import (
    Payload,
    Places,
    SpanReader,
    TraceInfo,
    cut_by_size,
    info_table,
    note_sessions,
    payload_of_trace,
    places_of,
    with_sessions,
    with_spans,
)
from teleprompt.traces.sources.call_span import CallShape, Span
from teleprompt.traces.sources.merge import in_time_order
from teleprompt.traces.sources.raw import in_order
from teleprompt.window import Window

if TYPE_CHECKING:
    import pyarrow as pa
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

MAX_PAGE = 500
"""MLflow's page limit for traces."""

SPAN_BATCH = 100
PART_BYTES = 8 * 2**20
"""Spans of so many bytes are read at a time, as MLflow noted their size."""
IN_A_SESSION = f" AND metadata.`{tags.SESSION}` IS NOT NULL"


BAD_REQUEST = 400


class UnknownFilterError(TelepromptError):
    """MLflow is older than a filter that cannot be done without."""

    def __init__(self, wanted: str) -> None:
        super().__init__(f"This MLflow does not know the filter {wanted}; use a newer MLflow there.")


class TracesClientSource(CountsByProbing):
    """Reads MLflow 3 traces through the client.

    `outcomes` names the metrics of which a call needs at least one for its spans to be worth fetching; if it is empty,
    all finished calls' are. `shape` tells the program's call among the spans.
    """

    kind = "traces"
    route = "client"

    def __init__(
        self,
        client: "MlflowClient",
        experiment_ids: Sequence[str],
        *,
        page_size: int,
        outcomes: Sequence[str],
        shape: CallShape,
    ) -> None:
        self._client = client
        self._experiment_ids = list(experiment_ids)
        self._page_size = min(page_size, MAX_PAGE)
        self._outcomes = frozenset(outcomes)
        self._shape = shape
        self._marks = DayMarks()

    def read(self, program: str, window: Window, *, known: "pa.Table | None" = None) -> Iterator["pa.Table"]:
        """The traces of `program` that started in `window`; spans of those in `known` are not fetched again."""
        if not self._experiment_ids:
            return
        sessions, self._marks = SessionFeedback(), DayMarks()
        for page in self._before(program, window):
            add_sessions(self._marks, page)
            note_sessions(page, sessions)
        reader = SpanReader(self.payloads, self.places)
        for page in self._of_window(program, window):
            add_calls(self._marks, page)
            note_sessions(page, sessions)
            for part in cut_by_size(page, PART_BYTES):
                yield with_spans(with_sessions(part, sessions), known=known, outcomes=self._outcomes, reader=reader)

    def marks(self, program: str, windows: Sequence[Window]) -> list[str]:
        """A digest of each UTC day: of its calls without their spans, whose size says whether they are complete."""
        marks = DayMarks()
        for stretch in _stretches(windows) if self._experiment_ids else ():
            for page in self._before(program, stretch):
                add_sessions(marks, page)
            for page in self._of_window(program, stretch):
                add_calls(marks, page)
        return marks.of(window.start_ms for window in windows)

    def noted(self, day: Window) -> str:
        """The mark of a UTC day as `read` has read it."""
        return self._marks.of([day.start_ms])[0]

    def _before(self, program: str, window: Window) -> Iterator["pa.Table"]:
        """The calls before a window whose session may go on in it."""
        start_ms, end_ms = window.start_ms - REACH_MS, window.start_ms
        return in_time_order(
            [self._pages(program, start_ms, end_ms, place=place, more=IN_A_SESSION) for place in WHERE_NAMED]
        )

    def _of_window(self, program: str, window: Window) -> Iterator["pa.Table"]:
        return in_time_order(
            [self._pages(program, window.start_ms, window.end_ms, place=place) for place in WHERE_NAMED]
        )

    def _pages(self, program: str, start_ms: int, end_ms: int, *, place: str, more: str = "") -> Iterator["pa.Table"]:
        """The traces that name the program in their tags or in their metadata; what their tags say goes first."""
        tagged: set[str] = set()

        def fetch(end_ms: int, start_ms: int, token: str | None) -> tuple["pa.Table", str | None]:
            nonlocal more
            wanted = _traces_of(program, start_ms, end_ms, place=place) + more
            try:
                infos, following = asked(partial(self._search, wanted, token), self._client)
            except DamagedError:
                if self._understands(_traces_of(program, 0, 0, place=place) + more):
                    raise
                if more:
                    more = ""  # all calls of the day before, then
                    return fetch(end_ms, start_ms, token)
                if place == TAG:
                    raise UnknownFilterError(wanted) from None
                log.warning(
                    "This MLflow does not search by metadata; traces that name %s only there go unseen", program
                )
                infos, following = [], None
            if place == METADATA:
                tagged.update(info.trace_id for info in infos if info.is_tagged)
            return in_order(info_table(infos)), following

        for page in past_damage(fetch, start_ms, end_ms):
            yield _without(page, tagged) if tagged else page

    def _search(self, wanted: str, token: str | None) -> tuple[list[TraceInfo], str | None]:
        page = self._client.search_traces(
            locations=self._experiment_ids,
            filter_string=wanted,
            max_results=self._page_size,
            order_by=["timestamp_ms ASC"],
            page_token=token,
            include_spans=False,
        )
        return [_info(trace.info) for trace in page], page.token

    def _understands(self, filter_of_nothing: str) -> bool:
        """Whether MLflow answers a search that finds nothing; an older one may not know what it filters by."""
        from mlflow.exceptions import MlflowException

        try:
            self._search(filter_of_nothing, None)
        except MlflowException as error:
            return bool(error.get_http_status_code() != BAD_REQUEST)
        return True

    def beside(self, program: str, window: Window) -> int:
        """How many calls name the program in their metadata only; mostly none, which one request tells."""
        if not self._experiment_ids:
            return 0
        return sum(len(page) for page in self._pages(program, window.start_ms, window.end_ms, place=METADATA))

    def nth(self, program: str, window: Window, offset: int) -> int:
        """How many of the traces at `offset` and `offset + 1` exist, in order of start."""
        from mlflow.utils.search_utils import SearchTraceUtils

        if not self._experiment_ids:
            return 0
        two = partial(
            self._client.search_traces,
            locations=self._experiment_ids,
            filter_string=_traces_of(program, window.start_ms, window.end_ms),
            max_results=2,
            page_token=SearchTraceUtils.create_page_token(offset).decode() if offset else None,
            include_spans=False,
        )
        try:
            return len(asked(two, self._client, times=2))
        except DamagedError:  # something is there that MLflow cannot read
            return 2

    def payloads(self, trace_ids: Sequence[str]) -> dict[str, Payload]:
        """What the spans tell of the traces whose spans can be read; damaged ones are told apart."""
        return {trace_id: payload_of_trace(spans, self._shape) for trace_id, spans in self._spans(trace_ids)}

    def places(self, trace_ids: Sequence[str]) -> dict[str, Places]:
        """The spans of traces by id: the name, and whether it is the call or without a parent."""
        return {trace_id: places_of(spans, self._shape) for trace_id, spans in self._spans(trace_ids)}

    def _spans(self, trace_ids: Sequence[str]) -> Iterator[tuple[str, list[Span]]]:
        for first in range(0, len(trace_ids), SPAN_BATCH):
            yield from self._batch(list(trace_ids[first : first + SPAN_BATCH]))

    def _batch(self, trace_ids: list[str]) -> Iterator[tuple[str, list[Span]]]:
        """The spans of traces; none of a trace that is damaged."""
        spans = partial(self._fetch, trace_ids)
        try:
            yield from patiently(lambda: asked(spans, self._client, times=2 if len(trace_ids) == 1 else 1))
        except DamagedError as error:
            if len(trace_ids) == 1:
                log.warning("Trace %s is damaged (%s)", trace_ids[0], error)
                yield trace_ids[0], []
                return
            half = len(trace_ids) // 2
            yield from self._batch(trace_ids[:half])
            yield from self._batch(trace_ids[half:])

    def _fetch(self, trace_ids: list[str]) -> list[tuple[str, list[Span]]]:
        """All at once from the store; the client asks anew for what is known of each trace without its spans."""
        from mlflow.exceptions import MlflowTracingException
        from mlflow.tracing.client import TracingClient

        try:
            traces = TracingClient(self._client.tracking_uri).store.batch_get_traces(trace_ids)
        except MlflowTracingException:  # the spans of some are files
            return self._fetch_from_anywhere(trace_ids)
        return [_spans_of(trace) for trace in traces]

    def _fetch_from_anywhere(self, trace_ids: list[str]) -> list[tuple[str, list[Span]]]:
        from mlflow.tracing.client import TracingClient

        return [_spans_of(trace) for trace in TracingClient(self._client.tracking_uri).batch_get_traces(trace_ids)]


def _spans_of(trace: Any) -> tuple[str, list[Span]]:
    return trace.info.trace_id, [_span(span) for span in trace.data.spans]


def _span(span: Any) -> Span:
    # Not `span.attributes`: one that is damaged would take the others with it.
    return Span(span.span_id, span.parent_id, span.name, span.start_time_ns, span.to_dict()["attributes"])


def _stretches(windows: Sequence[Window]) -> list[Window]:
    """Windows in order as few: those that follow each other without a gap are one."""
    found: list[Window] = []
    for window in windows:
        if found and found[-1].end == window.start:
            found[-1] = Window(start=found[-1].start, end=window.end)
        else:
            found.append(window)
    return found


def _traces_of(program: str, start_ms: int, end_ms: int, *, place: str = TAG) -> str:
    return calls_of(program, start_ms=start_ms, end_ms=end_ms, time="trace.timestamp_ms", place=place)


def _without(page: "pa.Table", trace_ids: Iterable[str]) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.compute as pc

    return page.filter(pc.invert(pc.is_in(page["trace_id"], value_set=pa.array(list(trace_ids), pa.string()))))


def _info(info: Any) -> TraceInfo:
    return TraceInfo(
        trace_id=info.trace_id,
        status=str(info.state.value),
        started_at_ms=info.request_time,
        latency_ms=info.execution_duration,
        said={**info.trace_metadata, **info.tags},
        outcomes=standing(
            event(
                a.name,
                (a.feedback or a.expectation).value,
                a.create_time_ms,
                kind=FEEDBACK if a.feedback is not None else EXPECTATION,
                source=a.source.source_type if a.source else None,
                rater=a.source.source_id if a.source else None,
                span=a.span_id,
                rationale=a.rationale,
                metadata=a.metadata,
            )
            for a in info.assessments
            if a.valid is not False and (a.feedback is not None or a.expectation is not None)
        ),
        is_tagged=tags.PROGRAM in info.tags,
    )
