"""Checkpoints (c2sp.org/tlog-checkpoint): the size and the root of a log, signed by it, and by witnesses maybe."""

import base64
import re
from dataclasses import dataclass
from typing import Self

from teleprompt.transparency.note import Note, NoteError, NoteKey, decoded

_SIZE = re.compile(r"0|[1-9][0-9]{0,14}")
HASH_BYTES = 32


@dataclass(frozen=True)
class Checkpoint:
    """What a log says of itself at some size."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The checkpoint that is the text of a note; lines that extend it are let be.

        Raises:
            NoteError: it is none.
        """
        origin, size, root, *_ = [*text.split("\n"), "", "", ""]
        if not origin or not _SIZE.fullmatch(size) or len(hash_ := decoded(root)) != HASH_BYTES:
            raise NoteError("the text is no checkpoint: the log's name, its size and its root")
        return cls(origin, int(size), hash_)


@dataclass(frozen=True)
class SignedCheckpoint:
    """A checkpoint that was read, with its note."""

    checkpoint: Checkpoint
    note: Note
    data: bytes
    """The exact bytes."""

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The checkpoint in `data`; its signatures are not checked yet.

        Raises:
            NoteError: it is none.
        """
        note = Note.parse(data)
        return cls(Checkpoint.parse(note.text), note, data)

    def check_signed(self, key: NoteKey) -> None:
        """Refuse what the log with that key has not signed.

        Raises:
            NoteError: it has not, or under another name.
        """
        if self.checkpoint.origin != key.name:
            raise NoteError(f"it is of the log {self.checkpoint.origin}, and not of {key.name}")
        if self.note.time_of(key) is None:
            raise NoteError(f"{key.name} has not signed the checkpoint with the key {key.id.hex()}")
