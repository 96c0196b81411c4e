"""Reading runs and traces with long texts, against `mlflow.search_runs` and `mlflow.search_traces` in the same run.

Each measurement is a process of its own. CPU is that of the process and its children; peak memory is its own resident
set, and what its children hold beside it (PSS), sampled.
"""

import argparse
import json
import logging
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil

from bench.mlflow_server import MlflowServer
from bench.trace_store import DAYS, PROGRAM, START, build_trace_store
from bench.traces import running_postgresql
from teleprompt.environment import configure_third_party
from teleprompt.window import Window

KINDS = ("runs", "traces")
METRIC = "outcome_score"


@dataclass(frozen=True)
class Measured:
    """One measured load."""

    rows: int
    seconds: float
    cpu: float
    peak_mb: int


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000, help="runs, and as many traces")
    parser.add_argument("--megabytes", type=int, default=5_000, help="traces of a megabyte each; 0: none")
    parser.add_argument("--without", nargs="*", default=[], choices=["http", "postgresql", "tenfold"])
    parser.add_argument("--worker", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    configure_third_party()
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    if arguments.worker:
        _work(*arguments.worker)
        return
    with tempfile.TemporaryDirectory(prefix="teleprompt-bench-") as name:
        folder = Path(name)
        sqlite = f"sqlite:///{folder}/mlflow.db"
        build_trace_store(sqlite, runs=arguments.calls, traces=arguments.calls)
        compare("SQLite", sqlite, ["mlflow", "api", "sql"])
        if "http" not in arguments.without:
            with MlflowServer(sqlite, folder) as server:
                compare("HTTP (mlflow server, 2 workers, same machine)", server.uri, ["mlflow", "api"])
        overlapping(sqlite)
        if "postgresql" not in arguments.without:
            with running_postgresql(folder) as uri:
                build_trace_store(uri, runs=arguments.calls, traces=arguments.calls)
                compare("PostgreSQL", uri, ["mlflow", "sql"])
        if "tenfold" not in arguments.without:
            tenfold(sqlite, folder, arguments.calls)
        if arguments.megabytes:
            megabytes(folder, arguments.megabytes)


def compare(title: str, uri: str, ways: list[str]) -> None:
    """Each way to all runs, and to all traces."""
    print(f"\n{title}\n")
    print(f"{'':<12}{'':<8}{'calls':>8}{'seconds':>10}{'CPU':>8}{'peak MB':>10}{'times faster':>14}{'CPU':>8}")
    for kind in KINDS:
        baseline: Measured | None = None
        for way in ways:
            found = measure(way, kind, str(DAYS), uri)
            baseline = baseline or found
            print(
                f"{NAMES[way]:<12}{kind:<8}{found.rows:>8}{found.seconds:>10.2f}{found.cpu:>8.2f}{found.peak_mb:>10}"
                f"{baseline.seconds / found.seconds:>14.1f}{baseline.cpu / found.cpu:>8.1f}"
            )


NAMES = {"mlflow": "mlflow", "api": "ours by API", "sql": "ours by SQL"}


def overlapping(uri: str) -> None:
    """A week, then one that shares six of its days: both are kept by day."""
    print(
        "\nA week, then one with six of its days and a new one; read in a process that has read before, and collected\n"
    )
    print(f"{'':<20}{'first':>10}{'CPU':>8}{'second':>10}{'CPU':>8}{'CPU of the first':>18}")
    for kind in KINDS:
        for way in ("read", "read-api", "collect"):
            if (way, kind) == ("read-api", "runs"):
                continue  # it takes long, and only days that are settled stay
            with tempfile.TemporaryDirectory(prefix="teleprompt-bench-") as storage:
                first = measure(way, kind, f"0:7:{storage}", uri)
                second = measure(way, kind, f"1:8:{storage}", uri)
            print(
                f"{kind + ', ' + way:<20}{first.seconds:>10.2f}{first.cpu:>8.2f}{second.seconds:>10.2f}"
                f"{second.cpu:>8.2f}{second.cpu / first.cpu:>18.0%}"
            )


def tenfold(uri: str, folder: Path, calls: int) -> None:
    """The same window of a store with ten times the calls."""
    large = f"sqlite:///{folder}/tenfold.db"
    build_trace_store(large, runs=10 * calls, traces=10 * calls, days=10 * DAYS)
    print("\nThe same window by SQL, in a store with ten times the calls\n")
    print(f"{'':<8}{'calls':>8}{'seconds':>10}{'in the large one':>18}{'ratio':>8}{'CPU':>8}")
    for kind in KINDS:
        small, found = measure("sql", kind, str(DAYS), uri), measure("sql", kind, str(DAYS), large)
        print(
            f"{kind:<8}{found.rows:>8}{small.seconds:>10.2f}{found.seconds:>18.2f}"
            f"{found.seconds / small.seconds:>8.2f}{found.cpu / small.cpu:>8.2f}"
        )


def megabytes(folder: Path, traces: int) -> None:
    """Memory where each call is a megabyte."""
    uri = f"sqlite:///{folder}/megabytes.db"
    build_trace_store(uri, runs=0, traces=traces, days=1, lengths=(490_000, 510_000))
    print(f"\n{traces} traces of a megabyte, on one day, into a snapshot\n")
    print(f"{'':<12}{'calls':>8}{'seconds':>10}{'peak MB':>10}")
    for way in ("collect", "collect-api"):
        with tempfile.TemporaryDirectory(prefix="teleprompt-bench-") as storage:
            found = measure(way, "traces", f"0:1:{storage}", uri)
        print(f"{way:<12}{found.rows:>8}{found.seconds:>10.1f}{found.peak_mb:>10}")


def measure(way: str, kind: str, span: str, uri: str) -> Measured:
    """Run one measurement in a process of its own."""
    env = {**os.environ, "PYTHONWARNINGS": "ignore", "MLFLOW_LOGGING_LEVEL": "ERROR"}
    command = [sys.executable, "-m", "bench.long_texts", "--worker", way, kind, span, uri]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    watched, children = psutil.Process(process.pid), 0
    while process.poll() is None:
        with suppress(psutil.Error):
            children = max(children, sum(child.memory_full_info().pss for child in watched.children(recursive=True)))
        time.sleep(0.5)
    output = process.communicate()[0]
    if process.returncode:
        raise RuntimeError(f"measuring {way} {kind} failed")
    found = json.loads(output.splitlines()[-1])
    return Measured(found["rows"], found["seconds"], found["cpu"], found["peak_mb"] + (children >> 20))


def _work(way: str, kind: str, span: str, uri: str) -> None:
    from teleprompt.tracking.connection import mlflow_client

    with mlflow_client(uri) as client:
        work: Callable[[], int] = {
            "mlflow": lambda: _mlflow(client, kind),
            "api": lambda: _ours(client, kind, "api", span),
            "sql": lambda: _ours(client, kind, "sql", span),
            "read": lambda: _read(client, kind, "sql", span),
            "read-api": lambda: _read(client, kind, "api", span),
            "collect": lambda: _collect(client, kind, "sql", span),
            "collect-api": lambda: _collect(client, kind, "api", span),
        }[way]
        if way.startswith("read"):  # what a process imports and sets up once is another matter
            with tempfile.TemporaryDirectory() as storage:
                _read(client, kind, "api" if way == "read-api" else "sql", f"{DAYS - 1}:{DAYS}:{storage}")
        started, before = time.perf_counter(), _cpu()
        rows = work()
        seconds = time.perf_counter() - started
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) // 1024
    print(json.dumps({"rows": rows, "seconds": seconds, "cpu": _cpu() - before, "peak_mb": peak}))


