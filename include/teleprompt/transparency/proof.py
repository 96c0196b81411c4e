"""Proofs that something is in a log, as files (c2sp.org/tlog-proof), and that one checkpoint goes on from another.

The second have the form in which a witness is handed a checkpoint (c2sp.org/tlog-witness): `old N`, the proof's hashes,
an empty line, the later checkpoint.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from teleprompt.transparency.checkpoint import SignedCheckpoint
from teleprompt.transparency.note import MOST_BYTES, NoteError, decoded
from teleprompt.transparency.tree import is_consistent, is_included, leaf_hash

HEADER = "c2sp.org/tlog-proof@v1"
MOST_HASHES = 63
HASH_BYTES = 32
_NUMBER = re.compile(r"0|[1-9][0-9]{0,14}")


@dataclass(frozen=True)
class LogProof:
    """That an entry stands at `index` of the log of a checkpoint."""

    index: int
    hashes: tuple[bytes, ...]
    signed: SignedCheckpoint
    extra: bytes = b""
    """A time stamp (RFC 3161) of the checkpoint's text in DER, or nothing. Nothing vouches for it but itself."""

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The proof in a file.

        Raises:
            NoteError: it is none.
        """
        head, signed = _split(data)
        if head.pop(0) != HEADER:
            raise NoteError(f"it does not begin with {HEADER}")
        extra = decoded(head.pop(0).removeprefix("extra ")) if head and head[0].startswith("extra ") else b""
        index = _number(head.pop(0) if head else "", "index ")
        return cls(index, _hashes(head), signed, extra)

    def to_bytes(self) -> bytes:
        """The file."""
        extra = [f"extra {base64.b64encode(self.extra).decode()}"] if self.extra else []
        lines = [HEADER, *extra, f"index {self.index}", *_encoded(self.hashes), "", ""]
        return "\n".join(lines).encode() + self.signed.data

    def shows(self, entry: bytes) -> bool:
        """Whether it is that entry."""
        head = self.signed.checkpoint
        return is_included(leaf_hash(entry), self.index, head.size, self.hashes, head.root)


@dataclass(frozen=True)
class GoesOn:
    """That the log of a checkpoint begins with its first `old` entries as they were."""

    old: int
    hashes: tuple[bytes, ...]
    signed: SignedCheckpoint

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The proof in a file.

        Raises:
            NoteError: it is none.
        """
        head, signed = _split(data)
        return cls(_number(head.pop(0), "old "), _hashes(head), signed)

    def to_bytes(self) -> bytes:
        """The file, which is also what a witness is posted."""
        return "\n".join([f"old {self.old}", *_encoded(self.hashes), "", ""]).encode() + self.signed.data

    def shows(self, old_root: bytes) -> bool:
        """Whether it is that tree which it goes on from."""
        head = self.signed.checkpoint
        return is_consistent(self.old, old_root, head.size, head.root, self.hashes)


def _split(data: bytes) -> tuple[list[str], SignedCheckpoint]:
    """The lines before the first empty one, and the checkpoint after it."""
    if len(data) > 2 * MOST_BYTES:
        raise NoteError(f"it has more than {2 * MOST_BYTES} bytes")
    head, separator, rest = data.partition(b"\n\n")
    if not separator:
        raise NoteError("there is no checkpoint in it")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise NoteError("something before the checkpoint is not ASCII") from None
    return lines, SignedCheckpoint.parse(rest)


def _number(line: str, word: str) -> int:
    text = line.removeprefix(word)
    if not line.startswith(word) or not _NUMBER.fullmatch(text):
        raise NoteError(f"a line does not say `{word}` and a number")
    return int(text)


def _hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    found = tuple(map(decoded, lines))
    if len(found) > MOST_HASHES or any(len(hash_) != HASH_BYTES for hash_ in found):
        raise NoteError(f"it has more than {MOST_HASHES} hashes, or one that is no SHA-256")
    return found


def _encoded(hashes: Sequence[bytes]) -> list[str]:
    return [base64.b64encode(hash_).decode() for hash_ in hashes]
