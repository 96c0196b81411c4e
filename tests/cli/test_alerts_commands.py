"""`teleprompt alerts`."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from teleprompt.alerts.alert import Alert
from teleprompt.alerts.webhook import Target, WebhookError, deliver
from teleprompt.config.alerts import AlertEvent
from teleprompt.config.settings import Settings
from tests.cli.conftest import Result


def test_what_nobody_took_is_listed(call: Callable[..., Result], settings: Settings) -> None:
    assert call("alerts", "dead-letters").out == "Every alert was taken.\n"
    alert = Alert(
        event=AlertEvent.ROLLBACK, program="shelves", text="t", cause="c", at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    away = Target(name="hook", url=SecretStr("http://127.0.0.1:9"), secret=SecretStr("s"))
    with pytest.raises(WebhookError):
        deliver(away, alert, storage_uri=settings.storage_uri, wait_seconds=0.001)
    (letter,) = call("alerts", "dead-letters", "--json").json
    assert (letter["target"], letter["alert"]["event"]) == ("hook", "rollback")
    assert "shelves: rollback" in call("alerts", "dead-letters").out


def test_the_rules_that_apply_are_listed_and_a_broken_file_is_named(
    call: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "alerts.yaml"
    monkeypatch.setenv("TELEPROMPT_ALERTS_FILE", str(file))
    assert "There is no rule, and no default that is seen from here: set TELEPROMPT_" in call("alerts", "check").out
    file.write_text("rules: [{events: [failure, budget]}]\n")
    assert call("alerts", "check", "--json").json == [
        {"program": "all", "events": ["failure", "budget"], "notifier": "webhook"}
    ]
    monkeypatch.setenv("TELEPROMPT_DEFAULT_ALERTS__TO", "ops@example.org")
    default = call("alerts", "check", "--json").json[1]
    assert (default["program"], default["events"][0]) == ("by default", "failure")
    file.write_text("rules: [{on: [failure]}]\n")
    broken = call("alerts", "check")
    assert broken.status == 2
    assert broken.err.startswith("Error: alerts.yaml: `rules.0.events`: Field required")
