"""`teleprompt doctor` beside an Airflow: connections that only its database holds are looked at like any other."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from teleprompt.config.deployment import find_deployment
from teleprompt.config.settings import Settings
from teleprompt.health import NOT_LOOKED_AT, examine_deployment
from tests.support import write_program

KEEP = """
import json, sys
from airflow.models import Connection
from airflow.models.base import Base
from airflow.settings import engine
from airflow.utils.session import create_session

Base.metadata.create_all(engine, tables=[Base.metadata.tables["team"], Connection.__table__])
with create_session() as session:
    for conn_id, fields in json.load(sys.stdin).items():
        session.add(Connection(conn_id=conn_id, **fields))
"""
"""Of Airflow's database only what is asked for."""

MARK = "hunter2MARK"


@pytest.fixture
def deployed(settings: Settings, tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """What the command finds beside an Airflow whose database holds these connections."""
    write_program(tmp_path / "programs")
    home = tmp_path / "airflow"
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "TELEPROMPT_PROGRAMS_DIR": str(tmp_path / "programs"),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    home.mkdir()

    def find(connections: Mapping[str, Any] | None) -> list[dict[str, Any]]:
        if connections is not None:
            kept = [sys.executable, "-c", KEEP]
            subprocess.run(kept, env=environment, input=json.dumps(connections), text=True, check=True)
        command = [sys.executable, "-c", "from teleprompt.cli import main; main()", "doctor", "--json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert MARK not in done.stdout + done.stderr
        return json.loads(done.stdout)

    return find


def of(findings: list[dict[str, Any]], check: str) -> dict[str, Any]:
    return next(finding for finding in findings if finding["check"] == check)


@pytest.mark.slow
def test_connections_in_the_database_say_what_is_looked_at(
    deployed: Callable[..., list[dict[str, Any]]], settings: Settings
) -> None:
    findings = deployed(
        {
            "mlflow_default": {
                "conn_type": "generic",
                "extra": json.dumps({"tracking_uri": settings.tracking_uri.get_secret_value()}),
            },
            "teleprompt_storage": {"conn_type": "generic", "extra": json.dumps({"uri": settings.storage_uri})},
            "teleprompt_webhook": {"conn_type": "http", "password": MARK, "host": "https://hooks.example.org"},
        }
    )
    assert [finding["check"] for finding in findings[:2]] == ["project", "airflow"]
    airflow = of(findings, "airflow")
    assert airflow["ok"]
    assert airflow["detail"].startswith("Airflow keeps 3 connections in sqlite:///")
    assert airflow["detail"].endswith("; looked at here: mlflow_default, teleprompt_storage")
    assert settings.storage_uri in of(findings, "storage")["detail"]
    assert "nobody set" not in of(findings, "mlflow")["detail"]
    assert (
        of(findings, "told")["detail"] == "what no rule names goes to the webhook of the connection teleprompt_webhook"
    )


@pytest.mark.slow
def test_a_database_that_does_not_answer_is_said_and_the_rest_looked_at(
    deployed: Callable[..., list[dict[str, Any]]],
) -> None:
    findings = deployed(None)
    airflow = of(findings, "airflow")
    assert not airflow["ok"]
    assert "no such table" in airflow["detail"]
    assert "by the environment alone" in airflow["remedy"]
    told = of(findings, "told")
    assert not told["ok"]
    assert "Nobody is told of failure" in told["detail"]
    assert "only Airflow knows are not seen here" in told["detail"]


@pytest.mark.parametrize("environment", [{}, {"AIRFLOW_HOME": "/nowhere"}])
def test_where_no_airflow_is_named_none_is_looked_for_and_that_is_said(environment: dict[str, str]) -> None:
    assert find_deployment(environment) is None
    findings = examine_deployment(lambda: find_deployment(environment))
    assert (findings[1].check, findings[1].ok, findings[1].detail) == ("airflow", True, NOT_LOOKED_AT)


class Beside:
    """An Airflow that knows no connection."""

    place = "Airflow keeps 0 connections in its database"
    used = ()

    def settings(self) -> Settings:
        return Settings()

    def extra_of(self, conn_id: str) -> None:
        return None


def test_an_address_without_the_connection_for_mail_tells_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEPROMPT_DEFAULT_ALERTS__TO", "ops@example.org")
    told = {finding.check: finding for finding in examine_deployment(Beside)}["told"]
    assert not told.ok
    assert told.detail == "What no rule names goes to ops@example.org by mail, which takes the connection smtp_default."
