"""Who is told of what no rule names, and of what nobody is told."""

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from teleprompt.config.alerts import (
    BY_DEFAULT,
    NOBODY,
    SENT_BY_DEFAULT,
    WEBHOOK,
    WEBHOOK_CONNECTION,
    AlertEvent,
    AlertRule,
    DefaultAlerts,
)
from teleprompt.config.program import ProgramConfig
from teleprompt.records import Record

SMTP = "airflow.providers.smtp.notifications.smtp.SmtpNotifier"
SMTP_CONNECTION = "smtp_default"
SLACK = "airflow.providers.slack.notifications.slack_webhook.SlackWebhookNotifier"
SLACK_CONNECTION = "slack_default"

WAY_OUT = (
    "set TELEPROMPT_DEFAULT_ALERTS__TO to an address (Airflow needs its connection smtp_default for mail), add the "
    "connection teleprompt_webhook, or write rules into include/alerts.yaml; "
    "TELEPROMPT_DEFAULT_ALERTS__NOTIFIER=none if nobody is to be told"
)

Extras = Callable[[str], Mapping[str, Any] | None]
"""The `extra` of the connection of that name; None where there is no such connection."""


class DefaultNotifier(Record):
    """Who is told of what no rule names."""

    rule: AlertRule
    who: str
    """In words, without any secret."""
    missing: str | None = None
    """The connection that it takes, where that was not found."""


class Told(Record):
    """Whether somebody is told of what matters."""

    by_default: str | None
    """Who is, of what no rule names; None: nobody."""
    untold: dict[str, tuple[AlertEvent, ...]]
    """By program, what nobody is told of."""

    @property
    def problem(self) -> str | None:
        """What nobody is told of, in one sentence; None where all is told, or nobody is meant to be."""
        if not self.untold:
            return None
        events = [event.value for event in BY_DEFAULT if any(event in missing for missing in self.untold.values())]
        return f"Nobody is told of {', '.join(events)} of {', '.join(sorted(self.untold))}."


def default_notifier(
    wanted: DefaultAlerts, extra_of: Extras, *, mail_connection: str = SMTP_CONNECTION
) -> DefaultNotifier | None:
    """Who is told of what no rule names; None: nobody.

    What the settings name comes first, then the connection for the webhook, that for Slack, that for mail.
    """
    if wanted.notifier == NOBODY:
        return None
    if wanted.notifier is not None:
        to = {} if wanted.to is None else {"to": wanted.to}
        arguments = {**to, **wanted.arguments}
        hook = str(arguments.get("conn_id", WEBHOOK_CONNECTION))
        missing = hook if wanted.notifier == WEBHOOK and extra_of(hook) is None else None
        return _default(wanted.notifier, arguments, f"{wanted.notifier}, by the settings", missing=missing)
    mail = extra_of(mail_connection)
    sender = (mail or {}).get("from_email")
    if wanted.to is not None:
        found = _mail(wanted, to=wanted.to, sender=sender, who=f"{wanted.to} by mail")
        return found if mail is not None else found.model_copy(update={"missing": mail_connection})
    if extra_of(WEBHOOK_CONNECTION) is not None:
        return _default(WEBHOOK, {}, f"the webhook of the connection {WEBHOOK_CONNECTION}")
    if extra_of(SLACK_CONNECTION) is not None:
        return _default(
            SLACK, {"slack_webhook_conn_id": SLACK_CONNECTION}, f"Slack, by the connection {SLACK_CONNECTION}"
        )
    if sender:
        who = f"{sender} by mail, which is the sender of {mail_connection}: TELEPROMPT_DEFAULT_ALERTS__TO names others"
        return _mail(wanted, to=str(sender), sender=sender, who=who)
    return None


def _mail(wanted: DefaultAlerts, *, to: str, sender: str | None, who: str) -> DefaultNotifier:
    # Without a sender the notifier refuses to send; who reads it may as well be who sends it.
    own = {} if sender else {"from_email": to.split(",")[0].strip()}
    return _default(SMTP, {"to": to, **own, **wanted.arguments}, who)


def _default(notifier: str, arguments: Mapping[str, Any], who: str, *, missing: str | None = None) -> DefaultNotifier:
    rule = AlertRule(events=SENT_BY_DEFAULT, notifier=notifier, arguments=dict(arguments))
    return DefaultNotifier(rule=rule, who=who, missing=missing)


def who_is_told(
    wanted: DefaultAlerts, configs: Iterable[ProgramConfig], shared: Sequence[AlertRule], found: DefaultNotifier | None
) -> Told:
    """Of what somebody is told, and of what nobody, though nobody said that this is meant."""
    if found is not None:
        return Told(by_default=found.who, untold={})
    if wanted.notifier == NOBODY:
        return Told(by_default=None, untold={})
    missing = {config.slug: _unnamed((*config.alerts.rules, *shared)) for config in configs}
    return Told(by_default=None, untold={slug: events for slug, events in missing.items() if events})


def _unnamed(rules: Iterable[AlertRule]) -> tuple[AlertEvent, ...]:
    named = {event for rule in rules for event in rule.events}
    return tuple(event for event in BY_DEFAULT if event not in named)


def extra_in_environment(conn_id: str) -> Mapping[str, Any] | None:
    """The `extra` of a connection that stands in a variable `AIRFLOW_CONN_…`, for a process without Airflow."""
    text = os.environ.get(f"AIRFLOW_CONN_{conn_id.upper()}")
    if not text:
        return None
    if not text.lstrip().startswith("{"):
        return dict(parse_qsl(urlsplit(text).query))
    try:
        extra = json.loads(text).get("extra") or {}
        return extra if isinstance(extra, dict) else dict(json.loads(extra))
    except ValueError:
        return {}  # Airflow says what is wrong with it
