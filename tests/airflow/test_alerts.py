"""Who is told what: rules, notifiers, and the tasks that send alerts. Mail goes to a real SMTP server on loopback."""

import asyncio
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import BaseNotifier, Connection
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from airflow.utils.types import DagRunType

from teleprompt.alerts.alert import Alert
from teleprompt.config.alerts import AlertEvent, AlertRule, shared_rules
from teleprompt.config.settings import Settings
from teleprompt.errors import ConfigurationError
from teleprompt.tracking.connection import mlflow_client
from teleprompt_airflow import metrics as metrics_module
from teleprompt_airflow.assets import ended_asset
from teleprompt_airflow.notifications import tell as tell_module
from teleprompt_airflow.notifications.deadline import deadline_missed
from teleprompt_airflow.notifications.failure import FailureAlert
from teleprompt_airflow.notifications.tell import build_notifier, tell
from teleprompt_airflow.operators import CollectOperator, ConcludeOperator
from tests.airflow.test_tasks import context, waited
from tests.alerts.mailbox import Mailbox, taking_mail
from tests.alerts.receiver import Receiver, receiving
from tests.support import WEEK, log_run, log_shelf_calls, write_program

SMTP = "airflow.providers.smtp.notifications.smtp.SmtpNotifier"
FAILED = SimpleNamespace(
    dag_id="teleprompt_shelves", run_id="manual__1", task_id="collect", map_index=-1, log_url="http://log"
)
MAIL = {"to": "ops@example.org", "from_email": "teleprompt@example.org"}


@pytest.fixture
def mailbox(airflow: dict[str, Connection]) -> Iterator[Mailbox]:
    with taking_mail() as box:
        extra = json.dumps({"disable_tls": True, "disable_ssl": True})
        airflow["smtp_default"] = Connection(
            conn_id="smtp_default", conn_type="smtp", host="127.0.0.1", port=box.port, extra=extra
        )
        yield box


@pytest.fixture
def hook(airflow: dict[str, Connection]) -> Iterator[Receiver]:
    with receiving() as receiver:
        airflow["teleprompt_webhook"] = Connection(
            conn_id="teleprompt_webhook", conn_type="http", password="shared", extra=json.dumps({"url": receiver.url})
        )
        yield receiver


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, str]]]:
    """The metrics that were counted."""
    seen: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setattr(tell_module, "count", lambda name, **labels: seen.append((name, labels)))
    return seen


def write_rules(folder: Path, *rules: dict[str, Any], **alerts: Any) -> None:
    section = json.dumps({"rules": rules, **alerts})
    write_program(folder / "programs", yaml=f"name: Shelves\noptimization: {{min_traces: 20}}\nalerts: {section}\n")


def alert(event: AlertEvent = AlertEvent.ROLLBACK) -> Alert:
    return Alert(event=event, program="shelves", text="1 < 2 & so on", cause="c", at=datetime(2026, 1, 1, tzinfo=UTC))


def test_mail_and_webhook_say_what_happened_to_those_who_asked(
    mailbox: Mailbox, hook: Receiver, tmp_path: Path
) -> None:
    write_rules(
        tmp_path, {"events": ["rollback"], "notifier": SMTP, "arguments": MAIL}, {"events": ["rollback", "failure"]}
    )
    tell([alert(), alert(AlertEvent.FAILURE), alert(AlertEvent.DEADLINE)], {})
    (mail,) = mailbox.messages
    assert (mail["subject"], mail["to"], mail["from"]) == (
        "shelves: rollback", "ops@example.org", "teleprompt@example.org",
    )  # fmt: skip
    (html,) = (part.get_payload(decode=True) for part in mail.walk() if part.get_content_type() == "text/html")
    assert b"1 &lt; 2 &amp; so on" in html
    assert [body["type"] for body in hook.bodies] == ["teleprompt.rollback", "teleprompt.failure"]


def test_texts_of_the_rule_are_templates(mailbox: Mailbox, tmp_path: Path) -> None:
    own = {**MAIL, "subject": "[{{ alert.event }}] {{ alert.program }}"}
    write_rules(tmp_path, {"events": ["rollback"], "notifier": SMTP, "arguments": own})
    tell([alert()], {})
    assert mailbox.messages[0]["subject"] == "[rollback] shelves"


