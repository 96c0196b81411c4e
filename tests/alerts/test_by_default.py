"""Who is told of what no rule names, and of what nobody is."""

import pytest

from teleprompt.alerts.by_default import default_notifier, extra_in_environment, who_is_told
from teleprompt.config.alerts import AlertRule, AlertsConfig, DefaultAlerts
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings

ALL = ("failure", "insufficient_traces", "deltaone", "rollback", "regression")


def program(slug: str, *events: str) -> ProgramConfig:
    rules = (AlertRule.model_validate({"events": events}),) if events else ()
    return ProgramConfig(name=slug, slug=slug, alerts=AlertsConfig(rules=rules))


def test_without_rule_and_default_nobody_is_told_of_what_matters() -> None:
    told = who_is_told(DefaultAlerts(), [program("a"), program("b", *ALL), program("c", *ALL[:3])], (), None)
    assert told.untold == {"a": ALL, "c": ALL[3:]}
    assert told.problem == f"Nobody is told of {', '.join(ALL)} of a, c."


def test_rules_for_all_programs_count_for_each() -> None:
    shared = (AlertRule.model_validate({"events": ALL[:4]}),)
    told = who_is_told(DefaultAlerts(), [program("a"), program("b", "regression")], shared, None)
    assert told.problem == "Nobody is told of regression of a."


def test_a_default_tells_of_all_and_none_is_meant() -> None:
    wanted = DefaultAlerts(to="ops@example.org")
    found = default_notifier(wanted, lambda _: None)
    assert found is not None
    told = who_is_told(wanted, [program("a")], (), found)
    assert (told.by_default, told.problem) == ("ops@example.org by mail", None)
    silent = DefaultAlerts(notifier="none", to="ops@example.org")
    assert default_notifier(silent, lambda _: {}) is None
    assert who_is_told(silent, [program("a")], (), None).problem is None


@pytest.mark.parametrize(
    ("connections", "who"),
    [
        ({}, None),
        ({"smtp_default": {}}, None),
        ({"smtp_default": {"from_email": "a@example.org"}}, "a@example.org by mail"),
        ({"smtp_default": {"from_email": "a@example.org"}, "slack_default": {}}, "Slack"),
        ({"slack_default": {}, "teleprompt_webhook": {}}, "the webhook of the connection teleprompt_webhook"),
    ],
)
def test_the_first_connection_that_reaches_somebody_is_taken(
    connections: dict[str, dict[str, str]], who: str | None
) -> None:
    found = default_notifier(DefaultAlerts(), connections.get)
    assert (found and found.who.startswith(str(who))) or (found is None and who is None)


def test_the_connection_that_a_setting_takes_is_named_where_it_was_not_found() -> None:
    def missing(wanted: DefaultAlerts, *there: str) -> str | None:
        found = default_notifier(wanted, {name: {} for name in there}.get)
        assert found is not None
        return found.missing

    mail, hook = DefaultAlerts(to="ops@example.org"), DefaultAlerts(notifier="webhook")
    other = DefaultAlerts(notifier="webhook", arguments={"conn_id": "other"})
    assert [missing(wanted) for wanted in (mail, hook, other)] == ["smtp_default", "teleprompt_webhook", "other"]
    assert missing(mail, "smtp_default") is missing(hook, "teleprompt_webhook") is missing(other, "other") is None


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEPROMPT_DEFAULT_ALERTS__TO", "")
    monkeypatch.setenv("TELEPROMPT_DEFAULT_ALERTS__NOTIFIER", "")
    assert Settings().default_alerts == DefaultAlerts()


@pytest.mark.parametrize(
    ("text", "extra"),
    [
        ("", None),
        ("smtp://user:secret@mail:25/?from_email=a%40example.org", {"from_email": "a@example.org"}),
        ('{"conn_type": "smtp", "extra": {"from_email": "a@example.org"}}', {"from_email": "a@example.org"}),
        ('{"conn_type": "smtp", "extra": "{\\"from_email\\": \\"a@example.org\\"}"}', {"from_email": "a@example.org"}),
        ('{"conn_type": "smtp"}', {}),
        ("{broken", {}),
    ],
)
def test_a_connection_in_the_environment_is_read_as_airflow_writes_it(
    text: str, extra: dict[str, str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", text)
    assert extra_in_environment("smtp_default") == extra
