"""What there is to tell after a look at production: rollbacks, a regression, transactions that wait too long."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from include.teleprompt.alerts.alert import Alert
from include.teleprompt.chain.outbox import waiting_since
from include.teleprompt.config.alerts import AlertEvent
from include.teleprompt.config.program import ProgramConfig
from include.teleprompt.production.report import ProductionReport, WatchOutcome
from include.teleprompt.registry.change_log import Action, ChangeState, list_changes
from include.teleprompt.window import Window, format_utc


def alerts_of_watch(
    client: Any,
    config: ProgramConfig,
    report: ProductionReport,
    *,
    since: Window,
    storage_uri: str,
    cause: str,
    now: datetime | None = None,
) -> list[Alert]:
    """The alerts of one look; of rollbacks those that fall into `since`, whoever did them."""
    now = now or datetime.now(UTC)
    rollbacks = (_rollback(config, change) for change in list_changes(client, config.name)
                 if change.action is Action.ROLLBACK and change.state is ChangeState.DONE
                 and since.start <= change.at < since.end)  # fmt: skip
    return [*rollbacks, *_regression(config, report, cause, now), *_stuck(config, storage_uri, now)]


def _rollback(config: ProgramConfig, change: Any) -> Alert:
    before, after = (versions.get("champion") for versions in (change.before, change.after))
    return Alert(
        event=AlertEvent.ROLLBACK,
        program=config.slug,
        text=f"Version {after} is champion again instead of {before}: {change.why} ({change.who}).",
        cause=change.change_id,
        at=change.at,
        facts={"before": before, "after": after, "who": change.who},
    )


def _regression(config: ProgramConfig, report: ProductionReport, cause: str, now: datetime) -> Iterator[Alert]:
    if report.outcome is WatchOutcome.REGRESSED:
        advice = f"`teleprompt versions rollback {config.slug}` restores the version before."
        yield Alert(
            event=AlertEvent.REGRESSION,
            program=config.slug,
            text=f"Version {report.version} does worse: {report.why} {advice}",
            cause=cause,
            at=now,
        )


def _stuck(config: ProgramConfig, storage_uri: str, now: datetime) -> Iterator[Alert]:
    if config.chain is None:
        return
    limit = now - timedelta(hours=config.alerts.outbox_hours)
    for key, since in waiting_since(storage_uri).items():
        if since < limit:
            yield Alert(
                event=AlertEvent.OUTBOX,
                program=config.slug,
                text=f"A transaction waits for the chain since {format_utc(since)}; `teleprompt doctor` shows whether "
                "the node answers, and the task `submit` tries again when it is cleared.",
                cause=f"{key} {now:%Y-%m-%d}",
                at=now,
                facts={"outbox": key, "since": format_utc(since)},
            )
