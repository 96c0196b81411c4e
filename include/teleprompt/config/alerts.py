"""Alerts: what a program file, or `include/alerts.yaml` for all programs, says of who is told what."""

from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, field_validator

from teleprompt.config._section import Section
from teleprompt.errors import ConfigurationError

WEBHOOK = "webhook"
WEBHOOK_CONNECTION = "teleprompt_webhook"
NOBODY = "none"


class AlertEvent(StrEnum):
    """What somebody can be told of."""

    FAILURE = "failure"
    """A task failed for good."""
    INSUFFICIENT_TRACES = "insufficient_traces"
    """So many runs in a row were skipped for lack of traces."""
    LOW_POWER = "low_power"
    """A run could not have seen the threshold."""
    TRAFFIC = "traffic"
    """Volume, outcome, quarantine or one contributor's share is far from what it was."""
    DELTAONE = "deltaone"
    """A better version was found."""
    REJECTION = "rejection"
    """A candidate did not pass the gate."""
    ROLLBACK = "rollback"
    """A version that was champion before is so again, whoever did it."""
    REGRESSION = "regression"
    """The champion does worse than the version before."""
    DEADLINE = "deadline"
    """A run was not over in time."""
    BUDGET = "budget"
    """A limit of calls, tokens, cost or time cut the work short."""
    QUARANTINE = "quarantine"
    """A run had enough traces, but too few that can be used."""
    SET_ASIDE = "set_aside"
    """Submitted traces could not be written to MLflow."""
    OUTBOX = "outbox"
    """A transaction waits for the chain for too long."""
    DISTRUST = "distrust"
    """A stored attestation is not what was issued, or is gone."""
    REPORT = "report"
    """What a week brought, of all programs."""


BY_DEFAULT = (
    AlertEvent.FAILURE,
    AlertEvent.INSUFFICIENT_TRACES,
    AlertEvent.DELTAONE,
    AlertEvent.ROLLBACK,
    AlertEvent.REGRESSION,
)
"""What somebody has to be told of: the default notifier is given it where no rule names it."""

SENT_BY_DEFAULT = (*BY_DEFAULT, AlertEvent.REPORT)
"""What the default notifier is given, where there is one; nobody misses the last of it."""


class DefaultAlerts(Section):
    """Who is told of a failure, of too few traces, of DeltaOne, a rollback and a regression where no rule names that.

    Without any of it: whoever the first of Airflow's connections `teleprompt_webhook`, `slack_default` and
    `smtp_default` leads to.
    """

    to: str | None = Field(None, min_length=3, pattern="@")
    """Who gets mail through Airflow's mail connection (`smtp_default`): addresses, separated by commas."""
    notifier: str | None = Field(None, pattern=r"^(none|webhook|[A-Za-z_]\w*(\.[A-Za-z_]\w*)+)$")
    """Another way than mail: `webhook`, or the import path of any Airflow notifier; `none`: nobody, on purpose."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """What the notifier is made with, as in a rule; keys and passwords belong into its connection."""

    @field_validator("to", "notifier", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return None if value == "" else value


class AlertRule(Section):
    """Who is told of some events, and how."""

    events: tuple[AlertEvent, ...] = Field(min_length=1)
    """What they are told of."""
    notifier: str = Field(WEBHOOK, pattern=r"^(webhook|[A-Za-z_]\w*(\.[A-Za-z_]\w*)+)$")
    """Import path of any Airflow notifier, or `webhook` for a signed one."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """What the notifier is made with; texts are templates, which may say `{{ alert.title }}` and `{{ alert.text }}`."""


class AlertsConfig(Section):
    """Who is told what, and from when on something is worth telling."""

    rules: tuple[AlertRule, ...] = ()
    """Beside those of `include/alerts.yaml`."""
    insufficient_runs: int = Field(2, ge=1, le=1000)
    """Runs in a row without enough traces."""
    sensitivity: float = Field(5, gt=0, le=1000)
    """Traffic is unusual when it is so many robust standard deviations from what earlier runs saw."""
    deadline_hours: float | None = Field(None, gt=0, le=24 * 366)
    """How long after it was queued a run should be over; null: for ever."""
    outbox_hours: float = Field(24, gt=0, le=24 * 366)
    """How long a transaction may wait for the chain."""


class SharedAlerts(Section):
    """The file `include/alerts.yaml`."""

    rules: tuple[AlertRule, ...] = ()

    @field_validator("rules", mode="before")
    @classmethod
    def _none_is_no_rules(cls, value: object) -> object:
        return () if value is None else value


def shared_rules(file: Path) -> tuple[AlertRule, ...]:
    """The rules for all programs; none without the file.

    Raises:
        ConfigurationError: the file cannot be used.
    """
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{file} cannot be read ({error}); correct it.") from error
    try:
        return SharedAlerts.model_validate(data or {}).rules
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"{file.name}: `{key}`: {first['msg']}; correct it.") from error
