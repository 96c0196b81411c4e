"""The DAG that reports every week, and who gets what it says. Mail goes to a real SMTP server on loopback."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import Connection
from airflow.serialization.serialized_objects import DagSerialization

from teleprompt.config.settings import Settings
from teleprompt.tracking.connection import mlflow_client
from teleprompt.tracking.pipeline_run import KEY_TAG, experiment_name, internal_experiment
from teleprompt_airflow.dags.program import program_dags
from teleprompt_airflow.dags.report import report_dag
from teleprompt_airflow.operators import ReportOperator
from tests import REPOSITORY
from tests.alerts.mailbox import taking_mail
from tests.alerts.receiver import receiving
from tests.support import write_program

UNTIL = datetime.now(UTC) + timedelta(hours=1)


def report(**params: Any) -> dict[str, Any]:
    context = {"logical_date": None, "dag_run": SimpleNamespace(run_after=UNTIL), "params": {"days": 7, **params}}
    return ReportOperator(task_id="report").execute(context)


@pytest.fixture
def programs(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_program(tmp_path / "programs")
    monkeypatch.setenv("TELEPROMPT_PROGRAMS_DIR", str(tmp_path / "programs"))
    with mlflow_client(settings.tracking_uri) as client:
        tags = {
            KEY_TAG: "a" * 64,
            "teleprompt.program": "Shelves",
            "teleprompt.window_start": "2026-11-09T00:00:00Z",
            "teleprompt.window_end": "2026-11-16T00:00:00Z",
            "teleprompt.error": "MLflow was away",
        }
        run = client.create_run(internal_experiment(client, experiment_name("Shelves")), tags=tags)
        client.set_terminated(run.info.run_id, "FAILED")


@pytest.mark.usefixtures("programs")
def test_by_mail_it_is_the_page(airflow: dict[str, Connection]) -> None:
    with taking_mail() as mailbox:
        extra = json.dumps({"disable_tls": True, "disable_ssl": True, "from_email": "a@example.org"})
        airflow["smtp_default"] = Connection(
            conn_id="smtp_default", conn_type="smtp", host="127.0.0.1", port=mailbox.port, extra=extra
        )
        found = report()
    (mail,) = mailbox.messages
    assert mail["subject"] == "all programs: report"
    (page,) = (part.get_payload(decode=True).decode() for part in mail.walk() if part.get_content_type() == "text/html")
    assert "nothing was found to be better, 1 run failed" in page
    assert "<h2>What it took</h2>" in page
    assert found["programs"][0]["failures"][0]["error"] == "MLflow was away"
    json.dumps(found)


@pytest.mark.usefixtures("programs")
def test_by_a_webhook_it_is_the_sentence_and_where_the_page_is(
    airflow: dict[str, Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.org")
    with receiving() as receiver:
        extra = json.dumps({"url": receiver.url})
        airflow["teleprompt_webhook"] = Connection(
            conn_id="teleprompt_webhook", conn_type="http", password="shared", extra=extra
        )
        report(days=3)
    (sent,) = receiver.bodies
    assert "1 run failed" in sent["text"]
    assert sent["facts"]["failed"] == 1
    assert sent["page"].startswith("https://airflow.example.org/teleprompt/ui/report?since=")
    assert "html" not in sent


@pytest.mark.usefixtures("programs", "airflow")
def test_nobody_has_to_be_told(caplog: pytest.LogCaptureFixture) -> None:
    assert report()["programs"][0]["program"] == "shelves"
    assert "Nobody is told" not in caplog.text


def test_the_dag_is_weekly_and_the_same_each_time_it_is_parsed() -> None:
    dag = report_dag()
    assert (dag.dag_id, dag.schedule, set(dag.task_ids)) == ("teleprompt_report", "0 6 * * 1", {"report"})
    once, again = (DagSerialization.to_dict(report_dag()) for _ in range(2))
    assert once == again


def test_no_program_takes_its_name(tmp_path: Path) -> None:
    write_program(tmp_path, "report")
    (dag,) = program_dags(tmp_path)
    assert dag.dag_id == "teleprompt_report.yaml"
    assert "give the file another name" in dag.description


def test_parsing_its_file_imports_nothing_heavy() -> None:
    code = (
        "import sys, runpy; runpy.run_path('dags/teleprompt_report.py'); "
        "print([m for m in ('dspy', 'mlflow', 'pyarrow', 'scipy', 'numpy', 'web3') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'plugins'}"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip().endswith("[]"), done.stdout + done.stderr