def test_rules_for_all_programs_come_beside_the_programs_own(
    hook: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "alerts.yaml"
    monkeypatch.setenv("TELEPROMPT_ALERTS_FILE", str(file))
    write_rules(tmp_path)
    monkeypatch.setenv("TELEPROMPT_DEFAULT_ALERTS__NOTIFIER", "none")
    tell([alert()], {})
    assert hook.requests == []
    file.write_text("rules:\n  - events: [rollback]\n")
    tell([alert()], {})
    assert len(hook.requests) == 1
    for text, problem in (
        ("rules: [{events: [rollbak]}]", "rules.0.events.0"),
        ("rules: {", "cannot be read"),
        ("x: 1", "x"),
    ):
        file.write_text(text)
        with pytest.raises(ConfigurationError, match=problem):
            shared_rules(file)


class BrokenNotifier(BaseNotifier):
    """A notifier whose service is away."""

    def notify(self, context: Any) -> None:
        raise OSError("the service is away")


def test_a_notifier_that_fails_is_counted_and_hinders_no_other(
    hook: Receiver, tmp_path: Path, counted: list[tuple[str, dict[str, str]]], caplog: pytest.LogCaptureFixture
) -> None:
    broken = f"{__name__}.BrokenNotifier"
    write_rules(
        tmp_path,
        {"events": ["rollback"], "notifier": broken},
        {"events": ["rollback"], "notifier": "nowhere.Notifier"},
        {"events": ["rollback"], "notifier": SMTP, "arguments": {"too": "x"}},
        {"events": ["rollback"]},
    )
    with caplog.at_level(logging.ERROR):
        tell([alert()], {})
    assert len(hook.requests) == 1
    failures = [tags["notifier"] for name, tags in counted if name == "notifier_failures"]
    assert failures == [broken, "nowhere.Notifier", SMTP]
    assert counted[0] == ("alerts", {"program": "shelves", "event": "rollback"})
    assert "the service is away" in caplog.text


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ({"notifier": "nowhere.Notifier"}, "There is no notifier nowhere.Notifier"),
        ({"notifier": "json.dumps"}, "json.dumps is not an Airflow notifier"),
        ({"arguments": {"too": "x"}}, "webhook does not take these arguments"),
    ],
)
def test_a_rule_that_cannot_work_says_why(rule: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        build_notifier(AlertRule.model_validate({"events": ["failure"], **rule}))


def test_a_failed_task_is_told_of_with_its_log(hook: Receiver, tmp_path: Path) -> None:
    write_rules(tmp_path, {"events": ["failure"]})
    FailureAlert(program="shelves")({"ti": FAILED, "exception": AirflowFailException("Insufficient traces: 1 < 20")})
    (body,) = hook.bodies
    assert body["text"] == "The task collect failed: Insufficient traces: 1 < 20"
    assert body["facts"]["log_url"] == "http://log"


def test_what_others_errors_quote_is_not_told(hook: Receiver, tmp_path: Path) -> None:
    write_rules(tmp_path, {"events": ["failure"]})
    FailureAlert(program="shelves")({"ti": FAILED, "exception": ValueError("Dear customer, your secret is …")})
    assert hook.bodies[0]["text"] == "The task collect failed: ValueError; see its log"


def test_no_password_of_a_uri_is_told(hook: Receiver, tmp_path: Path) -> None:
    write_rules(tmp_path, {"events": ["failure"]})
    said = AirflowFailException("MLflow at http://mlflow:hunter2MARK@mlflow:5000/x does not answer")
    FailureAlert(program="shelves")({"ti": FAILED, "exception": said})
    assert hook.bodies[0]["text"].endswith("MLflow at http://***@mlflow:5000/x does not answer")
    assert "hunter2MARK" not in str(hook.bodies)


def test_a_program_file_that_broke_is_told_of_by_the_rules_for_all(
    hook: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted: list[tuple[str, dict[str, str]]]
) -> None:
    file = tmp_path / "alerts.yaml"
    file.write_text("rules:\n  - events: [failure]\n")
    monkeypatch.setenv("TELEPROMPT_ALERTS_FILE", str(file))
    write_program(tmp_path / "programs", yaml="name: Shelves\nnope: 1\n")
    FailureAlert(program="shelves")({"ti": FAILED, "exception": AirflowFailException("shelves.yaml:2: `nope`")})
    FailureAlert(program="maintenance")({"ti": FAILED, "exception": None})
    assert [body["program"] for body in hook.bodies] == ["shelves", "maintenance"]
    assert ("notifier_failures", {"program": "shelves", "notifier": "shelves.yaml"}) in counted


def test_a_missed_deadline_is_told_of(hook: Receiver, tmp_path: Path) -> None:
    write_rules(tmp_path, {"events": ["deadline"]}, deadline_hours=2)
    asyncio.run(deadline_missed(program="shelves", hours=2.0, context={"dag_run": {"dag_run_id": "scheduled__1"}}))
    assert hook.bodies[0]["text"] == "The run scheduled__1 is not over 2 hours after it was queued."


class Task:
    """A task instance with what earlier runs returned."""

    task_id = "conclude"

    def __init__(self, before: Any) -> None:
        self._before = before

    def xcom_pull(self, *, task_ids: str, include_prior_dates: bool) -> Any:
        assert (task_ids, include_prior_dates) == ("conclude", True)
        return self._before


def conclude(found: dict[str, Any] | None, before: Any = None, run_id: str = "r") -> dict[str, Any]:
    ended = ended_asset("shelves")
    own = context(kind=DagRunType.SCHEDULED)
    own["dag_run"].run_id = run_id
    return ConcludeOperator(task_id="conclude", program="shelves", waited=found, ended=ended).execute(
        {**own, "ti": Task(before), "outlet_events": {ended: SimpleNamespace(extra={})}}
    )


def test_the_second_run_in_a_row_without_traces_is_told_of(hook: Receiver, tmp_path: Path) -> None:
    write_rules(tmp_path, {"events": ["insufficient_traces"]})
    ends: list[dict[str, Any]] = []
    for number in range(1, 4):
        # As Airflow gives them: nothing, one value, or many, in no order of time.
        before = None if not ends else ends[0] if len(ends) == 1 else [ends[-1], *ends[:-1]]
        ends.append({**conclude(None, before), "concluded_at": f"{2030 - number}"})  # the clock is put back
        assert ends[-1]["insufficient_in_a_row"] == number
        assert len(hook.requests) == (number >= 2)
    assert "The last 2 runs had fewer than 20 usable traces" in hook.bodies[0]["text"]


def test_a_run_with_enough_traces_begins_to_count_anew(settings: Settings, hook: Receiver, tmp_path: Path) -> None:
    write_rules(tmp_path, {"events": ["insufficient_traces"]})
    log_shelf_calls(settings, count=20)
    assert conclude(waited(), {"insufficient_in_a_row": 1, "concluded_at": "2026"})["insufficient_in_a_row"] == 0
    assert hook.requests == []


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, ...], float]:
    """What gauges show and counters add up to, by name and labels."""
    seen: dict[tuple[str, ...], float] = {}

    def gauge(name: str, value: float, **labels: str) -> None:
        seen[name, *labels.values()] = value

    def add(name: str, by: int = 1, **labels: str) -> None:
        seen[name, *labels.values()] = seen.get((name, *labels.values()), 0) + by

    monkeypatch.setattr(metrics_module, "gauge", gauge)
    monkeypatch.setattr(metrics_module, "count", add)
    return seen


