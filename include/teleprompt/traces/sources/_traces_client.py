"""Calls logged as MLflow 3 traces (spans, feedback, expectations, tags or metadata), read by MLflow's client.

Spans cost ten to fifteen times what the rest of a trace does, so they are fetched only where they can matter: for a
finished call that has an outcome, and that was not read before.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
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
    Places,
    SpanReader,
    TraceInfo,
    absent,
    cut_by_size,
    info_table,
    payload_of,
    places_of,
    unreadable,
    with_sessions,
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
PART_BYTES = 8 * 2**20
"""Spans of so many bytes are read at a time, as MLflow noted their size."""
IN_A_SESSION = f" AND metadata.`{tags.SESSION}` IS NOT NULL"


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
        sessions = SessionFeedback()
        before = [
            self._pages(program, window.start_ms - REACH_MS, window.start_ms, place=place, more=IN_A_SESSION)
            for place in WHERE_NAMED
        ]
        for page in in_time_order(before):
            with_sessions(page, sessions)
        reader = SpanReader(self.payloads, self.places)
        pages = [self._pages(program, window.start_ms, window.end_ms, place=place) for place in WHERE_NAMED]
        for page in in_time_order(pages):
            for part in cut_by_size(page, PART_BYTES):
                yield with_spans(with_sessions(part, sessions), known=known, outcomes=self._outcomes, reader=reader)

    def _pages(self, program: str, start_ms: int, end_ms: int, *, place: str, more: str = "") -> Iterator["pa.Table"]:
        """The traces that name the program in their tags or in their metadata; what their tags say goes first."""

        def fetch(end_ms: int, start_ms: int, token: str | None) -> tuple["pa.Table", str | None]:
            infos, following = self._page(_traces_of(program, start_ms, end_ms, place=place) + more, token)
            page = in_order(info_table([_read(info) for info in infos]))
            if place == TAG:
                return page, following
            tagged = [info.trace_id for info in infos if tags.PROGRAM in info.tags]
            return _without(page, tagged), following

        return past_damage(fetch, start_ms, end_ms, answers=self._answers)

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
        try:
            page = self._client.search_traces(
                locations=self._experiment_ids,
                filter_string=_traces_of(program, window.start_ms, window.end_ms),
                max_results=2,
                page_token=SearchTraceUtils.create_page_token(offset).decode() if offset else None,
                include_spans=False,
            )
        except Exception:
            if not self._answers():
                raise
            return 2  # something is there that MLflow cannot read
        return len(page)

    def payloads(self, trace_ids: Sequence[str]) -> dict[str, Payload]:
        """What the spans tell of the traces whose spans can be read; damaged ones are told apart."""
        return {trace_id: _payload(spans, self._shape) for trace_id, spans in self._spans(trace_ids)}

    def places(self, trace_ids: Sequence[str]) -> dict[str, Places]:
        """The spans of traces by id: the name, and whether it is the call or without a parent."""
        return {trace_id: places_of(spans or [], self._shape) for trace_id, spans in self._spans(trace_ids)}

    def _spans(self, trace_ids: Sequence[str]) -> Iterator[tuple[str, list[Span] | None]]:
        for first in range(0, len(trace_ids), SPAN_BATCH):
            yield from self._batch(list(trace_ids[first : first + SPAN_BATCH]))

    def _batch(self, trace_ids: list[str]) -> Iterator[tuple[str, list[Span] | None]]:
        """The spans of traces; None for those of a trace that cannot be read though MLflow answers."""
        from mlflow.tracing.client import TracingClient

        tracing = TracingClient(self._client.tracking_uri)
        try:
            traces = patiently(partial(tracing.batch_get_traces, trace_ids), answers=self._answers)
            found = [(trace.info.trace_id, [_span(span) for span in trace.data.spans]) for trace in traces]
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
        yield from found

    def _answers(self) -> bool:
        """Whether MLflow is there, so that an error comes from what was asked."""
        try:
            self._client.search_experiments(max_results=1)
        except Exception:  # noqa: BLE001 - whatever it is, it does not answer
            return False
        return True


def _payload(spans: list[Span] | None, shape: CallShape) -> Payload:
    if spans is None:
        return unreadable()
    call = call_span(spans, shape)
    if call is None:
        return absent() if spans else unreadable()
    return replace(payload_of(call, shape), places=places_of(spans, shape))


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
