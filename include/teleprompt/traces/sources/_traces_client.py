"""Calls logged as MLflow 3 traces (root span, feedback, expectations, tags or metadata), read by MLflow's client.

Spans cost ten to fifteen times what the rest of a trace does, so they are fetched only where they can matter: for a
finished call that has an outcome, and that was not read before.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from teleprompt.program.fields import WHOLE
from teleprompt.traces.sources import tags
from teleprompt.traces.sources._filters import calls_of
from teleprompt.traces.sources._keyset import keyset_pages
from teleprompt.traces.sources._outcome_history import Assessed, assessed, standing
from teleprompt.traces.sources._patience import patiently
from teleprompt.traces.sources._probing import CountsByProbing
from teleprompt.traces.sources.raw import UNFETCHED, as_texts, in_order, raw_schema
from teleprompt.window import Window

if TYPE_CHECKING:
    import pyarrow as pa
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

MAX_PAGE = 500
"""MLflow's page limit for traces."""

SPAN_BATCH = 100
FAILED = "ERROR"
FINISHED = "OK"

Said = dict[str, list[tuple[str, str | None]] | dict[str, str]]


class TracesClientSource(CountsByProbing):
    """Reads MLflow 3 traces through the client.

    `outcomes` names the metrics of which a call needs at least one for its spans to be worth fetching; if it is empty,
    all finished calls' are.
    """

    kind = "traces"
    route = "client"

    def __init__(
        self, client: "MlflowClient", experiment_ids: Sequence[str], *, page_size: int, outcomes: Sequence[str]
    ) -> None:
        self._client = client
        self._experiment_ids = list(experiment_ids)
        self._page_size = min(page_size, MAX_PAGE)
        self._outcomes = frozenset(outcomes)

    def read(self, program: str, window: Window, *, known: "pa.Table | None" = None) -> Iterator["pa.Table"]:
        """The traces of `program` that started in `window`; spans of those in `known` are not fetched again."""
        if not self._experiment_ids:
            return

        def fetch(start_ms: int, token: str | None) -> tuple["pa.Table", str | None]:
            page = self._client.search_traces(
                locations=self._experiment_ids,
                filter_string=_traces_of(program, start_ms, window.end_ms),
                max_results=self._page_size,
                order_by=["timestamp_ms ASC"],
                page_token=token,
                include_spans=False,
            )
            return _info_table([trace.info for trace in page]), page.token

        for page in keyset_pages(fetch, window.start_ms):
            yield with_payload(page, known=known, outcomes=self._outcomes, fetch=self.payloads)

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

    def payloads(self, trace_ids: Sequence[str]) -> dict[str, Said]:
        """Inputs, outputs and their forms of the traces whose root span can be read."""
        from mlflow.tracing.client import TracingClient

        tracing = TracingClient(self._client.tracking_uri)
        found: dict[str, Said] = {}
        for first in range(0, len(trace_ids), SPAN_BATCH):
            batch = list(trace_ids[first : first + SPAN_BATCH])
            for trace in patiently(partial(tracing.batch_get_traces, batch)):
                root = next((span for span in trace.data.spans if span.parent_id is None), None)
                if root is not None:
                    found[trace.info.trace_id] = payload(root.inputs, root.outputs)
        return found


def payload(inputs: Any, outputs: Any) -> Said:
    """Inputs and outputs of a root span as the columns of a raw table.

    An answer that is no object is the one output `output`; inputs that are none have no fields.
    """
    forms: dict[str, str] = {}
    return {
        "inputs": as_texts(_mapping(inputs), "input.", forms),
        "outputs": as_texts(outputs if isinstance(outputs, Mapping) else _whole(outputs), "output.", forms),
        "forms": forms,
    }


def with_payload(page: "pa.Table", *, known: "pa.Table | None", outcomes: frozenset[str], fetch: Any) -> "pa.Table":
    """`page` with inputs, outputs and forms, from `known` where it holds them, else fetched."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = page.select(["trace_id", "failed", "outcomes"]).to_pylist()
    columns = ("inputs", "outputs", "forms")
    held: dict[str, Said] = {}
    if known is not None:
        here = known.select(["trace_id", *columns]).filter(pc.is_in(known["trace_id"], value_set=page["trace_id"]))
        held = {row["trace_id"]: row for row in here.to_pylist() if row["inputs"] and row["outputs"]}
    wanted = [
        row["trace_id"]
        for row in rows
        if row["trace_id"] not in held
        and not row["failed"]
        and (not outcomes or any(o["name"] in outcomes for o in row["outcomes"]))
    ]
    held |= fetch(wanted)
    empty: Said = {"inputs": [], "outputs": [], "forms": {}}
    lost = [name for name in wanted if name not in held]
    if lost:
        log.warning("The spans of %d traces cannot be read now", len(lost))
        held |= {name: {**empty, "forms": {UNFETCHED: "unavailable"}} for name in lost}
    for name in columns:
        values = [list(_items(held.get(row["trace_id"], empty)[name])) for row in rows]
        field = raw_schema().field(name)
        page = page.set_column(page.schema.get_field_index(name), field, pa.array(values, field.type))
    return page


def add_info(
    columns: dict[str, list[Any]],
    *,
    trace_id: str,
    status: str,
    started_at_ms: int,
    latency_ms: int | None,
    said: Mapping[str, str],
    outcomes: Sequence[Assessed],
) -> None:
    """Append what is known of a trace without its spans to the columns of a raw table."""
    columns["trace_id"].append(trace_id)
    columns["source"].append("traces")
    columns["started_at_ms"].append(started_at_ms)
    columns["latency_ms"].append(latency_ms)
    columns["failed"].append(status == FAILED)
    for name in ("inputs", "outputs", "forms"):
        columns[name].append([])
    columns["outcomes"].append(standing(outcomes))
    columns["contributor_id"].append(said.get(tags.CONTRIBUTOR_ID))
    columns["contributor_address"].append(said.get(tags.CONTRIBUTOR_ADDRESS))
    columns["program_version"].append(said.get(tags.PROGRAM_VERSION))
    columns["group"].append(said.get(tags.GROUP))


def _traces_of(program: str, start_ms: int, end_ms: int) -> str:
    return calls_of(program, start_ms=start_ms, end_ms=end_ms, time="trace.timestamp_ms")


def _info_table(infos: Sequence[Any]) -> "pa.Table":
    import pyarrow as pa

    columns: dict[str, list[Any]] = {name: [] for name in raw_schema().names}
    for info in infos:
        add_info(
            columns,
            trace_id=info.trace_id,
            status=str(info.state.value),
            started_at_ms=info.request_time,
            latency_ms=info.execution_duration,
            said={**info.trace_metadata, **info.tags},
            outcomes=[
                assessed(a.name, (a.feedback or a.expectation).value, a.create_time_ms, a.metadata)
                for a in info.assessments
                if a.valid is not False and (a.feedback is not None or a.expectation is not None)
            ],
        )
    return in_order(pa.table(columns, schema=raw_schema()))


def _items(value: Any) -> Any:
    return value.items() if isinstance(value, Mapping) else value


def _whole(value: Any) -> Mapping[str, Any]:
    return {} if value is None else {WHOLE: value}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
