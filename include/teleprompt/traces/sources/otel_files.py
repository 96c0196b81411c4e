"""OpenTelemetry spans in files: OpenInference's and the GenAI conventions, as JSON lines or Parquet.

JSON lines as the collector's file exporter writes them (`resourceSpans`), a span a line with OTLP's attribute lists, or
as the SDKs' console exporter does; Parquet with dotted columns, as Phoenix exports data frames.
OTLP/JSON: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from teleprompt.traces.sources import tags
from teleprompt.traces.sources._otlp import attributes_of
from teleprompt.traces.sources.call_span import Span, call_span
from teleprompt.traces.sources.calls import Call, CallSource, Said, matching_files
from teleprompt.window import Window

log = logging.getLogger(__name__)

GROUPS = (tags.GROUP, "session.id", "gen_ai.conversation.id")
USERS = ("user.id", "enduser.id")
OUTCOME = "outcome."
"""Prefix of the attributes that are outcomes."""


@dataclass(frozen=True)
class _Read:
    span: Span
    trace_id: str
    ended_ns: int
    failed: bool


class OtelFiles(CallSource):
    """Calls from files of spans.

    Args:
        path: a file, or a pattern (`spans/*.jsonl`), from the project's folder on: `.parquet`, all else is JSON lines.
        program_attribute: attribute of a span, or of its resource, that names the program; empty: all calls are its.
        outcomes: attribute of each outcome, by its name; beside those called `outcome.<name>`.
    """

    route = "files"

    def __init__(
        self, path: str, *, program_attribute: str = tags.PROGRAM, outcomes: Mapping[str, str] | None = None
    ) -> None:
        self._files = matching_files(path)
        self._program_attribute = program_attribute
        self._outcomes = dict(outcomes or {})

    def calls(self, program: str, window: Window) -> Iterator[Call]:
        """One for each trace that names the program."""
        del window
        traces: dict[str, list[_Read]] = {}
        for file in self._files:
            for read in _parquet(file) if file.suffix == ".parquet" else _json_lines(file):
                traces.setdefault(read.trace_id, []).append(read)
        for trace_id, spans in traces.items():
            call = self._call(trace_id, spans, program)
            if call is not None:
                yield call

    def _call(self, trace_id: str, spans: list[_Read], program: str) -> Call | None:
        own = call_span([read.span for read in spans], self.shape)
        if own is None:
            return None
        attributes: dict[str, Any] = {}
        for read in spans:
            attributes |= read.span.attributes
        attributes |= own.attributes
        if self._program_attribute and attributes.get(self._program_attribute) != program:
            return None
        main = next(read for read in spans if read.span is own)
        try:
            inputs, outputs, is_readable = own.inputs, own.outputs, True
        except (ValueError, RecursionError):
            inputs, outputs, is_readable = {}, None, False
        return Call(
            trace_id=trace_id,
            started_at=_moment(own.started_ns),
            ended_at=_moment(main.ended_ns),
            inputs=inputs,
            outputs=outputs,
            failed=main.failed,
            said=list(self._said(attributes)),
            contributor_id=_text(attributes.get(tags.CONTRIBUTOR_ID)),
            contributor_address=_text(attributes.get(tags.CONTRIBUTOR_ADDRESS)),
            program_version=_text(attributes.get(tags.PROGRAM_VERSION)),
            group=_first(attributes, GROUPS),
            user=_first(attributes, USERS),
            assignment_key=_text(attributes.get(tags.ASSIGNMENT_KEY)),
            assignment_share=_text(attributes.get(tags.ASSIGNMENT_SHARE)),
            propensity=_text(attributes.get(tags.PROPENSITY)),
            is_readable=is_readable,
        )

    def _said(self, attributes: Mapping[str, Any]) -> Iterator[Said]:
        for name, value in sorted(attributes.items()):
            if name.startswith(OUTCOME) and value is not None:
                yield Said(name.removeprefix(OUTCOME), value)
        for name, attribute in self._outcomes.items():
            if attributes.get(attribute) is not None:
                yield Said(name, attributes[attribute])


def _json_lines(file: Path) -> Iterator[_Read]:
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                found = list(_spans(json.loads(line)))
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
                log.warning("%s:%d is no span (%s); it is passed over", file, number, type(error).__name__)
                continue
            yield from found


def _spans(line: Mapping[str, Any]) -> Iterator[_Read]:
    if "resourceSpans" not in line:
        yield _span(line, _attributes(line.get("resource", {}).get("attributes", {})))
        return
    for resource in line["resourceSpans"]:
        own = _attributes(resource.get("resource", {}).get("attributes", []))
        for scope in resource.get("scopeSpans", []):
            for span in scope.get("spans", []):
                yield _span(span, own)


def _span(span: Mapping[str, Any], resource: Mapping[str, Any]) -> _Read:
    """A span by OTLP's names, or by those of the SDKs' console exporter."""
    context = span.get("context", {})
    status = span.get("status", {})
    code = status.get("code", status.get("status_code"))
    return _Read(
        Span(
            span_id=str(span.get("spanId") or context["span_id"]),
            parent_id=_text(span.get("parentSpanId") or span.get("parent_id")),
            name=str(span.get("name", "")),
            started_ns=_nanoseconds(span.get("startTimeUnixNano", span.get("start_time"))),
            attributes={**resource, **_attributes(span.get("attributes", {}))},
        ),
        trace_id=str(span.get("traceId") or context["trace_id"]).removeprefix("0x"),
        ended_ns=_nanoseconds(span.get("endTimeUnixNano", span.get("end_time"))),
        failed=code in {2, "ERROR", "STATUS_CODE_ERROR"},
    )


def _attributes(given: Any) -> dict[str, Any]:
    return dict(given) if isinstance(given, Mapping) else attributes_of(given)


def _parquet(file: Path) -> Iterator[_Read]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as table:
        for batch in table.iter_batches(batch_size=1000):
            for row in batch.to_pylist():
                attributes = {
                    name.removeprefix("attributes."): value
                    for name, value in row.items()
                    if name.startswith("attributes.") and value is not None
                }
                attributes |= {key: value for key, value in (row.get("attributes") or {}).items() if value is not None}
                yield _Read(
                    Span(
                        span_id=row["context.span_id"],
                        parent_id=row.get("parent_id") or None,
                        name=row.get("name") or "",
                        started_ns=_nanoseconds(row["start_time"]),
                        attributes=attributes,
                    ),
                    trace_id=row["context.trace_id"],
                    ended_ns=_nanoseconds(row.get("end_time") or row["start_time"]),
                    failed=row.get("status_code") == "ERROR",
                )


def _nanoseconds(moment: Any) -> int:
    if isinstance(moment, datetime):
        return round(moment.timestamp() * 1e6) * 1000
    if isinstance(moment, str) and not moment.isdigit():
        return round(datetime.fromisoformat(moment).timestamp() * 1e6) * 1000
    return int(moment)


def _moment(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC)


def _first(attributes: Mapping[str, Any], names: Iterable[str]) -> str | None:
    return next((text for name in names if (text := _text(attributes.get(name)))), None)


def _text(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)
