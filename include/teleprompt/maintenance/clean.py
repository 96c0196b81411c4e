"""Making a plan of what is there, and carrying it out."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from teleprompt.config.settings import Settings
from teleprompt.maintenance._references import survey
from teleprompt.maintenance.plan import Kind, KindPlan, Plan, StoredFile, make_plan
from teleprompt.records import Record
from teleprompt.storage.blobs import location, modified_at
from teleprompt.traces.submission.spool import Spool

if TYPE_CHECKING:
    from mlflow import MlflowClient


log = logging.getLogger(__name__)

_ROW = "spool:"


class Cleaned(Record):
    """What a plan that was carried out came to."""

    deleted: int
    deleted_bytes: int
    needed_again: int
    """Files of the plan that were written again meanwhile, and stay."""
    gone: int
    """Files of the plan that somebody else had deleted."""


class CleaningSummary(Record):
    """A plan without its list of files, and what came of it."""

    dry_run: bool
    kinds: tuple[KindPlan, ...]
    leaving: int
    leaving_bytes: int
    missing: int
    """Files that are referred to as evidence and are not in the storage."""
    done: Cleaned | None
    """None in a dry run."""


def summary_of(plan: Plan, done: Cleaned | None) -> CleaningSummary:
    """What is worth keeping of a plan."""
    return CleaningSummary(
        dry_run=done is None,
        kinds=plan.kinds,
        leaving=len(plan.leaving),
        leaving_bytes=plan.leaving_bytes,
        missing=plan.missing,
        done=done,
    )


def plan_cleaning(client: "MlflowClient", settings: Settings, *, now: datetime | None = None) -> Plan:
    """What may go now; nothing is deleted.

    Raises:
        TelepromptError: something that may refer to a file cannot be read.
    """
    stored, references = survey(client, settings.storage_uri)
    files = [*stored, *_rejected(settings)]
    return make_plan(files, references, settings.retention, now=now or datetime.now(UTC))


def clean(plan: Plan, settings: Settings) -> Cleaned:
    """Delete what the plan says may go, at once after it was made: a plan knows nothing of what is begun later."""
    rows = [leaving.file for leaving in plan.leaving if leaving.file.kind is Kind.REJECTED]
    if rows:
        Spool(settings.spool_dir).forget_aside([int(row.uri.removeprefix(_ROW)) for row in rows])
    files = [leaving.file for leaving in plan.leaving if leaving.file.kind is not Kind.REJECTED]
    outcomes = [(_delete(file), file) for file in files]
    gone = [file for outcome, file in outcomes if outcome == "deleted"] + rows
    log.info("%d files deleted, %d bytes", len(gone), sum(file.size for file in gone))
    return Cleaned(
        deleted=len(gone),
        deleted_bytes=sum(file.size for file in gone),
        needed_again=sum(outcome == "needed again" for outcome, _ in outcomes),
        gone=sum(outcome == "gone" for outcome, _ in outcomes),
    )


def _delete(file: StoredFile) -> str:
    """Delete a file unless it was written since the plan was made; what became of it."""
    path = location(file.uri)
    try:
        if datetime.fromtimestamp(modified_at(path), tz=UTC) != file.modified:
            return "needed again"
        path.unlink()
    except FileNotFoundError:
        return "gone"
    return "deleted"


def _rejected(settings: Settings) -> Sequence[StoredFile]:
    """The rows that were set aside in the spool of this machine, if it has one."""
    if not Spool.is_in(settings.spool_dir):
        return []
    return [
        StoredFile(
            uri=f"{_ROW}{row.number}",
            kind=Kind.REJECTED,
            size=row.size,
            modified=datetime.fromtimestamp(row.since, tz=UTC),
        )
        for row in Spool(settings.spool_dir).list_aside()
    ]
