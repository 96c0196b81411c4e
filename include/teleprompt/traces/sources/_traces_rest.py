"""Traces of a tracking server, read by its REST API; what an older one does not offer, by MLflow's client."""

import json
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from teleprompt.traces.sources import tags
from teleprompt.traces.sources._assessments import EXPECTATION, FEEDBACK, Event, event, standing
from teleprompt.traces.sources._otlp import attributes_of
from teleprompt.traces.sources._rest import REQUESTS_AT_A_TIME, RestApi, UnknownEndpointError
from teleprompt.traces.sources._trace_rows import TraceInfo
from teleprompt.traces.sources._traces_client import TracesClientSource
from teleprompt.traces.sources.call_span import Span
from teleprompt.window import EARLIEST

SEARCH = "/api/3.0/mlflow/traces/search"
SPANS = "/api/3.0/mlflow/traces/batchGet"
BATCH = 40
"""Traces of one request, whose ids stand in its address: two kilobytes of the eight that proxies let through."""


class TracesRestSource(TracesClientSource):
    """Reads MLflow 3 traces from a tracking server; spans that do not lie in its database through the client."""

    route = "rest"

    @cached_property
    def _api(self) -> RestApi:
        return RestApi(self._client.tracking_uri)

    def _search(self, wanted: str, token: str | None) -> tuple[list[TraceInfo], str | None]:
        search = {
            "locations": [
                {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
                for experiment in self._experiment_ids
            ],
            "filter": wanted,
            "max_results": self._page_size,
            "order_by": ["timestamp_ms ASC"],
            **({"page_token": token} if token else {}),
        }
        try:
            page = self._api.ask("POST", SEARCH, json=search)
        except UnknownEndpointError:
            return super()._search(wanted, token)
        return [_info(trace) for trace in page.get("traces", [])], page.get("next_page_token")

    def _spans(self, trace_ids: Sequence[str]) -> Iterator[tuple[str, list[Span]]]:
        batches = [list(trace_ids[first : first + BATCH]) for first in range(0, len(trace_ids), BATCH)]
        with ThreadPoolExecutor(REQUESTS_AT_A_TIME, thread_name_prefix="mlflow-rest") as pool:
            for batch in pool.map(lambda batch: list(self._batch(batch)), batches):
                yield from batch

    def _fetch(self, trace_ids: list[str]) -> list[tuple[str, list[Span]]]:
        from mlflow.exceptions import MlflowException

        try:
            traces = self._api.ask("GET", SPANS, params={"trace_ids": trace_ids}).get("traces", [])
        except (UnknownEndpointError, MlflowException):
            # It is older, or the spans of some are files, which the server gives no list of, or one is damaged.
            return self._fetch_from_anywhere(trace_ids)
        found = {}
        for trace in traces:
            info = trace["trace_info"]
            if info.get("tags", {}).get(tags.SPANS_LOCATION) == tags.IN_DATABASE:
                found[info["trace_id"]] = [_span(span) for span in trace.get("spans", [])]
        elsewhere = [name for name in trace_ids if name not in found]
        return [*found.items(), *(self._fetch_from_anywhere(elsewhere) if elsewhere else [])]


def _info(trace: Mapping[str, Any]) -> TraceInfo:
    duration, own = trace.get("execution_duration"), trace.get("tags", {})
    return TraceInfo(
        trace_id=trace["trace_id"],
        status=trace.get("state", ""),
        started_at_ms=_milliseconds(trace["request_time"]),
        latency_ms=None if duration is None else round(1000 * float(duration.removesuffix("s"))),
        said={**trace.get("trace_metadata", {}), **own},
        outcomes=standing(_event(one) for one in trace.get("assessments", []) if one.get("valid", True)),
        is_tagged=tags.PROGRAM in own,
    )


def _event(assessment: Mapping[str, Any]) -> Event | None:
    kind = FEEDBACK if FEEDBACK in assessment else EXPECTATION
    held = assessment.get(kind)
    if held is None:
        return None
    source = assessment.get("source", {})
    serialized = held.get("serialized_value")
    return event(
        assessment["assessment_name"],
        held.get("value") if serialized is None else json.loads(serialized["value"]),
        _milliseconds(assessment["create_time"]),
        kind=kind,
        source=source.get("source_type"),
        rater=source.get("source_id"),
        span=assessment.get("span_id"),
        rationale=assessment.get("rationale"),
        metadata=assessment.get("metadata"),
    )


def _span(span: Mapping[str, Any]) -> Span:
    attributes = attributes_of(span.get("attributes", []))
    return Span(
        span_id=_hexadecimal(span["span_id"]),
        parent_id=_hexadecimal(span["parent_span_id"]) if span.get("parent_span_id") else None,
        name=span.get("name", ""),
        started_ns=int(span.get("start_time_unix_nano", 0)),
        # A text is a value here; where MLflow keeps a span it is JSON.
        attributes={name: json.dumps(value) if isinstance(value, str) else value for name, value in attributes.items()},
    )


def _hexadecimal(base64: str) -> str:
    return b64decode(base64).hex()


def _milliseconds(moment: str) -> int:
    return (datetime.fromisoformat(moment) - EARLIEST) // timedelta(milliseconds=1)
