"""The log of this installation, read: its files lie in the storage, and MLflow knows its key and its newest head.

So who can write the storage alone can roll nothing back and put no other log there.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from teleprompt.errors import TelepromptError
from teleprompt.tracking.pipeline_run import experiment_name, internal_experiment
from teleprompt.transparency.checkpoint import Checkpoint, SignedCheckpoint
from teleprompt.transparency.note import NoteError, NoteKey
from teleprompt.transparency.tiles import CHECKPOINT, LogDamagedError, Read, hashes_of, place_of, reader_of
from teleprompt.transparency.tree import (
    consistency_proof,
    inclusion_proof,
    is_consistent,
    is_included,
    leaf_hash,
    tree_hash,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

FOLDER = "log"
EXPERIMENT = experiment_name("teleprompt-log")
KEY, HEAD, PENDING = "teleprompt.log_key", "teleprompt.log_head", "teleprompt.log_pending"
"""Tags of the experiment: the log's verifier key; its newest size and root; the entry that is being added, with its
index."""


class LogForkedError(TelepromptError):
    """The log's files are not those of the log that MLflow knows."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The public log in the storage {what}; nothing was added. Restore its folder `{FOLDER}` from the mirror "
            "or a backup, and give another installation a storage of its own."
        )


@dataclass(frozen=True)
class PublicLog:
    """The log that lies in one storage."""

    client: "MlflowClient" = field(compare=False)
    storage_uri: str

    @property
    def uri(self) -> str:
        """The folder of its files."""
        return f"{self.storage_uri}/{FOLDER}"

    @property
    def read(self) -> Read:
        """Reads its files."""
        return reader_of(self.uri)

    @property
    def key(self) -> NoteKey | None:
        """What its checkpoints are verified with; None before there is a log."""
        text = self.tags.get(KEY)
        return NoteKey.parse(text) if text else None

    @property
    def head(self) -> Checkpoint | None:
        """The newest head that MLflow knows; None before there is a log."""
        key, text = self.key, self.tags.get(HEAD)
        if key is None or text is None:
            return None
        size, _, root = text.partition(" ")
        return Checkpoint(key.name, int(size), bytes.fromhex(root))

    @property
    def tags(self) -> dict[str, str]:
        """What MLflow knows of it."""
        experiment = self.client.get_experiment_by_name(EXPERIMENT)
        return dict(experiment.tags) if experiment else {}

    def tag(self, name: str, value: str) -> None:
        """Write one of these."""
        self.client.set_experiment_tag(internal_experiment(self.client, EXPERIMENT), name, value)

    def checkpoint(self) -> SignedCheckpoint | None:
        """The newest checkpoint, held against what MLflow knows; None before there is an entry.

        Raises:
            LogForkedError: it is an older one, or of another log.
            LogDamagedError: it is missing, or a tile is, or it is not signed.
        """
        known, key = self.head, self.key
        if known is None or key is None:
            return None
        signed = self.stored_checkpoint(key)
        if signed is not None:
            check_goes_on(self.read, known, signed.checkpoint)
        elif known.size:
            raise LogDamagedError(CHECKPOINT, "is missing")
        return signed

    def stored_checkpoint(self, key: NoteKey) -> SignedCheckpoint | None:
        """The checkpoint that lies in the storage, if `key` signed it; None where none does.

        Raises:
            LogDamagedError: it is not signed.
        """
        data = self.read(CHECKPOINT)
        if data is None:
            return None
        try:
            signed = SignedCheckpoint.parse(data)
            signed.check_signed(key)
        except NoteError as error:
            raise LogDamagedError(CHECKPOINT, f"is not what was signed ({error})") from error
        return signed

    def find(self, entry: bytes, head: Checkpoint) -> int | None:
        """The index of an entry in the log of that head; None where it is not in it.

        Raises:
            LogDamagedError: the index names a place where another entry stands.
        """
        name, leaf = index_name(entry), leaf_hash(entry)
        kept = self.read(name)
        if kept is not None and not kept.isdigit():
            raise LogDamagedError(name, "is no number")
        index = place_of(self.read, leaf, head.size) if kept is None else int(kept)
        if index is None:
            return None
        if index >= head.size:  # of an entry that a process died while adding
            return None
        hashes = hashes_of(self.read, head.size)
        proof = inclusion_proof(hashes, index, head.size)
        if not is_included(leaf, index, head.size, proof, head.root):
            raise LogDamagedError(name, f"says that an entry is number {index}, where another one stands")
        return index


def check_goes_on(read: Read, known: Checkpoint, stored: Checkpoint) -> None:
    """Refuse files that do not hold `known`, or do not have the root that their checkpoint says.

    Raises:
        LogForkedError: they do not.
        LogDamagedError: a tile is missing.
    """
    if stored.size < known.size:
        raise LogForkedError(f"has {stored.size} entries, and had {known.size}: it was rolled back")
    hashes = hashes_of(read, stored.size)
    if tree_hash(hashes, stored.size) != stored.root:
        raise LogForkedError("has other hashes than were signed")
    proof = consistency_proof(hashes, known.size, stored.size)
    if not is_consistent(known.size, known.root, stored.size, stored.root, proof):
        raise LogForkedError(f"does not go on from the {known.size} entries that MLflow knows: it is another log")


def index_name(entry: bytes) -> str:
    """The file that says at which place an entry stands."""
    digest = leaf_hash(entry).hex()
    return f"index/{digest[:2]}/{digest}"
