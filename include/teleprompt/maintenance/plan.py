"""What may go: a pure decision over what there is, what refers to it, and how long each kind is kept."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime

from teleprompt.config.retention import RetentionConfig
from teleprompt.records import Digest, Record


class Kind(StrEnum):
    """What a file in the storage, or a row in the spool, is."""

    ROWS = "rows of snapshots"
    MANIFESTS = "manifests of snapshots"
    PROGRAMS = "states of programs"
    COMPARISONS = "comparisons of the gate"
    SCORES = "kept scores"
    BOOTSTRAPS = "bootstrapped demonstrations"
    CHECKPOINTS = "checkpoints"
    READ_TRACES = "read traces"
    REJECTED = "rejected traces"
    LEFTOVERS = "half-written files"
    ATTESTATIONS = "attestations"
    LOOKS = "looks of the ledger"
    OUTBOX = "outbox of the chain"
    SIGNERS = "lists of signers"
    PUBLIC_LOG = "files of the public log"
    OTHER = "other"


class Reason(StrEnum):
    """Why something stays or goes."""

    PROTECTED = "evidence of an attestation, a version, a look or a running run"
    NAMED = "a run names it"
    NEVER = "never deleted"
    KEPT_FOR_GOOD = "its kind is kept for good"
    YOUNG = "not old enough"
    OLD = "older than its kind is kept"


class StoredFile(Record):
    """One file of the storage."""

    uri: str
    kind: Kind
    size: int
    """Bytes."""
    modified: AwareDatetime
    digest: Digest | None = None
    """Its content's, where that is its name."""


class References(Record):
    """What refers to what, by digest: a file is the same wherever the storage lies."""

    roots: frozenset[Digest] = frozenset()
    """Stay, and so does all that they lead to."""
    refers: Mapping[Digest, frozenset[Digest]] = {}
    """What a file names."""
    named: frozenset[Digest] = frozenset()
    """Stay, but not what they lead to."""


class Leaving(Record):
    """A file that goes."""

    file: StoredFile
    reason: Reason


class KindPlan(Record):
    """What becomes of the files of one kind."""

    kind: Kind
    days: int | None
    """How long it is kept; None: for good."""
    kept: int
    kept_bytes: int
    leaving: int
    leaving_bytes: int
    why_kept: dict[Reason, int]


class Plan(Record):
    """What goes, and for each kind what stays and why."""

    made_at: AwareDatetime
    leaving: tuple[Leaving, ...]
    kinds: tuple[KindPlan, ...]
    missing: int
    """Files that are referred to as evidence and are not in the storage."""

    @property
    def leaving_bytes(self) -> int:
        """Bytes that all of it takes."""
        return sum(leaving.file.size for leaving in self.leaving)


def make_plan(
    files: Iterable[StoredFile], references: References, retention: RetentionConfig, *, now: datetime
) -> Plan:
    """Decide on every file."""
    decided = decide(files, references, retention, now=now)
    kinds = [_of_kind(kind, days_of_kinds(retention).get(kind), decided) for kind in Kind]
    return Plan(
        made_at=now,
        leaving=tuple(Leaving(file=file, reason=reason) for file, reason in decided if reason is Reason.OLD),
        kinds=tuple(kind for kind in kinds if kind.kept or kind.leaving),
        missing=len(reachable(references.roots, references.refers) - {file.digest for file, _ in decided}),
    )


def decide(
    files: Iterable[StoredFile], references: References, retention: RetentionConfig, *, now: datetime
) -> list[tuple[StoredFile, Reason]]:
    """Each file, and why it stays or goes."""
    protected, days = reachable(references.roots, references.refers), days_of_kinds(retention)
    return [(file, _decide(file, protected, references.named, days, now)) for file in files]


def reachable(roots: Iterable[Digest], refers: Mapping[Digest, Iterable[Digest]]) -> set[Digest]:
    """The roots and all that they lead to, over any number of steps."""
    found: set[Digest] = set()
    waiting = list(roots)
    while waiting:
        digest = waiting.pop()
        if digest not in found:
            found.add(digest)
            waiting.extend(refers.get(digest, ()))
    return found


def days_of_kinds(retention: RetentionConfig) -> dict[Kind, int]:
    """How long the kinds that may go at all are kept; 0: for good."""
    return {
        Kind.ROWS: retention.snapshots_days,
        Kind.MANIFESTS: retention.snapshots_days,
        Kind.PROGRAMS: retention.candidates_days,
        Kind.COMPARISONS: retention.comparisons_days,
        Kind.SCORES: retention.scores_days,
        Kind.BOOTSTRAPS: retention.bootstraps_days,
        Kind.CHECKPOINTS: retention.checkpoints_days,
        Kind.READ_TRACES: retention.read_traces_days,
        Kind.REJECTED: retention.rejected_days,
        Kind.LEFTOVERS: retention.leftovers_days,
    }


def _decide(
    file: StoredFile, protected: set[Digest], named: frozenset[Digest], days: Mapping[Kind, int], now: datetime
) -> Reason:
    if file.kind not in days:
        return Reason.NEVER
    if file.digest in protected:
        return Reason.PROTECTED
    if file.digest in named:
        return Reason.NAMED
    if days[file.kind] == 0:
        return Reason.KEPT_FOR_GOOD
    return Reason.OLD if now - file.modified > timedelta(days=days[file.kind]) else Reason.YOUNG


def _of_kind(kind: Kind, days: int | None, decided: Iterable[tuple[StoredFile, Reason]]) -> KindPlan:
    mine = [(file, reason) for file, reason in decided if file.kind is kind]
    kept = [file.size for file, reason in mine if reason is not Reason.OLD]
    leaving = [file.size for file, reason in mine if reason is Reason.OLD]
    return KindPlan(
        kind=kind,
        days=days or None,
        kept=len(kept),
        kept_bytes=sum(kept),
        leaving=len(leaving),
        leaving_bytes=sum(leaving),
        why_kept=dict(sorted(Counter(reason for _, reason in mine if reason is not Reason.OLD).items())),
    )
