import sqlite3
from contextlib import closing
from typing import Any

from dev.traffic.log import AsRun
from teleprompt.config.settings import Settings
from teleprompt.tracking.connection import mlflow_client
from tests.many_runs import SQLITE, log_many

OF_ITS_OWN = {"run_uuid", "name", "artifact_uri"}

RUNS = [
    AsRun(1, 2, {"input.a": "x", "output.b": "y"}, {"score": 0.5}, {"dspy_program_name": "P"}),
    AsRun(3, 4, {"input.a": "\u00e9", "input.c": "", "output.b": "z"}, {"score": float("nan")}, {"group": "g"}),
    AsRun(5, 7, {"output.b": "z"}, {}, {}),
    AsRun(6, 8, {}, {"score": 1.0, "other": -2.0}, {"dspy_program_name": "P", "group": "h"}),
]


def rows(settings: Settings, table: str, experiment_id: str) -> list[tuple[Any, ...]]:
    """What a table holds of the experiment's runs, without what names them."""
    database = settings.tracking_uri.get_secret_value().removeprefix(SQLITE)
    with closing(sqlite3.connect(database)) as connection:
        of_table = [f"t.{name}" for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]
        columns = ", ".join(name for name in of_table if name.removeprefix("t.") not in OF_ITS_OWN | {"experiment_id"})
        chosen = "WHERE r.experiment_id = ? AND " + ("TRUE" if table != "tags" else "t.key <> 'mlflow.runName'")
        query = f"SELECT r.start_time, {columns} FROM {table} t JOIN runs r ON r.run_uuid = t.run_uuid {chosen}"
        return sorted(connection.execute(query, [experiment_id]).fetchall(), key=repr)


def test_rows_are_those_that_mlflow_writes(settings: Settings) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        one, many = client.create_experiment("one"), client.create_experiment("many")
        for run in RUNS:
            run.log(client, one)
        log_many(client, many, RUNS)
        for table in ("runs", "params", "metrics", "latest_metrics", "tags"):
            found = rows(settings, table, many)
            assert len(found) >= 4
            assert found == rows(settings, table, one), table


def test_each_run_has_an_id_a_name_and_a_place_of_its_own(settings: Settings) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        experiment = client.create_experiment("many")
        log_many(client, experiment, RUNS)
        found = client.search_runs([experiment])
        assert len({run.info.run_id for run in found}) == len({run.info.run_name for run in found}) == len(RUNS)
        for run in found:
            assert run.info.artifact_uri.endswith(f"/{run.info.run_id}/artifacts")
            assert run.data.tags["mlflow.runName"] == run.info.run_name
