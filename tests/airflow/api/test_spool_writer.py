"""The API server's spool writer: what it writes, measures, and tells of."""

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Connection

from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.traces.submission.spool import Spool
from teleprompt.traces.submission.submit import accept
from teleprompt_airflow.api import _spool_writer
from teleprompt_airflow.api._spool_writer import SpoolWriter
from tests.alerts.receiver import Receiver, receiving
from tests.support import write_program

LATE = {"trace_id": "nobody", "outcomes": {"outcome_score": 1}}
CONFIG = ProgramConfig(name="Shelves", slug="shelves")


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spool:
    monkeypatch.setenv("TELEPROMPT_SPOOL_DIR", str(tmp_path / "spool"))
    alerts = json.dumps({"rules": [{"events": ["set_aside"]}]})
    write_program(tmp_path / "programs", yaml=f"name: Shelves\nalerts: {alerts}\n")
    return Spool(tmp_path / "spool")


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """The last value of each gauge."""
    seen: dict[str, float] = {}
    monkeypatch.setattr(_spool_writer, "gauge", lambda name, value, **_: seen.update({name: value}))
    return seen


def test_what_is_set_aside_is_measured_and_told_of_once(
    airflow: dict[str, Connection], settings: Settings, spool: Spool, measured: dict[str, float]
) -> None:
    with receiving() as hook:
        airflow["teleprompt_webhook"] = webhook(hook)
        for _ in range(2):
            accept(spool, CONFIG, [LATE, LATE])
        for _ in range(3):
            SpoolWriter()._write()
        assert measured == {"spool_waiting": 0, "spool_set_aside": 4}
        (body,) = hook.bodies
        assert (body["type"], body["program"], body["facts"]) == ("teleprompt.set_aside", "shelves", {"rows": 4})
        assert "teleprompt traces set-aside list shelves" in body["text"]
        assert "nobody" not in body["text"]

        accept(spool, CONFIG, [LATE])
        SpoolWriter()._write()
        assert [body["facts"]["rows"] for body in hook.bodies] == [4, 1]


def test_rows_of_a_program_that_is_gone_are_told_of_by_the_rules_for_all(
    airflow: dict[str, Connection], settings: Settings, spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "alerts.yaml"
    file.write_text("rules:\n  - events: [set_aside]\n")
    monkeypatch.setenv("TELEPROMPT_ALERTS_FILE", str(file))
    accept(spool, ProgramConfig(name="Gone", slug="gone"), [LATE])
    with receiving() as hook:
        airflow["teleprompt_webhook"] = webhook(hook)
        SpoolWriter()._write()
        assert [body["program"] for body in hook.bodies] == ["gone"]


def webhook(hook: Receiver) -> Any:
    extra = json.dumps({"url": hook.url})
    return Connection(conn_id="teleprompt_webhook", conn_type="http", password="shared", extra=extra)
