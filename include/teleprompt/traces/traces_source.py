"""Calls logged as MLflow 3 traces: inputs and outputs of the root span, feedback, tags or metadata."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from include.teleprompt.traces import tags
from include.teleprompt.traces.raw import RawTrace
from include.teleprompt.tracking.connection import quoted
from include.teleprompt.window import Window

MAX_PAGE = 500
"""MLflow's page limit for traces."""


class TracesSource:
    """Reads MLflow 3 traces through the client API, a page at a time."""

    def __init__(self, client: Any, experiment_ids: Sequence[str], *, page_size: int) -> None:
        self._client = client
        self._experiment_ids = list(experiment_ids)
        self._page_size = min(page_size, MAX_PAGE)

    def read(self, program: str, window: Window) -> Iterator[RawTrace]:
        """The traces of `program` that started in `window`, oldest first."""
        for trace in self._traces(program, window, spans=True):
            yield _raw_trace(trace)

    def count(self, program: str, window: Window, *, enough: int) -> int:
        """Number of such traces, or `enough` once that many were seen."""
        count = 0
        for _ in self._traces(program, window, spans=False):
            count += 1
            if count >= enough:
                break
        return count

    def _traces(self, program: str, window: Window, *, spans: bool) -> Iterator[Any]:
        if not self._experiment_ids:
            return
        condition = (
            f"tags.{tags.PROGRAM} = {quoted(program)} AND trace.timestamp_ms >= {window.start_ms} "
            f"AND trace.timestamp_ms < {window.end_ms}"
        )
        token = None
        while True:
            page = self._client.search_traces(
                locations=self._experiment_ids,
                filter_string=condition,
                max_results=self._page_size,
                order_by=["timestamp_ms ASC"],
                page_token=token,
                include_spans=spans,
            )
            yield from page
            token = page.token
            if not token:
                return


def _raw_trace(trace: Any) -> RawTrace:
    info = trace.info
    said = {**info.trace_metadata, **info.tags}
    root = next((span for span in trace.data.spans if span.parent_id is None), None)
    outcomes, outcome_at = _outcomes(info.assessments)
    return RawTrace(
        trace_id=info.trace_id,
        source="traces",
        started_at_ms=info.request_time,
        failed=str(info.state.value) == "ERROR",
        inputs=_mapping(root.inputs) if root else {},
        outputs=_mapping(root.outputs) if root else {},
        outcomes=outcomes,
        outcome_at_ms=outcome_at,
        contributor_id=said.get(tags.CONTRIBUTOR_ID),
        contributor_address=said.get(tags.CONTRIBUTOR_ADDRESS),
        program_version=said.get(tags.PROGRAM_VERSION),
        group=said.get(tags.GROUP),
    )


def _outcomes(assessments: Sequence[Any]) -> tuple[dict[str, float | None], int | None]:
    """Value of each feedback by name, the latest where there are several, and when the last one arrived.

    A feedback that is not a number becomes None.
    """
    values: dict[str, float | None] = {}
    latest: int | None = None
    valid = [a for a in assessments if getattr(a, "feedback", None) is not None and a.valid is not False]
    for assessment in sorted(valid, key=lambda a: a.create_time_ms):
        value = assessment.feedback.value
        values[assessment.name] = float(value) if isinstance(value, (bool, int, float)) else None
        latest = assessment.create_time_ms
    return values, latest


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
