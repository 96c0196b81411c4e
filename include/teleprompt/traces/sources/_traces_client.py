"""Calls logged as MLflow 3 traces (spans, feedback, expectations, tags or metadata), read by MLflow's client.

Spans cost ten to fifteen times what the rest of a trace does, so they are fetched only where they can matter: for a
finished call that has an outcome, and that was not read before.
"""

import logging
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from teleprompt.traces.sources import tags
from teleprompt.traces.sources._assessments import EXPECTATION, FEEDBACK, event, standing
from teleprompt.traces.sources._damage import past_damage
from teleprompt.traces.sources._filters import METADATA, TAG, WHERE_NAMED, calls_of
from teleprompt.traces.sources._patience import patiently
from teleprompt.traces.sources._probing import CountsByProbing
from teleprompt.traces.sources._session_feedback import REACH_MS, SessionFeedback
from teleprompt.traces.sources._trace_rows import (
    Payload,
    SpanReader,
    TraceInfo,
    info_table,
    payload_of,
    unreadable,
    with_spans,
)
from teleprompt.traces.sources.call_span import CallShape, Span, call_span
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

    def read(self, program: str, window: Window, *, known: "pa.Table | None" = None) -> Iterator["pa.Table"]:
        """The traces of `program` that started in `window`; spans of those in `known` are not fetched again."""
        if not self._experiment_ids:
            return
        sessions = self._sessions_before(program, window)
        reader = SpanReader(self.payloads, self.places)
        pages = [self._pages(program, window, sessions, place=place) for place in WHERE_NAMED]
        for page in in_time_order(pages):
            yield with_spans(page, known=known, outcomes=self._outcomes, reader=reader)

    def _pages(self, program: str, window: Window, sessions: SessionFeedback, *, place: str) -> Iterator["pa.Table"]:
        """The traces that name the program in their tags or in their metadata; what their tags say goes first."""

        def fetch(end_ms: int, start_ms: int, token: str | None) -> tuple["pa.Table", str | None]:
            infos, more = self._page(_traces_of(program, start_ms, end_ms, place=place), token)
            page = in_order(info_table([_read(info) for info in infos], sessions))
            if place == TAG:
                return page, more
            tagged = [info.trace_id for info in infos if tags.PROGRAM in info.tags]
            return _without(page, tagged), more

        return past_damage(fetch, window.start_ms, window.end_ms, answers=self._answers)

    def _page(self, wanted: str, token: str | None) -> tuple[list[Any], str | None]:
        page = self._client.search_traces(
            locations=self._experiment_ids,
            filter_string=wanted,
            max_results=self._page_size,
            order_by=["timestamp_ms ASC"],
            page_token=token,
            include_spans=False,
        )
        return [trace.info for trace in page], page.token

    def _sessions_before(self, program: str, window: Window) -> SessionFeedback:
        """What was said of sessions on the calls shortly before the window."""
        sessions = SessionFeedback()
        for place in WHERE_NAMED:
            before = _traces_of(program, window.start_ms - REACH_MS, window.start_ms, place=place)
            for infos in self._all_pages(f"{before} AND metadata.`{tags.SESSION}` IS NOT NULL"):
                info_table([_read(info) for info in infos], sessions)
        return sessions

    def _all_pages(self, wanted: str) -> Iterator[list[Any]]:
        token: str | None = None
        while True:
            infos, token = patiently(partial(self._page, wanted, token))
            yield infos
            if not token:
                return

    def beside(self, program: str, window: Window) -> int:
        """How many calls name the program in their metadata only; mostly none, which one request tells."""
        if not self._experiment_ids:
            return 0
        wanted = _traces_of(program, window.start_ms, window.end_ms, place=METADATA)
        return sum(tags.PROGRAM not in info.tags for infos in self._all_pages(wanted) for info in infos)

    def nth(self, program: str, window: Window, offset: int) -> int:
        """How many of the traces at `offset` and `offset + 1` exist, in order of start."""
        from mlflow.utils.search_utils import SearchTraceUtils

        if not self._experiment_ids:
            return 0
        page = self._client.search_traces(
            locations=self._experiment_ids,
            filter_string=_traces_of(program, window.start_ms, window.end_ms),
            max_results=2,
            page_token=SearchTraceUtils.create_page_token(offset).decode() if offset else None,
            include_spans=False,
        )
        return len(page)

    def payloads(self, trace_ids: Sequence[str]) -> dict[str, Payload]:
        """What the spans tell of the traces whose spans can be read; damaged ones are told apart."""
        found: dict[str, Payload] = {}
        for trace_id, spans in self._spans(trace_ids):
            if spans is None:
                found[trace_id] = unreadable()
            elif (span := call_span(spans, self._shape)) is not None:
                found[trace_id] = payload_of(span, self._shape)
        return found

    def places(self, trace_ids: Sequence[str]) -> dict[str, dict[str, str | None]]:
        """The names of the traces' spans by id; None for the call, and for those without a parent."""
        found = {}
        for trace_id, spans in self._spans(trace_ids):
            call = call_span(spans or [], self._shape)
            found[trace_id] = {
                span.span_id: None if span.parent_id is None or span is call else span.name for span in spans or []
            }
        return found

    def _spans(self, trace_ids: Sequence[str]) -> Iterator[tuple[str, list[Span] | None]]:
        for first in range(0, len(trace_ids), SPAN_BATCH):
            yield from self._batch(list(trace_ids[first : first + SPAN_BATCH]))

    def _batch(self, trace_ids: list[str]) -> Iterator[tuple[str, list[Span] | None]]:
        """The spans of traces; None for those of a trace that cannot be read though MLflow answers."""
        from mlflow.tracing.client import TracingClient

        tracing = TracingClient(self._client.tracking_uri)
        try:
            traces = patiently(partial(tracing.batch_get_traces, trace_ids), answers=self._answers)
        except Exception as error:
            if not self._answers():
                raise
            if len(trace_ids) == 1:
                log.warning("Trace %s is damaged (%s)", trace_ids[0], type(error).__name__)
                yield trace_ids[0], None
                return
            half = len(trace_ids) // 2
            yield from self._batch(trace_ids[:half])
            yield from self._batch(trace_ids[half:])
            return
        for trace in traces:
            spans = trace.data.spans
            yield trace.info.trace_id, [_span(span) for span in spans]

    def _answers(self) -> bool:
        """Whether MLflow is there, so that an error comes from what was asked."""
        try:
            self._client.search_experiments(max_results=1)
        except Exception:  # noqa: BLE001 - whatever it is, it does not answer
            return False
        return True


def _span(span: Any) -> Span:
    # Not `span.attributes`: one that is damaged would take the others with it.
    return Span(span.span_id, span.parent_id, span.name, span.start_time_ns, span.to_dict()["attributes"])


def _traces_of(program: str, start_ms: int, end_ms: int, *, place: str = TAG) -> str:
    return calls_of(program, start_ms=start_ms, end_ms=end_ms, time="trace.timestamp_ms", place=place)


def _without(page: "pa.Table", trace_ids: Sequence[str]) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.compute as pc

    return page.filter(pc.invert(pc.is_in(page["trace_id"], value_set=pa.array(trace_ids, pa.string()))))


def _read(info: Any) -> TraceInfo:
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
    )
