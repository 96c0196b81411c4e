"""An MLflow server that goes away in the middle of a load."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from bench.mlflow_server import MlflowServer
from bench.store import PROGRAMS, WINDOW, build_store
from teleprompt.config.traces import TracesConfig
from teleprompt.traces.sources import _second_process as second_process
from teleprompt.traces.sources._runs_client import RunsClientSource
from teleprompt.traces.sources._runs_processes import RunsProcessesSource
from teleprompt.traces.sources._runs_rest import RunsRestSource
from teleprompt.traces.sources.choose import open_store
from teleprompt.traces.sources.sql.runs import RunsSqlSource
from teleprompt.tracking.connection import mlflow_client

PROGRAM = next(iter(PROGRAMS))


def rows(tables: Iterator[Any]) -> list[dict[str, Any]]:
    return [row for table in tables for row in table.to_pylist()]


@pytest.mark.slow
def test_a_second_process_that_dies_in_the_middle_of_a_span_costs_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends after the first page of a span, and its Arrow stream ends as if it were whole."""
    backend = f"sqlite:///{tmp_path}/mlflow.db"
    build_store(backend, runs=3000)
    dying = (
        "import teleprompt.traces.sources._second_process as p\n"
        "whole = p.RunsClientSource.read\n"
        "def read(self, *arguments, **more):\n"
        "    yield next(whole(self, *arguments, **more))\n"
        "    raise RuntimeError\n"
        "p.RunsClientSource.read = read\n"
        "p.serve()"
    )
    with mlflow_client(backend) as client:
        experiment = client.get_experiment_by_name("production").experiment_id
        expected = rows(RunsClientSource(client, [experiment], page_size=50).read(PROGRAM, WINDOW))
        monkeypatch.setattr(second_process, "START", dying)
        monkeypatch.setattr(RunsProcessesSource, "_span", _slowly(RunsProcessesSource._span))
        with closing(_Counting(backend)) as second:
            second.start()  # else a slow machine has read all before it is there
            by_two = RunsProcessesSource(client, [experiment], page_size=50, second_process=second)
            found = rows(by_two.read(PROGRAM, WINDOW))
    assert second.asked == 1
    assert found == expected


@pytest.mark.slow
def test_the_second_process_stays_for_the_next_program_and_survives_a_reader_that_gives_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = f"sqlite:///{tmp_path}/mlflow.db"
    build_store(backend, runs=2000)
    monkeypatch.setattr(RunsProcessesSource, "_span", _slowly(RunsProcessesSource._span))
    with mlflow_client(backend) as client, closing(_Counting(backend)) as second:
        experiment = client.get_experiment_by_name("production").experiment_id
        by_one = RunsClientSource(client, [experiment], page_size=80)
        by_two = RunsProcessesSource(client, [experiment], page_size=80, second_process=second)
        pids = set()
        for program in list(PROGRAMS)[:2]:
            assert rows(by_two.read(program, WINDOW)) == rows(by_one.read(program, WINDOW))
            pids.add(second.pid)
        assert len(pids) == 1
        given_up = by_two.read(PROGRAM, WINDOW)
        next(given_up)
        next(given_up)
        given_up.close()
        assert rows(by_two.read(PROGRAM, WINDOW)) == rows(by_one.read(PROGRAM, WINDOW))
    assert second.asked > 2


class _Counting(second_process.SecondProcess):
    """Counts the spans that it is asked for."""

    asked = 0

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def read(self, asked: second_process.SpanOfRuns) -> Any:
        self.asked += 1
        return super().read(asked)


def _slowly(span: Any) -> Any:
    """So slowly that the other process gets its turn."""

    def read(self: Any, *arguments: Any) -> Iterator[Any]:
        time.sleep(0.3)
        yield from span(self, *arguments)

    return read


@pytest.mark.slow
def test_a_killed_and_restarted_server_loses_and_doubles_nothing(tmp_path: Path) -> None:
    backend = f"sqlite:///{tmp_path}/mlflow.db"
    build_store(backend, runs=4000)
    with mlflow_client(backend) as client:
        experiment = client.get_experiment_by_name("production").experiment_id
        with open_store(client) as store:
            (by_sql,) = store.sources(TracesConfig(access="sql", source="runs"), outcomes=[], page_size=100)
            assert isinstance(by_sql, RunsSqlSource)
            expected = rows(by_sql.read(PROGRAM, WINDOW))
        by_client = RunsClientSource(client, [experiment], page_size=700)
        assert rows(by_client.read(PROGRAM, WINDOW)) == expected
    with MlflowServer(backend, tmp_path, workers=1) as server, mlflow_client(server.uri) as client:
        source = RunsRestSource(client, [experiment], page_size=100)
        assert source.count(PROGRAM, WINDOW) == len(expected)
        reading = source.read(PROGRAM, WINDOW)
        found = rows(iter([next(reading) for _ in range(5)]))
        server.kill()
        restart = Thread(target=server.start)
        restart.start()
        found += rows(reading)
        restart.join()
    assert found == expected
