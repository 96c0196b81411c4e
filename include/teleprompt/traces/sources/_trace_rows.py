"""From a trace of MLflow to a row of a raw table."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from teleprompt.program.fields import WHOLE
from teleprompt.traces.sources import tags
from teleprompt.traces.sources._assessments import Assessed
from teleprompt.traces.sources._session_feedback import SessionFeedback
from teleprompt.traces.sources.call_span import CallShape, Span, named_inputs, named_outputs
from teleprompt.traces.sources.raw import UNFETCHED, as_texts, raw_schema

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

FAILED = "ERROR"

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


@dataclass(frozen=True)
class Payload:
    """What a trace's spans tell."""

    inputs: Texts = field(default_factory=list)
    outputs: Texts = field(default_factory=list)
    forms: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SpanReader:
    """How the spans of traces are read."""

    payloads: Callable[[Sequence[str]], Mapping[str, Payload]]
    """Of those traces whose spans can be read now."""
    places: Callable[[Sequence[str]], Mapping[str, Mapping[str, str | None]]]
    """Of traces: the name of each span by its id, None for the one that is the call and for those without a parent."""


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


def unreadable() -> Payload:
    """That of a trace whose spans are damaged."""
    return Payload(forms={UNFETCHED: "unreadable"})


def info_table(infos: Sequence[TraceInfo], sessions: SessionFeedback) -> "pa.Table":
    """A raw table of traces, in order of time, without their inputs and outputs."""
    import pyarrow as pa

    for info in infos:
        sessions.add(info.said.get(tags.SESSION), info.started_at_ms, info.outcomes)
    rows = [_row(info, sessions) for info in infos]
    columns = {name: [row[name] for row in rows] for name in raw_schema().names}
    return pa.table(columns, schema=raw_schema())


def _row(info: TraceInfo, sessions: SessionFeedback) -> dict[str, Any]:
    said, session = info.said, info.said.get(tags.SESSION)
    return {
        "trace_id": info.trace_id,
        "source": "traces",
        "started_at_ms": info.started_at_ms,
        "latency_ms": info.latency_ms,
        "failed": info.status == FAILED,
        "inputs": [],
        "outputs": [],
        "forms": [],
        "outcomes": sessions.with_session(session, info.started_at_ms, info.outcomes),
        "contributor_id": said.get(tags.CONTRIBUTOR_ID),
        "contributor_address": said.get(tags.CONTRIBUTOR_ADDRESS),
        "program_version": said.get(tags.PROGRAM_VERSION),
        "group": said.get(tags.GROUP) or session,
        "user": said.get(tags.USER),
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
    return _set(page, "outcomes", _with_span_names(rows, reader))


def _held(known: "pa.Table", page: "pa.Table") -> dict[str, Payload]:
    import pyarrow.compute as pc

    columns = ["trace_id", "inputs", "outputs", "forms"]
    here = known.select(columns).filter(pc.is_in(known["trace_id"], value_set=page["trace_id"]))
    return {
        row["trace_id"]: Payload(row["inputs"], row["outputs"], dict(row["forms"]))
        for row in here.to_pylist()
        if row["inputs"] and row["outputs"]
    }


def _with_span_names(rows: Sequence[dict[str, Any]], reader: SpanReader) -> list[list[dict[str, Any]]]:
    """The outcomes with the names of the spans that they were said of, in place of their ids."""
    about = [row["trace_id"] for row in rows if any(one["span"] for one in row["outcomes"])]
    places = reader.places(about) if about else {}
    return [
        [
            {**one, "span": places.get(row["trace_id"], {}).get(one["span"], one["span"])} if one["span"] else one
            for one in row["outcomes"]
        ]
        for row in rows
    ]


def _set(page: "pa.Table", name: str, values: Sequence[Any]) -> "pa.Table":
    import pyarrow as pa

    column = raw_schema().field(name)
    return page.set_column(page.schema.get_field_index(name), column, pa.array(values, column.type))


def _whole(value: Any) -> Mapping[str, Any]:
    return {} if value is None else {WHOLE: value}
