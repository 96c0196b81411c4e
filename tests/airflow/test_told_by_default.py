"""Without a rule somebody is told all the same: real mail and real HTTP on loopback, through Airflow's connections."""

import json
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import BaseHook, BaseNotifier, Connection
from airflow.sdk.exceptions import AirflowFailException

from teleprompt.alerts.alert import Alert
from teleprompt.alerts.by_default import SLACK
from teleprompt.config.alerts import SENT_BY_DEFAULT, AlertEvent
from teleprompt.config.settings import Settings
from teleprompt_airflow.notifications.failure import TOLD_BEFORE, FailureAlert
from teleprompt_airflow.notifications.tell import found_default, tell
from teleprompt_airflow.operators.watch import RegressionError, RolledBackError
from tests.airflow.test_alerts import FAILED, conclude
from tests.alerts.mailbox import Mailbox, taking_mail
from tests.alerts.receiver import Receiver, receiving
from tests.support import fenced_blocks, write_program

SECRET = "hunter2MARK"
TO = "TELEPROMPT_DEFAULT_ALERTS__TO"


@pytest.fixture(autouse=True)
def _program(airflow: dict[str, Connection], tmp_path: Path) -> None:
    write_program(tmp_path / "programs", yaml="name: Shelves\noptimization: {min_traces: 20}\n")


@pytest.fixture
def mailbox(airflow: dict[str, Connection]) -> Iterator[Mailbox]:
    with taking_mail() as box:
        extra = {"disable_tls": True, "disable_ssl": True, "from_email": "airflow@example.org"}
        airflow["smtp_default"] = Connection(
            conn_id="smtp_default", conn_type="smtp", host="127.0.0.1", port=box.port, extra=json.dumps(extra)
        )
        yield box


@pytest.fixture
def hook(airflow: dict[str, Connection]) -> Iterator[Receiver]:
    with receiving() as receiver:
        airflow["teleprompt_webhook"] = Connection(
            conn_id="teleprompt_webhook", conn_type="http", password=SECRET, extra=json.dumps({"url": receiver.url})
        )
        yield receiver


def alert(event: AlertEvent) -> Alert:
    return Alert(event=event, program="shelves", text="so it is", cause="c", at=datetime(2026, 1, 1, tzinfo=UTC))


def test_what_matters_is_mailed_to_whom_the_settings_name(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TO, "ops@example.org, lead@example.org")
    tell(map(alert, AlertEvent), {})
    assert [mail["subject"] for mail in mailbox.messages] == [
        f"shelves: {event.value.replace('_', ' ')}" for event in AlertEvent if event in SENT_BY_DEFAULT
    ]
    assert {(mail["from"], mail["to"]) for mail in mailbox.messages} == {
        ("airflow@example.org", "ops@example.org, lead@example.org")
    }


