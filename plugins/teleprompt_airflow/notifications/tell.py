"""Alerts on their way to whoever the rules name; a notifier that fails is counted and logged, and fails no run."""

import inspect
import logging
import pkgutil
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from airflow.sdk import BaseHook, BaseNotifier
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowNotFoundException

from teleprompt.alerts.alert import Alert
from teleprompt.alerts.by_default import SMTP_CONNECTION, WAY_OUT, DefaultNotifier, default_notifier
from teleprompt.config.alerts import BY_DEFAULT, NOBODY, SENT_BY_DEFAULT, WEBHOOK, AlertEvent, AlertRule, shared_rules
from teleprompt.config.files import find_program_file, load_program_file
from teleprompt.config.settings import Settings
from teleprompt.errors import ConfigurationError
from teleprompt_airflow.metrics import count
from teleprompt_airflow.notifications.webhook import WebhookNotifier

log = logging.getLogger(__name__)

USUAL_ARGUMENTS: Mapping[str, str] = {
    "subject": "{{ alert.title }}",
    "title": "{{ alert.title }}",
    "text": "{{ alert.title }}: {{ alert.text }}{% if alert.page %} {{ alert.page }}{% endif %}",
    "message": "{{ alert.title }}: {{ alert.text }}{% if alert.page %} {{ alert.page }}{% endif %}",
    "body": "{{ alert.text }}{% if alert.page %} {{ alert.page }}{% endif %}",
    "html_content": "{% if alert.html %}{{ alert.html }}{% else %}<p>{{ alert.text | e }}</p>"
    "{% if alert.page %}<p><a href='{{ alert.page | e }}'>What changes</a></p>{% endif %}"
    "<p>{{ alert.at }}</p>{% endif %}",
}
"""What notifiers call what they say; given to each that has such a parameter and is not told otherwise."""


def tell(alerts: Iterable[Alert], context: Mapping[str, Any], *, told_of: AlertEvent | None = None) -> None:
    """Send each alert to all whose rule, of its program or for all programs, names its event, else as by default.

    Who was told of the same thing as `told_of` already is left out.
    """
    for alert in map(_with_address, alerts):
        log.info("%s: %s", alert.title, alert.text)
        count("alerts", program=alert.program, event=alert.event.value)
        told = [] if told_of is None else _rules_for(alert.model_copy(update={"event": told_of}))
        knowing = [(rule.notifier, rule.arguments) for rule in told]
        for rule in _rules_for(alert):
            if (rule.notifier, rule.arguments) not in knowing:
                _tell_one(alert, rule, context)


def _rules_for(alert: Alert) -> list[AlertRule]:
    """The rules that name the event; where none does, the default's."""
    rules = [*_own_rules(alert.program), *_shared_rules(alert.program)]
    named = [rule for rule in rules if alert.event in rule.events]
    if named or alert.event not in SENT_BY_DEFAULT or Settings().default_alerts.notifier == NOBODY:
        return named
    try:
        found = found_default()
    except Exception:  # where connections cannot be read, that is no reason for a run to fail
        log.exception("Who is told by default cannot be found out, so nobody is told of: %s", alert.title)
        count("notifier_failures", program=alert.program, notifier="default")
        return []
    if found is None and alert.event not in BY_DEFAULT:
        return []
    if found is None:
        log.warning("Nobody is told of %s, for no rule names it and there is no default: %s", alert.title, WAY_OUT)
        return []
    return [found.rule]


def found_default() -> DefaultNotifier | None:
    """Who is told of what no rule names, by the settings or by Airflow's connections; None: nobody."""
    mail = conf.get("email", "email_conn_id", fallback=SMTP_CONNECTION)
    return default_notifier(Settings().default_alerts, _extra_of, mail_connection=mail)


def _extra_of(conn_id: str) -> Mapping[str, Any] | None:
    try:
        return dict(BaseHook.get_connection(conn_id).extra_dejson)
    except AirflowNotFoundException:
        return None


def _with_address(alert: Alert) -> Alert:
    """The alert with the whole address of its page, where Airflow knows its own; a path is of no use in a mail."""
    if alert.page is None:
        return alert
    base = (conf.get("api", "base_url", fallback=None) or "").rstrip("/")
    return alert.model_copy(update={"page": f"{base}{alert.page}" if base else None})


def _own_rules(program: str) -> tuple[AlertRule, ...]:
    """Those of the program's file; none while it cannot be used, which may be the very thing to tell."""
    try:
        file = find_program_file(Settings().programs_dir, program)
    except ConfigurationError:
        return ()  # maintenance is no program
    try:
        return load_program_file(file).alerts.rules
    except ConfigurationError:
        log.exception("The rules of %s cannot be used, those for all programs can", program)
        count("notifier_failures", program=program, notifier=f"{program}.yaml")
        return ()


def _shared_rules(program: str) -> tuple[AlertRule, ...]:
    try:
        return shared_rules(Settings().alerts_file)
    except ConfigurationError:
        log.exception("The rules for all programs cannot be used, those of the program can")
        count("notifier_failures", program=program, notifier="alerts.yaml")
        return ()


def _tell_one(alert: Alert, rule: AlertRule, context: Mapping[str, Any]) -> None:
    try:
        notifier = build_notifier(rule)
        # A plain mapping beside Airflow's: what the texts may say, and the record itself.
        words = {"title": alert.title, **alert.model_dump(mode="json")}
        notifier({**context, "alert": words, "alert_record": alert})
    except Exception:  # whatever somebody else's notifier raises: a run does not fail because of who is told of it
        log.exception("%s could not be told of: %s", rule.notifier, alert.title)
        count("notifier_failures", program=alert.program, notifier=rule.notifier)


def build_notifier(rule: AlertRule) -> BaseNotifier:
    """The notifier of a rule.

    Raises:
        ConfigurationError: it cannot be imported, is no notifier, or does not take these arguments.
    """
    kind = WebhookNotifier if rule.notifier == WEBHOOK else _imported(rule.notifier)
    known = inspect.signature(kind).parameters
    usual = {name: text for name, text in USUAL_ARGUMENTS.items() if name in known}
    try:
        return kind(**{**usual, **rule.arguments})
    except TypeError as error:
        raise ConfigurationError(
            f"{rule.notifier} does not take these arguments ({error}); correct the rule."
        ) from error


def _imported(path: str) -> type[BaseNotifier]:
    if _is_program_code(path):
        raise ConfigurationError(
            f"The notifier {path} lies among the program files, whose code runs in processes of its own only; move it "
            "to a package or the plugins folder."
        )
    try:
        found = pkgutil.resolve_name(path)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"There is no notifier {path} ({error}); install it or correct the rule.") from error
    if not (isinstance(found, type) and issubclass(found, BaseNotifier)):
        raise ConfigurationError(f"{path} is not an Airflow notifier; name a class that is one.")
    return found


def _is_program_code(path: str) -> bool:
    """Whether importing `path` would run a file of the programs folder; found out without running any of it."""
    programs_dir = Settings().programs_dir.resolve()
    parts = path.split(".")
    for end in range(1, len(parts)):
        try:
            spec = find_spec(".".join(parts[:end]))  # imports what comes before, which is none of it
        except (ImportError, ValueError):
            return False
        if spec is None:
            return False
        if spec.origin and Path(spec.origin).resolve().is_relative_to(programs_dir):
            return True
    return False
