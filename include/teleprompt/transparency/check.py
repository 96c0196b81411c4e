"""Reading a whole log: each entry held against its hash, each hash against the root, the root against its signature."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import AwareDatetime

from teleprompt.errors import TelepromptError
from teleprompt.records import Record
from teleprompt.transparency.checkpoint import SignedCheckpoint
from teleprompt.transparency.entries import OPENING, read_entry
from teleprompt.transparency.note import NoteError, NoteKey
from teleprompt.transparency.tiles import CHECKPOINT, LogDamagedError, Read, hashes_of, read_entries
from teleprompt.transparency.tree import consistency_proof, is_consistent, tree_hash


class LogReport(Record):
    """What a log holds, after all of it was checked."""

    origin: str
    size: int
    root: str
    """Hexadecimal."""
    kinds: dict[str, int]
    """Entries by what they are."""
    programs: dict[str, int]
    """Openings of trials by the digest of the program's name."""
    twice: int
    """Entries that stand there again: none, unless somebody deleted the log's index."""
    witnesses: tuple[str, ...]
    """Names below the checkpoint beside the log's own; whose they are is not checked here."""


class LoggedEntry(Record):
    """One entry of a log."""

    index: int
    """From 0."""
    kind: str
    said: dict[str, str | int]
    """Its fields."""
    opened_at: AwareDatetime | None = None


@dataclass(frozen=True)
class CheckedLog:
    """A log whose checkpoint and root hold."""

    read: Read
    signed: SignedCheckpoint

    @classmethod
    def open(cls, read: Read, key: NoteKey | None) -> "CheckedLog":
        """The log in these files. Without a key it may be anybody's.

        Raises:
            LogDamagedError: the checkpoint is missing or not signed by the key, or the tiles have another root.
        """
        data = read(CHECKPOINT)
        if data is None:
            raise LogDamagedError(CHECKPOINT, "is missing")
        try:
            signed = SignedCheckpoint.parse(data)
            if key is not None:
                signed.check_signed(key)
        except NoteError as error:
            raise LogDamagedError(CHECKPOINT, f"is not what was signed ({error})") from error
        head = signed.checkpoint
        if tree_hash(hashes_of(read, head.size), head.size) != head.root:
            raise LogDamagedError("tile/0", "and the tiles above it have another root than was signed")
        return cls(read, signed)

    def entries(self, first: int = 0) -> Iterator[LoggedEntry]:
        """All entries from `first` on.

        Raises:
            LogDamagedError: a file is missing or changed.
            TelepromptError: an entry is none of this package's.
        """
        for index, data in read_entries(self.read, first, self.signed.checkpoint.size):
            said = read_entry(data)
            yield LoggedEntry(index=index, kind=str(said.get("entry")), said=said, opened_at=said.get("opened_at"))

    def check_goes_on(self, kept: SignedCheckpoint) -> None:
        """Refuse to be another log than the one of an earlier checkpoint.

        Raises:
            TelepromptError: it is, or an earlier state of it.
        """
        old, head = kept.checkpoint, self.signed.checkpoint
        proof = consistency_proof(hashes_of(self.read, head.size), old.size, head.size)
        if old.origin != head.origin or not is_consistent(old.size, old.root, head.size, head.root, proof):
            raise TelepromptError(
                f"The log {head.origin} of {head.size} entries does not go on from the {old.size} of the checkpoint "
                "that was kept: entries were changed or taken away, or there are two logs. Keep both checkpoints: "
                "together they prove it."
            )

    def report(self) -> LogReport:
        """All of it read and checked, and what it holds.

        Raises:
            LogDamagedError, TelepromptError: as of `entries`.
        """
        head, kinds, programs, seen = self.signed.checkpoint, Counter[str](), Counter[str](), Counter[str]()
        for entry in self.entries():
            kinds[entry.kind] += 1
            programs[str(entry.said.get("program"))] += entry.kind == OPENING
            seen[repr(sorted(entry.said.items()))] += 1
        own = head.origin
        return LogReport(
            origin=own,
            size=head.size,
            root=head.root.hex(),
            kinds=dict(sorted(kinds.items())),
            programs={name: count for name, count in sorted(programs.items()) if count},
            twice=sum(count - 1 for count in seen.values()),
            witnesses=tuple(sorted({line.name for line in self.signed.note.signatures} - {own})),
        )
