"""From a trace of MLflow to a row of a raw table."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from teleprompt.program.fields import WHOLE
from teleprompt.traces.sources import tags
from teleprompt.traces.sources._assessments import Assessed
from teleprompt.traces.sources._session_feedback import SessionFeedback, in_order_of_time
from teleprompt.traces.sources.call_span import (
    CallShape,
    Span,
    call_span,
    named_inputs,
    named_outputs,
    names_the_fields,
)
from teleprompt.traces.sources.raw import UNFETCHED, as_texts, raw_schema

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

FAILED = "ERROR"
SESSION = "session"
SIZE = "size"
"""Columns of a call's session and its size."""
SIZE_BYTES = "mlflow.trace.sizeBytes"
UNNOTED_BYTES = 16 * 2**10

Texts = list[tuple[str, str | None]]


class TraceInfo(NamedTuple):
    """What is known of a trace without its spans."""

    trace_id: str
    status: str
    started_at_ms: int
    latency_ms: int | None
    said: Mapping[str, str]
    """Tags, and metadata under them."""
    outcomes: Sequence[Assessed]
    is_tagged: bool
    """Whether its tags name a program; else its metadata do."""


@dataclass(frozen=True)
class Payload:
    """What a trace's spans tell."""

    inputs: Texts = field(default_factory=list)
    outputs: Texts = field(default_factory=list)
    forms: Mapping[str, str] = field(default_factory=dict)
    places: "Places | None" = None
    """Where all spans were read anyway."""


class Place(NamedTuple):
    """A span as feedback sees it."""

    name: str
    is_call: bool
    """Whether it is the call, or without a parent: what is said of it is said of the call."""


Places = Mapping[str, Place]
"""Spans of a trace by id."""


@dataclass(frozen=True)
class SpanReader:
    """How the spans of traces are read."""

    payloads: Callable[[Sequence[str]], Mapping[str, Payload]]
    """Of those traces whose spans can be read now."""
    places: Callable[[Sequence[str]], Mapping[str, Places]]
    """The spans of traces."""


def payload_of(span: Span, shape: CallShape) -> Payload:
    """Inputs and outputs of the span that is the call.

    An answer that is no object is the one output; inputs that are none have no fields, where nobody knows them.
    """
    try:
        inputs, outputs = named_inputs(span.inputs, shape), named_outputs(span.outputs, shape)
    except (ValueError, RecursionError):
        return unreadable()
    forms: dict[str, str] = {}
    return Payload(
        as_texts(inputs if isinstance(inputs, Mapping) else {}, "input.", forms),
        as_texts(outputs if isinstance(outputs, Mapping) else _whole(outputs), "output.", forms),
        forms,
    )


def payload_of_trace(spans: Sequence[Span | None], shape: CallShape) -> Payload:
    """What all spans of a trace tell; None stands for one that is damaged."""
    good = [span for span in spans if span is not None]
    call = call_span(good, shape)
    if call is None:
        return absent() if good else unreadable()
    if len(good) < len(spans) and not names_the_fields(call, shape):
        return unreadable()  # the damaged one may be the call
    return replace(payload_of(call, shape), places=places_of(good, shape))


def unreadable() -> Payload:
    """That of a trace whose spans are damaged."""
    return Payload(forms={UNFETCHED: "unreadable"})


def absent() -> Payload:
    """That of a trace without the span that `traces.span` names."""
    return Payload(forms={UNFETCHED: "absent"})


def places_of(spans: Sequence[Span], shape: CallShape) -> Places:
    """The spans of a trace, as feedback sees them."""
    call = call_span(spans, shape)
    return {span.span_id: Place(span.name, span is call or span.parent_id is None) for span in spans}


def info_schema() -> "pa.Schema":
    """Columns of a raw table on its way: with the session of each call, and its size in bytes."""
    import pyarrow as pa

    return raw_schema().append(pa.field(SESSION, pa.string())).append(pa.field(SIZE, pa.int64()))


def info_table(infos: Sequence[TraceInfo]) -> "pa.Table":
    """Traces without their inputs and outputs (`info_schema`)."""
    import pyarrow as pa

    rows = [_row(info) for info in infos]
    columns = {name: [row[name] for row in rows] for name in info_schema().names}
    return pa.table(columns, schema=info_schema())


def noted_bytes(note: str | None) -> int:
    """The size of a trace as MLflow noted it; of one without a note what many have."""
    return int(note) if note is not None and note.isdigit() else UNNOTED_BYTES


def cut_by_size(page: "pa.Table", most_bytes: int) -> Iterator["pa.Table"]:
    """A table (`info_schema`) in parts whose calls have at most so many bytes together, or are one."""
    first = held = 0
    for i, size in enumerate(page[SIZE].to_pylist()):
        if i > first and held + (size or 0) > most_bytes:
            yield page.slice(first, i - first)
            first, held = i, 0
        held += size or 0
    yield page.slice(first)


