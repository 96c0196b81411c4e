"""Calls logged as MLflow runs: `input.*` and `output.*` params, outcome metrics, tags (the documents' way)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from include.teleprompt.traces import tags
from include.teleprompt.traces.raw import RawTrace
from include.teleprompt.tracking.connection import quoted
from include.teleprompt.window import Window

INPUT_PREFIX = "input."
OUTPUT_PREFIX = "output."


class RunsSource:
    """Reads MLflow runs through the client API, a page at a time."""

    def __init__(self, client: Any, experiment_ids: Sequence[str], *, outcome: str, page_size: int) -> None:
        self._client = client
        self._experiment_ids = list(experiment_ids)
        self._outcome = outcome
        self._page_size = page_size

    def read(self, program: str, window: Window) -> Iterator[RawTrace]:
        """The runs of `program` that started in `window`, oldest first."""
        for run in self._runs(program, window):
            yield self._trace(run)

    def count(self, program: str, window: Window, *, enough: int) -> int:
        """Number of such runs, or `enough` once that many were seen."""
        count = 0
        for _ in self._runs(program, window):
            count += 1
            if count >= enough:
                break
        return count

    def _runs(self, program: str, window: Window) -> Iterator[Any]:
        if not self._experiment_ids:
            return
        condition = (
            f"tags.{tags.PROGRAM} = {quoted(program)} AND attributes.start_time >= {window.start_ms} "
            f"AND attributes.start_time < {window.end_ms}"
        )
        token = None
        while True:
            page = self._client.search_runs(
                self._experiment_ids,
                condition,
                max_results=self._page_size,
                order_by=["attributes.start_time ASC", "attributes.run_id ASC"],
                page_token=token,
            )
            yield from page
            token = page.token
            if not token:
                return

    def _trace(self, run: Any) -> RawTrace:
        tag, metrics = run.data.tags, run.data.metrics
        params: Mapping[str, str] = run.data.params
        return RawTrace(
            trace_id=run.info.run_id,
            source="runs",
            started_at_ms=run.info.start_time,
            failed=run.info.status in {"FAILED", "KILLED"},
            inputs=_without_prefix(params, INPUT_PREFIX),
            outputs=_without_prefix(params, OUTPUT_PREFIX),
            outcomes=dict(metrics),
            outcome_at_ms=run.info.end_time if self._outcome in metrics else None,
            contributor_id=tag.get(tags.CONTRIBUTOR_ID),
            contributor_address=tag.get(tags.CONTRIBUTOR_ADDRESS),
            program_version=tag.get(tags.PROGRAM_VERSION),
            group=tag.get(tags.GROUP),
        )


def _without_prefix(params: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {key.removeprefix(prefix): value for key, value in params.items() if key.startswith(prefix)}
