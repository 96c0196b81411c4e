"""The audit trail: who did what to a program, with before and after. Each entry names the one before by its digest.

Entries are MLflow runs of an experiment of their own. What was changed or deleted afterwards breaks the chain; what was
cut off at its end no longer fits the head, which is a tag of the experiment. Who can write MLflow's database can forge
all of it at once, so export the trail to where others keep it.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pydantic import AwareDatetime, Field

from teleprompt.encoding.canonical_json import digest_of
from teleprompt.records import Digest, Record
from teleprompt.registry.change_log import Action, Change, ChangeState, list_changes
from teleprompt.registry.lock import registry_lock
from teleprompt.tracking.pipeline_run import experiment_name, internal_experiment
from teleprompt.tracking.search import PAGE, all_pages

if TYPE_CHECKING:
    from mlflow import MlflowClient


NUMBER = "teleprompt.audit"
ENTRY = "teleprompt.audit_entry"
NAME = "teleprompt.audit_name"
HEAD = "teleprompt.audit_head"
MOST_TEXT = 2000
"""Characters of a value before or after; a tag of MLflow's holds 8,000 in all."""


class AuditAction(StrEnum):
    """What somebody did beside changing versions (`Action`)."""

    RUN = "run"
    """A run was asked for, or came due."""
    CONFIGURE = "configure"
    """A run found another configuration than the run before."""
    OPEN_TRIAL = "open_trial"
    """A candidate was put on trial."""
    END_TRIAL = "end_trial"
    PAUSE_TRIAL = "pause_trial"
    RESUME_TRIAL = "resume_trial"
    APPROVE = "approve"
    SUBMIT = "submit"
    """An attestation was handed in at a contract."""
    REVOKE = "revoke"
    """An attestation was revoked there, or in the published list of signers."""
    PUBLISH_SIGNERS = "publish_signers"
    """A list of signers was published; in a trail of its own."""
    REVOKE_SIGNER = "revoke_signer"
    """A key that had signed attestations of the program was revoked."""
    REWARD = "reward"
    """A total was divided among the contributors of an attestation."""
    DISTRUST = "distrust"
    """A stored attestation was not what had been issued, and nothing was done with it."""


class AuditEntry(Record):
    """One deed."""

    number: int
    """1, 2, 3, …, without gaps."""
    program: str
    deed: Action | AuditAction
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


class AuditEvent(Record):
    """A deed that is to be written down."""

    deed: Action | AuditAction
    who: str
    about: str
    before: Mapping[str, Any] = Field(default_factory=dict)
    after: Mapping[str, Any] = Field(default_factory=dict)
    at: AwareDatetime | None = None
    """By default now."""


def append(client: "MlflowClient", program: str, *deeds: AuditEvent) -> None:
    """Add entries to the trail of `program` (its `name`), but for those that were added before."""
    new = [done for done in deeds if not _is_known(client, program, done)]
    if not new:
        return
    with registry_lock(client, f"audit-{program}", resource=f"the audit trail of {program}") as lease:
        number, previous = _end(client, program)
        for done in new:
            if _is_known(client, program, done):  # another process was faster
                continue
            number += 1
            entry = _entry(program, done, number=number, previous=previous)
            lease.check()
            _write(client, entry)
            previous = entry.digest


def record_changes(client: "MlflowClient", program: str) -> None:
    """Add what the log of changes has and the trail lacks, as after a process that died between the two."""
    done = [change for change in reversed(list_changes(client, program)) if change.state is ChangeState.DONE]
    known = {entry.about for entry in read_trail(client, program)}
    lacking = [change for change in done if _name_of(change) not in known]
    append(
        client,
        program,
        *(
            AuditEvent(
                deed=change.action,
                who=change.who,
                about=_name_of(change),
                before=change.before,
                after={**change.after, "why": change.why},
                at=change.at,
            )
            for change in lacking
        ),
    )