def note_sessions(page: "pa.Table", sessions: SessionFeedback) -> None:
    """Take note of what lies on the calls of a table (`info_schema`) and was said of their sessions."""
    for row in page.select(["trace_id", "started_at_ms", SESSION, "outcomes"]).to_pylist():
        said = [Assessed(**one) for one in row["outcomes"] if one["of_session"]]
        sessions.add(row[SESSION], row["started_at_ms"], row["trace_id"], said)


def with_sessions(page: "pa.Table", sessions: SessionFeedback) -> "pa.Table":
    """A table (`info_schema`) as a raw one, with what was said of each call's session."""
    rows = page.select(["trace_id", "started_at_ms", SESSION]).to_pylist()
    found = [sessions.of(row[SESSION], row["started_at_ms"], row["trace_id"]) for row in rows]
    page = page.drop_columns([SESSION, SIZE])
    if not any(found):
        return page
    own = page["outcomes"].to_pylist()
    return _set(page, "outcomes", [in_order_of_time(*both) for both in zip(found, own, strict=True)])


def _row(info: TraceInfo) -> dict[str, Any]:
    said, session = info.said, info.said.get(tags.SESSION) or None
    return {
        "trace_id": info.trace_id,
        "source": "traces",
        "started_at_ms": info.started_at_ms,
        "latency_ms": info.latency_ms,
        "failed": info.status == FAILED,
        "inputs": [],
        "outputs": [],
        "forms": [],
        "outcomes": info.outcomes,
        "contributor_id": said.get(tags.CONTRIBUTOR_ID),
        "contributor_address": said.get(tags.CONTRIBUTOR_ADDRESS),
        "program_version": said.get(tags.PROGRAM_VERSION),
        "group": said.get(tags.GROUP) or session,
        "user": said.get(tags.USER),
        "assignment_key": said.get(tags.ASSIGNMENT_KEY),
        "assignment_share": said.get(tags.ASSIGNMENT_SHARE),
        "propensity": said.get(tags.PROPENSITY),
        SESSION: session,
        SIZE: noted_bytes(said.get(SIZE_BYTES)),
    }


def with_spans(
    page: "pa.Table", *, known: "pa.Table | None", outcomes: frozenset[str], reader: SpanReader
) -> "pa.Table":
    """`page` with what the spans tell: from `known` where it holds them, else read.

    They are dear, so only those of calls are read that did not fail and have one of `outcomes`; of none, all.
    """
    rows = page.select(["trace_id", "failed", "outcomes", "forms"]).to_pylist()
    held = {} if known is None else _held(known, page)
    held |= {row["trace_id"]: Payload(forms=dict(row["forms"])) for row in rows if row["forms"]}  # it is damaged
    wanted = [
        row["trace_id"]
        for row in rows
        if row["trace_id"] not in held
        and not row["failed"]
        and (not outcomes or any(one["name"] in outcomes for one in row["outcomes"]))
    ]
    held |= reader.payloads(wanted)
    lost = [name for name in wanted if name not in held]
    if lost:
        log.warning("The spans of %d traces cannot be read now", len(lost))
        held |= dict.fromkeys(lost, Payload(forms={UNFETCHED: "unavailable"}))
    payloads = [held.get(row["trace_id"], Payload()) for row in rows]
    page = _set(page, "inputs", [payload.inputs for payload in payloads])
    page = _set(page, "outputs", [payload.outputs for payload in payloads])
    page = _set(page, "forms", [list(payload.forms.items()) for payload in payloads])
    return _with_span_names(page, rows, held, reader)


def _held(known: "pa.Table", page: "pa.Table") -> dict[str, Payload]:
    import pyarrow.compute as pc

    columns = ["trace_id", "inputs", "outputs", "forms"]
    here = known.select(columns).filter(pc.is_in(known["trace_id"], value_set=page["trace_id"]))
    return {
        row["trace_id"]: Payload(row["inputs"], row["outputs"], dict(row["forms"]))
        for row in here.to_pylist()
        if row["inputs"] and row["outputs"]
    }


def _with_span_names(
    page: "pa.Table", rows: Sequence[dict[str, Any]], held: Mapping[str, Payload], reader: SpanReader
) -> "pa.Table":
    """The outcomes with the names of the spans that they were said of, in place of their ids."""
    about = [row["trace_id"] for row in rows if any(one["span"] for one in row["outcomes"])]
    if not about:
        return page
    known = {name: places for name in about if name in held and (places := held[name].places) is not None}
    known |= reader.places([name for name in about if name not in known])

    def placed(trace_id: str, one: dict[str, Any]) -> dict[str, Any]:
        place = known.get(trace_id, {}).get(one["span"])
        return one if place is None else {**one, "span": place.name, "on_call": place.is_call}

    named = [[placed(row["trace_id"], one) for one in row["outcomes"]] for row in rows]
    return _set(page, "outcomes", named)


def _set(page: "pa.Table", name: str, values: Sequence[Any]) -> "pa.Table":
    import pyarrow as pa

    column = raw_schema().field(name)
    return page.set_column(page.schema.get_field_index(name), column, pa.array(values, column.type))


def _whole(value: Any) -> Mapping[str, Any]:
    return {} if value is None else {WHOLE: value}
