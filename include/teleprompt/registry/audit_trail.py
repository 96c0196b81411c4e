"""The audit trail: who did what to a program, with before and after. Each entry names the one before by its digest.

Entries are MLflow runs of an experiment of their own. What was changed or deleted afterwards breaks the chain; what was
cut off at its end no longer fits the head, which is a tag of the experiment. Who can write MLflow's database can forge
all of it at once, so export the trail to where others keep it.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from pydantic import AwareDatetime, ValidationError

from include.teleprompt.canonical import digest_of
from include.teleprompt.records import Digest, Record
from include.teleprompt.registry.change_log import Change, ChangeState, list_changes
from include.teleprompt.registry.lock import registry_lock
from include.teleprompt.tracking.pipeline_run import experiment_name, internal_experiment

NUMBER = "teleprompt.audit"
ENTRY = "teleprompt.audit_entry"
HEAD = "teleprompt.audit_head"
MOST_TEXT = 4000
"""Characters of before or after; MLflow's tags hold 8,000 in all. Of more, the digest is kept."""


class Deed(StrEnum):
    """What somebody did."""

    RUN = "run"
    """A run was asked for, or came due."""
    CONFIGURE = "configure"
    """A run found another configuration than the run before."""
    APPROVE = "approve"
    SUBMIT = "submit"
    """An attestation was handed in at a contract."""
    BASELINE = "baseline"
    PROMOTE = "promote"
    CHALLENGE = "challenge"
    WITHDRAW = "withdraw"
    ROLLBACK = "rollback"
    REFUSE = "refuse"
    REJECT = "reject"
    OVERTAKEN = "overtaken"


class AuditEntry(Record):
    """One deed."""

    number: int
    """1, 2, 3, …, without gaps."""
    program: str
    deed: Deed
    who: str
    at: AwareDatetime
    about: str
    """What it was done to or by: a DAG run, a change, an attestation. The same deed about the same is one entry."""
    before: dict[str, Any]
    after: dict[str, Any]
    previous: Digest | None
    """Digest of the entry before; None for the first."""
    digest: Digest
    """SHA-256 of the canonical JSON (RFC 8785) of all else."""


def append(
    client: Any,
    program: str,
    deed: Deed,
    *,
    who: str,
    about: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    at: datetime | None = None,
) -> AuditEntry:
    """Add an entry to the trail of `program` (its `name`); the one that is there, if it was added before."""
    with registry_lock(client, f"audit-{program}") as lease:
        trail = read_trail(client, program)
        known = next((entry for entry in trail if (entry.deed, entry.about) == (deed, about)), None)
        if known is not None:
            return known
        number, previous = _end(client, program, trail)
        blank = AuditEntry(
            number=number + 1,
            program=program,
            deed=deed,
            who=who,
            at=at or datetime.now(UTC),
            about=about,
            before=_short(before),
            after=_short(after),
            previous=previous,
            digest="0" * 64,
        )
        entry = blank.model_copy(update={"digest": _digest(blank)})
        lease.check()
        _write(client, entry)
        return entry


def record_changes(client: Any, program: str) -> None:
    """Add what the log of changes has and the trail lacks, as after a process that died between the two."""
    done = [change for change in reversed(list_changes(client, program)) if change.state is ChangeState.DONE]
    known = {entry.about for entry in read_trail(client, program)}
    for change in done:
        if _name_of(change) not in known:
            append(
                client,
                program,
                Deed(change.action.value),
                who=change.who,
                about=_name_of(change),
                before=change.before,
                after={**change.after, "why": change.why},
                at=change.at,
            )


def read_trail(client: Any, program: str) -> list[AuditEntry]:
    """The entries by number; those that cannot be read are left out, which shows as a gap."""
    experiment = client.get_experiment_by_name(_experiment(program))
    if experiment is None:
        return []
    entries, page = [], None
    while page is None or page.token:
        page = client.search_runs(
            [experiment.experiment_id], f"tags.`{NUMBER}` != ''", max_results=1000, page_token=page and page.token
        )
        entries += [entry for run in page if (entry := _read(run)) is not None]
    once = {entry.digest: entry for entry in entries}  # MLflow's client may have asked twice for one
    return sorted(once.values(), key=lambda entry: entry.number)


def find_gaps(client: Any, program: str) -> list[str]:
    """What is wrong with the trail, a sentence each; nothing if it is whole."""
    entries = read_trail(client, program)
    problems, previous = [], None
    for expected, entry in enumerate(entries, start=1):
        if entry.number != expected:
            problems.append(f"entry {expected} is missing or not readable; the next one is {entry.number}")
            break
        if entry.digest != _digest(entry):
            problems.append(f"entry {entry.number} was changed: it does not match its digest")
        if entry.previous != previous:
            problems.append(f"entry {entry.number} does not follow the one before it")
        previous = entry.digest
    experiment = client.get_experiment_by_name(_experiment(program))
    head = experiment.tags.get(HEAD) if experiment else None
    end = _head(entries[-1]) if entries else None
    is_late = bool(entries) and head == _head_before(entries[-1])  # the next entry sets it right
    if not problems and head != end and not is_late:
        problems.append(f"the trail ends with {end or 'nothing'}, but its head says {head or 'nothing'}")
    done = {_name_of(change) for change in list_changes(client, program) if change.state is ChangeState.DONE}
    lacking = done - {entry.about for entry in entries}
    if lacking:
        problems.append(f"{len(lacking)} changes of versions are not in it; the next run adds them")
    return problems


def _end(client: Any, program: str, trail: list[AuditEntry]) -> tuple[int, Digest | None]:
    """Number and digest of the entry to go on from: the head's, where the end of the trail was taken away.

    So the gap stays. A head that names the entry before the last is late only: a process died between the two.
    """
    end = (trail[-1].number, trail[-1].digest) if trail else (0, None)
    experiment = client.get_experiment_by_name(_experiment(program))
    head = experiment.tags.get(HEAD) if experiment else None
    if head is None or (trail and head in {_head(trail[-1]), _head_before(trail[-1])}):
        return end
    number, _, digest = head.partition(" ")
    return int(number), digest


def _write(client: Any, entry: AuditEntry) -> None:
    experiment = internal_experiment(client, _experiment(entry.program))
    tags = {NUMBER: str(entry.number), ENTRY: entry.model_dump_json()}
    run = client.create_run(experiment, run_name=f"{entry.number} {entry.deed.value}", tags=tags)
    client.set_terminated(run.info.run_id, "FINISHED")
    client.set_experiment_tag(experiment, HEAD, _head(entry))


def _experiment(program: str) -> str:
    return f"{experiment_name(program)}/audit"


def _head(entry: AuditEntry) -> str:
    return f"{entry.number} {entry.digest}"


def _head_before(entry: AuditEntry) -> str | None:
    return f"{entry.number - 1} {entry.previous}" if entry.previous else None


def _digest(entry: AuditEntry) -> str:
    return digest_of(entry.model_dump(mode="json", exclude={"digest"}))


def _name_of(change: Change) -> str:
    """By its moment: a restored MLflow gives its run another id."""
    return f"change of {change.at.isoformat()}"


def _short(values: Mapping[str, Any] | None) -> dict[str, Any]:
    own = dict(values or {})
    return own if len(json.dumps(own)) <= MOST_TEXT // 2 else {"sha256": digest_of(own)}


def _read(run: Any) -> AuditEntry | None:
    try:
        return AuditEntry.model_validate_json(run.data.tags.get(ENTRY, ""))
    except ValidationError:
        return None