def test_the_documented_settings_reach_the_documented_address(
    airflow: dict[str, Connection], mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = fenced_blocks("docs/alerts.md", "ini")
    settings = dict(line.split("=", 1) for line in block.splitlines())
    named = json.loads(settings.pop("AIRFLOW_CONN_SMTP_DEFAULT"))
    loopback = {"host": "127.0.0.1", "port": mailbox.port, "login": None, "password": None}
    extra = json.dumps({**named["extra"], "disable_tls": True, "disable_ssl": True})
    airflow["smtp_default"] = Connection(conn_id="smtp_default", **{**named, **loopback, "extra": extra})
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    tell([alert(AlertEvent.FAILURE)], {})
    assert [(mail["from"], mail["to"]) for mail in mailbox.messages] == [("airflow@example.org", "ops@example.org")]


def test_with_the_mail_connection_alone_its_sender_is_told(mailbox: Mailbox) -> None:
    tell([alert(AlertEvent.ROLLBACK)], {})
    assert [mail["to"] for mail in mailbox.messages] == ["airflow@example.org"]
    found = found_default()
    assert found is not None
    assert "the sender of smtp_default" in found.who


def test_a_mail_connection_without_a_sender_is_no_address_but_a_way(
    airflow: dict[str, Connection], mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = json.dumps({"disable_tls": True, "disable_ssl": True})
    airflow["smtp_default"] = Connection(
        conn_id="smtp_default", conn_type="smtp", host="127.0.0.1", port=mailbox.port, extra=extra
    )
    assert found_default() is None
    monkeypatch.setenv(TO, "ops@example.org")
    tell([alert(AlertEvent.ROLLBACK)], {})
    assert [(mail["from"], mail["to"]) for mail in mailbox.messages] == [("ops@example.org", "ops@example.org")]


def test_the_webhook_is_taken_before_mail_that_names_nobody(mailbox: Mailbox, hook: Receiver) -> None:
    tell([alert(AlertEvent.DELTAONE)], {})
    assert [body["type"] for body in hook.bodies] == ["teleprompt.deltaone"]
    assert mailbox.messages == []


def test_a_rule_for_the_event_is_all_that_is_told(mailbox: Mailbox, hook: Receiver, tmp_path: Path) -> None:
    mail = "airflow.providers.smtp.notifications.smtp.SmtpNotifier"
    rule = {"events": ["rollback"], "notifier": mail, "arguments": {"to": "own@example.org"}}
    write_program(tmp_path / "programs", yaml=f"name: Shelves\nalerts: {json.dumps({'rules': [rule]})}\n")
    tell([alert(AlertEvent.ROLLBACK), alert(AlertEvent.REGRESSION)], {})
    assert [mail["to"] for mail in mailbox.messages] == ["own@example.org"]
    assert [body["type"] for body in hook.bodies] == ["teleprompt.regression"]


def test_a_regression_is_told_once_to_each(mailbox: Mailbox, hook: Receiver, tmp_path: Path) -> None:
    failed = {"ti": FAILED, "exception": RegressionError("Version 2 does worse.")}
    tell([alert(AlertEvent.REGRESSION)], {})
    FailureAlert(program="shelves")(failed)
    assert [body["type"] for body in hook.bodies] == ["teleprompt.regression"]
    mail = "airflow.providers.smtp.notifications.smtp.SmtpNotifier"
    rule = {"events": ["failure"], "notifier": mail, "arguments": {"to": "own@example.org"}}
    write_program(tmp_path / "programs", yaml=f"name: Shelves\nalerts: {json.dumps({'rules': [rule]})}\n")
    FailureAlert(program="shelves")(failed)
    assert [mail["to"] for mail in mailbox.messages] == ["own@example.org"]
    assert len(hook.bodies) == 1


def test_what_tells_of_a_failure_as_something_else_is_known_by_its_name() -> None:
    assert {
        RegressionError.__name__: AlertEvent.REGRESSION,
        RolledBackError.__name__: AlertEvent.ROLLBACK,
    } == TOLD_BEFORE


def test_a_failed_task_and_two_runs_without_traces_are_told_of(hook: Receiver) -> None:
    FailureAlert(program="shelves")({"ti": FAILED, "exception": AirflowFailException("The storage is full.")})
    first = conclude(None)
    assert len(hook.bodies) == 1
    conclude(None, first)
    assert [body["type"] for body in hook.bodies] == ["teleprompt.failure", "teleprompt.insufficient_traces"]


def test_nobody_may_be_told_on_purpose_and_else_the_log_says_the_way_out(
    hook: Receiver,
    airflow: dict[str, Connection],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("TELEPROMPT_DEFAULT_ALERTS__NOTIFIER", "none")
    tell([alert(AlertEvent.ROLLBACK)], {})
    assert "Nobody is told" not in caplog.text
    monkeypatch.delenv("TELEPROMPT_DEFAULT_ALERTS__NOTIFIER")
    del airflow["teleprompt_webhook"]
    tell([alert(AlertEvent.ROLLBACK), alert(AlertEvent.TRAFFIC)], {})
    assert caplog.text.count("Nobody is told of shelves: rollback") == 1
    assert TO in caplog.text
    assert "traffic, for no rule" not in caplog.text
    assert hook.requests == []


class KeptNotifier(BaseNotifier):
    """Keeps what it says; stands for one that the settings name."""

    said: list[str] = []  # noqa: RUF012 - it is looked at by the tests
    template_fields = ("text",)

    def __init__(self, *, text: str, slack_webhook_conn_id: str = "slack_default") -> None:
        super().__init__()
        self.text = text

    def notify(self, context: Any) -> None:
        self.said.append(self.text)


def test_the_settings_may_name_any_notifier_with_its_arguments(
    mailbox: Mailbox, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELEPROMPT_DEFAULT_ALERTS__NOTIFIER", f"{__name__}.KeptNotifier")
    monkeypatch.setenv("TELEPROMPT_DEFAULT_ALERTS__ARGUMENTS", '{"text": "<!here> {{ alert.title }}"}')
    KeptNotifier.said.clear()
    tell([alert(AlertEvent.ROLLBACK)], {})
    assert KeptNotifier.said == ["<!here> shelves: rollback"]
    assert (mailbox.messages, hook.requests) == ([], [])


def test_slacks_connection_leads_to_the_notifier_of_airflows_provider(
    airflow: dict[str, Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider is not installed here; its class takes `text` and reads that connection."""
    module = ModuleType(SLACK.rpartition(".")[0])
    module.SlackWebhookNotifier = KeptNotifier  # type: ignore[attr-defined]
    for name in ("airflow.providers.slack", "airflow.providers.slack.notifications"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
        sys.modules[name].__path__ = []
    monkeypatch.setitem(sys.modules, module.__name__, module)
    airflow["slack_default"] = Connection(
        conn_id="slack_default", conn_type="slackwebhook", password=f"https://hooks.example.org/{SECRET}"
    )
    KeptNotifier.said.clear()
    tell([alert(AlertEvent.ROLLBACK)], {})
    assert KeptNotifier.said == ["shelves: rollback: so it is"]


def test_no_secret_is_said_and_what_cannot_be_sent_fails_no_run(
    airflow: dict[str, Connection],
    hook: Receiver,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mail = Connection(conn_id="smtp_default", conn_type="smtp", host="127.0.0.1", port=9, login="u", password=SECRET)
    airflow["smtp_default"] = mail
    with caplog.at_level(logging.DEBUG, logger="teleprompt_airflow"):
        tell([alert(AlertEvent.ROLLBACK)], {})
        monkeypatch.setenv(TO, "ops@example.org")
        tell([alert(AlertEvent.ROLLBACK)], {})  # nothing listens there

        def refuse(_conn_id: str) -> Connection:
            raise RuntimeError("connections cannot be read here")

        monkeypatch.setattr(BaseHook, "get_connection", staticmethod(refuse))
        tell([alert(AlertEvent.ROLLBACK)], {})
    assert "could not be told of: shelves: rollback" in caplog.text
    assert "Who is told by default cannot be found out" in caplog.text
    assert SECRET not in caplog.text
    assert SECRET not in str(hook.requests)


def test_a_failures_own_words_lose_their_password(mailbox: Mailbox) -> None:
    said = AirflowFailException(f"MLflow at http://mlflow:{SECRET}@mlflow:5000 does not answer")
    FailureAlert(program="shelves")({"ti": SimpleNamespace(**vars(FAILED)), "exception": said})
    (mail,) = mailbox.messages
    (html,) = (part.get_payload(decode=True) for part in mail.walk() if part.get_content_type() == "text/html")
    assert b"http://***@mlflow:5000" in html
    assert SECRET not in mail.as_string()