@pytest.mark.parametrize(
    ("kind", "ends"), [(DagRunType.SCHEDULED, AirflowSkipException), (DagRunType.MANUAL, AirflowFailException)]
)
def test_a_window_that_is_all_quarantined_is_measured_and_told_of(
    settings: Settings,
    hook: Receiver,
    tmp_path: Path,
    measured: dict[tuple[str, ...], float],
    kind: DagRunType,
    ends: type[Exception],
) -> None:
    """The sensor saw enough calls, so nobody else says anything."""
    write_rules(tmp_path, {"events": ["quarantine"]})
    log_useless_calls(settings, count=25)
    found = waited()
    for _ in range(2):  # also the task that is cleared
        with pytest.raises(ends, match=r"Insufficient traces: 0 < 20 .*missing_outcome 25"):
            CollectOperator(task_id="collect", program="shelves", waited=found).execute(context(kind=kind))
    assert measured["snapshot_rows", "shelves"] == 0
    assert measured["quarantined_rows", "shelves"] == 25
    assert measured["quarantined", "shelves", "missing_outcome"] == 50
    assert hook.bodies[0]["facts"] == {
        "window": str(WEEK), "dag_run_id": "r", "usable": 0, "needed": 20, "missing_outcome": 25,
    }  # fmt: skip
    assert "missing_outcome 25" in hook.bodies[0]["text"]
    assert len({headers["webhook-id"] for headers, _ in hook.requests}) == 1


def test_a_run_that_found_too_few_usable_traces_counts_as_one_without(
    settings: Settings, hook: Receiver, tmp_path: Path
) -> None:
    write_rules(tmp_path, {"events": ["insufficient_traces"]})
    log_useless_calls(settings, count=25)
    found = waited()
    with pytest.raises(AirflowSkipException):
        CollectOperator(task_id="collect", program="shelves", waited=found).execute(context(kind=DagRunType.SCHEDULED))
    end = conclude(found, {"insufficient_in_a_row": 1, "concluded_at": "2026"})
    assert end["insufficient_in_a_row"] == 2
    assert "The last 2 runs had fewer than 20 usable traces" in hook.bodies[0]["text"]


def log_useless_calls(settings: Settings, *, count: int) -> None:
    """Calls without an outcome."""
    with mlflow_client(settings.tracking_uri) as client:
        experiment = client.create_experiment("shop", str(Path(settings.storage_uri).parent / "shop"))
        for i in range(count):
            inputs = {"thing": f"thing {i}"}
            log_run(client, experiment, program="Shelves", inputs=inputs, outputs={"shelf": "left"}, metrics={})
