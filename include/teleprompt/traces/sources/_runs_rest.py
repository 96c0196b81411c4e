"""Calls logged as MLflow runs, read from a tracking server by its REST API."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from teleprompt.traces.sources._rest import REQUESTS_AT_A_TIME, RestApi
from teleprompt.traces.sources._runs_client import (
    ORDER,
    RunsClientSource,
    add_run,
    runs_of,
    to_raw_table,
)
from teleprompt.traces.sources.raw import raw_schema
from teleprompt.window import Window

if TYPE_CHECKING:
    import pyarrow as pa
    from mlflow import MlflowClient

ENDPOINT = "/api/2.0/mlflow/runs/search"


class RunsRestSource(RunsClientSource):
    """Reads MLflow runs through the server's REST API."""

    route = "rest"

    def __init__(self, client: "MlflowClient", experiment_ids: Sequence[str], *, page_size: int) -> None:
        super().__init__(client, experiment_ids, page_size=page_size)
        self._api = RestApi(client.tracking_uri)

    def _spans(self, program: str, spans: Sequence[Window]) -> Iterator["pa.Table"]:
        """The runs of consecutive spans, some requests at a time."""
        with ThreadPoolExecutor(REQUESTS_AT_A_TIME, thread_name_prefix="mlflow-rest") as pool:
            under_way: deque[Future[list[pa.Table]]] = deque()
            try:
                for span in spans:
                    under_way.append(pool.submit(self._read_span, program, span))
                    if len(under_way) > REQUESTS_AT_A_TIME:
                        yield from under_way.popleft().result()
                while under_way:
                    yield from under_way.popleft().result()
            finally:
                for future in under_way:
                    future.cancel()

    def _read_span(self, program: str, span: Window) -> list["pa.Table"]:
        return list(self._span(program, span))

    def _fetch(self, program: str, end_ms: int, start_ms: int, token: str | None) -> tuple["pa.Table", str | None]:
        """One page of runs, and the token of the next."""
        body = {
            "experiment_ids": self._experiment_ids,
            "filter": runs_of(program, start_ms, end_ms),
            "run_view_type": "ACTIVE_ONLY",
            "max_results": self._page_size,
            "order_by": ORDER,
        }
        if token:
            body["page_token"] = token
        page = self._api.ask("POST", ENDPOINT, json=body)
        return _raw_table(page.get("runs", [])), page.get("next_page_token")


def _raw_table(runs: list[dict[str, Any]]) -> "pa.Table":
    columns: dict[str, list[Any]] = {name: [] for name in raw_schema().names}
    for run in runs:
        info, data = run["info"], run["data"]
        ended = info.get("end_time")
        add_run(
            columns,
            run_id=info["run_id"],
            status=info["status"],
            started_at_ms=int(info["start_time"]),
            ended_at_ms=None if ended is None else int(ended),
            params=_pairs(data.get("params", [])),
            metrics=[(m["key"], float(m["value"]), int(m["timestamp"])) for m in data.get("metrics", [])],
            run_tags=_pairs(data.get("tags", [])),
        )
    return to_raw_table(columns)


def _pairs(items: list[dict[str, str]]) -> dict[str, str]:
    return {item["key"]: item.get("value", "") for item in items}
