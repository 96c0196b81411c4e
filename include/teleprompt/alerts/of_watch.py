"""What there is to tell with a look at production: rollbacks, a regression, transactions, attestations."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from teleprompt.alerts.alert import Alert
from teleprompt.attest.codes import Code, UntrustedAttestationError
from teleprompt.attest.stored import AttestationStore
from teleprompt.config.alerts import AlertEvent
from teleprompt.config.program import ProgramConfig
from teleprompt.errors import TelepromptError, TrackingUnavailableError
from teleprompt.production.report import ProductionReport, WatchOutcome
from teleprompt.records import Digest
from teleprompt.registry.change_log import Action, Change, ChangeState, list_changes
from teleprompt.window import Window, format_utc

if TYPE_CHECKING:
    from mlflow import MlflowClient


def alerts_before_look(
    client: "MlflowClient",
    config: ProgramConfig,
    *,
    since: Window,
    told: int | None = None,
    waiting: Mapping[Digest, datetime],
    actor: str,
    now: datetime | None = None,
) -> list[Alert]:
    """What happened without the look: rollbacks that others did in `since`, and transactions that wait too long.

    `told` is the number of the last change when the look before told: later ones are told of, too, though a clock was
    put back and they seem older than `since`. `waiting` are the transactions for the program's contracts
    (`waiting_since`); `actor` is who looks, as the log of changes names it: a DAG and its run.
    """
    watch = actor.rpartition(" ")[0]

    def is_untold(change: Change) -> bool:
        seems_older = told is not None and change.number > told and change.at < since.start
        return seems_older or since.start <= change.at < since.end

    done = (change for change in _rollbacks(client, config) if is_untold(change))
    others = (change for change in done if not change.who.startswith(f"{watch} "))
    return [*(_rollback(config, change) for change in others), *_stuck(config, waiting, now or datetime.now(UTC))]


def alerts_of_look(
    client: "MlflowClient", config: ProgramConfig, report: ProductionReport, *, actor: str, now: datetime | None = None
) -> list[Alert]:
    """What the look found, or did itself."""
    own = (change for change in _rollbacks(client, config) if change.who == actor)
    return [
        *(_rollback(config, change) for change in own),
        *_regression(config, report, actor, now or datetime.now(UTC)),
    ]


def alerts_of_attestations(
    store: AttestationStore, config: ProgramConfig, *, now: datetime | None = None
) -> list[Alert]:
    """Attestations of the program that are not what was issued, or are gone, or whose key does not stand for them.

    All of them are read. Of those that were revoked nothing is told.
    """
    found = []
    for stored in store.list(program=config.name):
        try:
            store.open(stored)
        except TrackingUnavailableError:
            raise
        except TelepromptError as error:
            if isinstance(error, UntrustedAttestationError) and error.code is Code.DOCUMENT_REVOKED:
                continue  # somebody did that
            alert = Alert(
                event=AlertEvent.DISTRUST,
                program=config.slug,
                text=str(error),
                cause=stored.attestation_hash,
                at=now or datetime.now(UTC),
                facts={"attestation_id": stored.attestation_id, "run_id": stored.run_id},
            )
            found.append(alert)
    return found


def _rollbacks(client: "MlflowClient", config: ProgramConfig) -> Iterator[Change]:
    for change in list_changes(client, config.name):
        if change.action is Action.ROLLBACK and change.state is ChangeState.DONE:
            yield change


def _rollback(config: ProgramConfig, change: Change) -> Alert:
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


def _stuck(config: ProgramConfig, waiting: Mapping[Digest, datetime], now: datetime) -> Iterator[Alert]:
    limit = now - timedelta(hours=config.alerts.outbox_hours)
    for key, since in waiting.items():
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
