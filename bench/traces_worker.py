"""What `bench.traces` measures, in a process of its own: `python -m bench.traces_worker WHAT WAY URI`."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.store import PROGRAMS, WINDOW
from bench.traces import LARGEST, span, timed
from teleprompt.config.program import ProgramConfig
from teleprompt.config.traces import TracesConfig
from teleprompt.environment import configure_third_party
from teleprompt.program.fields import DeclaredFields, Field, ProgramFields
from teleprompt.traces.sources.choose import open_store
from teleprompt.tracking.connection import mlflow_client
from teleprompt.window import Window

FIELDS = ProgramFields(
    inputs=tuple(Field(name=n, is_text=True, is_categorical=False) for n in ("customer", "question", "context")),
    outputs=(Field(name="answer", is_text=True, type="str", json_schema={"type": "string"}),),
)


def main() -> None:
    """One measurement; the result is a line of JSON."""
    what, way, uri = sys.argv[1:]
    configure_third_party()
    with mlflow_client(uri) as client:
        experiment = client.get_experiment_by_name("production").experiment_id
        work = {
            "load": lambda: LOADS[way](client, experiment),
            "one": lambda: LOADS[way](client, experiment, programs=[LARGEST]),
            "window": lambda: _ours(client, "sql", [LARGEST], span(float(way))),
            "count": lambda: _count(client, way),
            "snapshot": lambda: _snapshot(client)[0],
            "digest": lambda: _snapshot(client),
        }[what]
        result, seconds = timed(work)
    rows, digest = result if isinstance(result, tuple) else (result, None)
    own = 0 if way == "client" else _peak_mb()  # children share pages with it: the sampled figure counts
    print(json.dumps({"rows": rows, "seconds": seconds, "peak_mb": own, "digest": digest}))


def _peak_mb() -> int:
    """Peak resident set of this process; `getrusage` would count what its parent held when it started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def _search_runs(client: Any, experiment: str, programs: Any = PROGRAMS) -> int:
    import mlflow

    mlflow.set_tracking_uri(client.tracking_uri)
    rows = 0
    for program in programs:
        condition = f"tags.dspy_program_name = '{program}'"
        rows += len(mlflow.search_runs([experiment], filter_string=condition))
    return rows


def _search_runs_once(client: Any, experiment: str) -> int:
    import mlflow

    mlflow.set_tracking_uri(client.tracking_uri)
    return len(mlflow.search_runs([experiment], max_results=10**6))


def _ours(client: Any, access: str, programs: Any = PROGRAMS, window: Window = WINDOW) -> int:
    with open_store(client) as store:
        config = TracesConfig(access=access, source="runs", experiments=("production",))
        (source,) = store.sources(config, outcomes=[], page_size=5000)
        return sum(len(table) for program in programs for table in source.read(program, window))


def _floor(client: Any, _experiment: str) -> int:
    """The four tables as they are, into Arrow."""
    from teleprompt.traces.sources.sql.open import open_database

    with open_database(client.tracking_uri) as database:
        for table in ("params", "tags", "latest_metrics"):
            database.query(f"SELECT run_uuid, key, value FROM {table}")
        return len(database.query("SELECT run_uuid, start_time, end_time, status FROM runs"))


LOADS: dict[str, Any] = {
    "search_runs": _search_runs,
    "search_runs_once": _search_runs_once,
    "client": lambda client, _experiment, **some: _ours(client, "api", **some),
    "rest": lambda client, _experiment, **some: _ours(client, "api", **some),
    "sql": lambda client, _experiment, **some: _ours(client, "sql", **some),
    "floor": _floor,
}


def _count(client: Any, way: str) -> int:
    """Mean of several counts, in the time that is measured."""
    with open_store(client) as store:
        config = TracesConfig(access="api" if way == "holds_api" else "sql", source="runs")
        (source,) = store.sources(config, outcomes=[], page_size=1000)
        return int(source.holds(LARGEST, WINDOW, 1000) if way != "count" else source.count(LARGEST, WINDOW))


def _snapshot(client: Any) -> tuple[int, str]:
    from teleprompt.traces.collect import collect_snapshot
    from teleprompt.traces.snapshot import read_snapshot

    config = ProgramConfig(name=LARGEST, slug="bench", traces=TracesConfig(source="runs", incremental=False))
    with tempfile.TemporaryDirectory() as folder:
        record, *_ = collect_snapshot(
            client, config=config, declared=DeclaredFields.exactly(FIELDS), window=WINDOW, storage_uri=str(Path(folder))
        )
        return read_snapshot(record).funnel[0].rows_in, record.digest


if __name__ == "__main__":
    main()