def read_trail(client: "MlflowClient", program: str) -> list[AuditEntry]:
    """The entries by number; those that cannot be read are left out, which shows as a gap."""
    experiment = client.get_experiment_by_name(_experiment(program))
    if experiment is None:
        return []
    ids, condition = [experiment.experiment_id], f"tags.`{NUMBER}` != ''"
    runs = all_pages(lambda token: client.search_runs(ids, condition, max_results=PAGE, page_token=token))
    once = {entry.digest: entry for run in runs if (entry := _read(run)) is not None}  # MLflow may hold one twice
    return sorted(once.values(), key=lambda entry: entry.number)


def find_gaps(client: "MlflowClient", program: str, entries: Sequence[AuditEntry]) -> list[str]:
    """What is wrong with the trail `entries`, a sentence each; nothing if it is whole."""
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


def find_departures(entries: Sequence[AuditEntry], exported: Sequence[AuditEntry]) -> list[str]:
    """Where a trail is not the one that was exported before, gone on with; a sentence each."""
    now = {entry.number: entry.digest for entry in entries}
    return [
        f"entry {entry.number} of the export is {'another one' if entry.number in now else 'missing'} now"
        for entry in exported
        if now.get(entry.number) != entry.digest
    ]


def shortened(value: Any, most: int = MOST_TEXT) -> Any:
    """The value, or its digest in place of more than `most` characters, which tells as well whether it changed."""
    return value if len(json.dumps(value)) <= most else {"sha256": digest_of(value)}


def _entry(program: str, done: AuditEvent, *, number: int, previous: Digest | None) -> AuditEntry:
    blank = AuditEntry(
        number=number,
        program=program,
        deed=done.deed,
        who=done.who,
        at=done.at or datetime.now(UTC),
        about=done.about,
        before={key: shortened(value) for key, value in done.before.items()},
        after={key: shortened(value) for key, value in done.after.items()},
        previous=previous,
        digest="0" * 64,
    )
    return blank.model_copy(update={"digest": _digest(blank)})


def _is_known(client: "MlflowClient", program: str, done: AuditEvent) -> bool:
    experiment = client.get_experiment_by_name(_experiment(program))
    return experiment is not None and _find(client, experiment, NAME, _name(done)) is not None


def _end(client: "MlflowClient", program: str) -> tuple[int, Digest | None]:
    """Number and digest of the entry to go on from: the head's, where the end of the trail was taken away.

    So the gap stays. A head that names the entry before the last is late only: a process died between the two.
    """
    experiment = client.get_experiment_by_name(_experiment(program))
    head = experiment.tags.get(HEAD) if experiment else None
    if head is None:
        trail = read_trail(client, program)
        return (trail[-1].number, trail[-1].digest) if trail else (0, None)
    number, _, digest = head.partition(" ")
    after = _find(client, experiment, NUMBER, str(int(number) + 1))
    return (after.number, after.digest) if after is not None and after.previous == digest else (int(number), digest)


def _find(client: "MlflowClient", experiment: Any, tag: str, value: str) -> AuditEntry | None:
    found = client.search_runs([experiment.experiment_id], f"tags.`{tag}` = '{value}'", max_results=1)
    return _read(found[0]) if found else None


def _write(client: "MlflowClient", entry: AuditEntry) -> None:
    experiment = internal_experiment(client, _experiment(entry.program))
    tags = {NUMBER: str(entry.number), NAME: _name(entry), ENTRY: entry.to_stored()}
    run = client.create_run(experiment, run_name=f"{entry.number} {entry.deed.value}", tags=tags)
    client.set_terminated(run.info.run_id, "FINISHED")
    client.set_experiment_tag(experiment, HEAD, _head(entry))


def _name(done: AuditEvent | AuditEntry) -> str:
    """What makes it the same deed; a digest, for MLflow's filters know no escapes."""
    return digest_of({"deed": done.deed.value, "about": done.about})


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


def _read(run: Any) -> AuditEntry | None:
    try:
        return AuditEntry.from_stored(run.data.tags.get(ENTRY, ""))
    except ValueError:
        return None