def _cpu() -> float:
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def _mlflow(client: Any, kind: str) -> int:
    import mlflow

    mlflow.set_tracking_uri(client.tracking_uri)
    experiment = client.get_experiment_by_name("production").experiment_id
    condition = f"tags.dspy_program_name = '{PROGRAM}'"
    if kind == "runs":
        return len(mlflow.search_runs([experiment], filter_string=condition))
    return len(mlflow.search_traces(locations=[experiment], filter_string=condition, max_results=10**6))


def _ours(client: Any, kind: str, access: str, days: str) -> int:
    from teleprompt.config.traces import TracesConfig
    from teleprompt.traces.sources.choose import open_store

    config = TracesConfig(access=access, source=kind, experiments=("production",))
    with open_store(client) as store:
        (source,) = store.sources(config, outcomes=[METRIC], page_size=1000)
        return sum(len(table) for table in source.read(PROGRAM, _span(0, float(days))))


def _read(client: Any, kind: str, access: str, where: str) -> int:
    from teleprompt.config.program import ProgramConfig
    from teleprompt.config.traces import TracesConfig
    from teleprompt.traces.collect import open_reading

    first, last, storage = where.split(":")
    config = ProgramConfig(name=PROGRAM, slug="bench", traces=TracesConfig(source=kind, access=access))
    window = _span(float(first), float(last))
    with open_reading(client, config=config, window=window, storage_uri=storage) as reading:
        return sum(len(table) for table in reading.batches())


def _collect(client: Any, kind: str, access: str, where: str) -> int:
    from teleprompt.config.program import ProgramConfig
    from teleprompt.config.traces import TracesConfig
    from teleprompt.program.fields import DeclaredFields, Field, ProgramFields
    from teleprompt.traces.collect import collect_snapshot

    first, last, storage = where.split(":")
    fields = ProgramFields(
        inputs=tuple(Field(name=name, is_text=True, is_categorical=False) for name in ("customer", "question")),
        outputs=(Field(name="answer", is_text=True, type="str", json_schema={"type": "string"}),),
    )
    config = ProgramConfig(name=PROGRAM, slug="bench", traces=TracesConfig(source=kind, access=access))
    record, *_ = collect_snapshot(
        client,
        config=config,
        declared=DeclaredFields.exactly(fields),
        window=_span(float(first), float(last)),
        storage_uri=storage,
        least=1,
    )
    return record.trace_count


def _span(first: float, last: float) -> Window:
    return Window(start=START + timedelta(days=first), end=START + timedelta(days=last))


if __name__ == "__main__":
    main()
