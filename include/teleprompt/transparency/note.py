"""Signed notes (c2sp.org/signed-note), which checkpoints are: a text, and lines of signatures below it.

Ed25519 alone: the log's own signatures (type 1), and timestamped cosignatures of witnesses (type 4,
c2sp.org/tlog-cosignature).
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Self

LOG, COSIGNATURE = 0x01, 0x04
"""Types of keys."""
KEY_BYTES, SIGNATURE_BYTES, ID_BYTES, TIME_BYTES = 32, 64, 4, 8
MOST_SIGNATURES = 100
MOST_BYTES = 64 * 1024
LATEST = 253_402_300_799
"""Seconds: the end of the year 9999."""
_DASH = "— "
_NAME = re.compile(r"[^+\x00-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
"""No plus sign, no white space, no control character."""


class NoteError(ValueError):
    """It is no signed note, or no key of one."""


@dataclass(frozen=True)
class NoteKey:
    """Whose signature is looked for: a name, and an Ed25519 key of one of the two types."""

    name: str
    kind: int
    public: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """The key as notes' tools write it: `name+hexadecimal id+base64 of type and key`.

        Raises:
            NoteError: it has another form, another type, or an id that is not its own.
        """
        name, _, rest = text.strip().partition("+")
        digits, _, encoded = rest.partition("+")
        data = decoded(encoded)
        if not is_name(name) or len(data) != 1 + KEY_BYTES or data[0] not in {LOG, COSIGNATURE}:
            raise NoteError(
                "a key looks like name+hexadecimal id+base64, and is of Ed25519 (type 1, or 4 of a witness)"
            )
        key = cls(name, data[0], data[1:])
        if key.id.hex() != digits:
            raise NoteError(f"the id of the key {name} is {key.id.hex()}, and not {digits[:20]}")
        return key

    @property
    def id(self) -> bytes:
        """Four bytes that a signature begins with."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:ID_BYTES]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(bytes([self.kind]) + self.public).decode()}"

    def line(self, signature: bytes) -> str:
        """The line below a note."""
        return f"{_DASH}{self.name} {base64.b64encode(self.id + signature).decode()}\n"


@dataclass(frozen=True)
class SignatureLine:
    """One line below a note."""

    name: str
    key_id: bytes
    signature: bytes

    def is_of(self, key: NoteKey) -> bool:
        """Whether it says to be of that key."""
        return self.name == key.name and self.key_id == key.id


@dataclass(frozen=True)
class Note:
    """A text with its signatures, none of them checked yet."""

    text: str
    """Ends in a newline."""
    signatures: tuple[SignatureLine, ...]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The note in `data`.

        Raises:
            NoteError: it is none.
        """
        if len(data) > MOST_BYTES:
            raise NoteError(f"it has more than {MOST_BYTES} bytes")
        try:
            whole = data.decode("utf-8")
        except UnicodeDecodeError:
            raise NoteError("it is not UTF-8") from None
        if any(ord(character) < 32 and character != "\n" for character in whole):
            raise NoteError("it has control characters")
        at = whole.rfind("\n\n")
        if at < 0 or not whole.endswith("\n") or at + 2 >= len(whole):
            raise NoteError("there is no text with signatures below it")
        lines = whole[at + 2 : -1].split("\n")
        if len(lines) > MOST_SIGNATURES:
            raise NoteError(f"it has more than {MOST_SIGNATURES} signatures")
        return cls(whole[: at + 1], tuple(map(parse_line, lines)))

    def time_of(self, key: NoteKey) -> int | None:
        """When `key` signed, in seconds since 1970, as it says; 0 for the log's own, None where it has not.

        Raises:
            NoteError: a signature says to be by `key`, and is not.
        """
        found: int | None = None
        for line in self.signatures:
            if line.is_of(key):
                moment = _checked(self.text, key, line.signature)
                found = moment if found is None else min(found, moment)
        return found


def cosigned_message(text: str, moment: int) -> bytes:
    """What a witness signs of a checkpoint's text, with the time in seconds since 1970."""
    return f"cosignature/v1\ntime {moment}\n{text}".encode()


def parse_line(line: str) -> SignatureLine:
    """A line below a note.

    Raises:
        NoteError: it is no line of a signature.
    """
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    data = decoded(encoded)
    if not line.startswith(_DASH) or not is_name(name) or len(data) <= ID_BYTES:
        raise NoteError("a line below the text is no signature")
    return SignatureLine(name, data[:ID_BYTES], data[ID_BYTES:])


def is_name(name: str) -> bool:
    """Whether a key may have that name."""
    return _NAME.fullmatch(name) is not None


def decoded(text: str) -> bytes:
    """Base64 in its one form.

    Raises:
        NoteError: it is none.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteError("something is no base64") from None
    if base64.b64encode(data).decode() != text:
        raise NoteError("something is no base64")
    return data


def _checked(text: str, key: NoteKey, signature: bytes) -> int:
    moment, message = 0, text.encode()
    if key.kind == COSIGNATURE:
        moment, signature = int.from_bytes(signature[:TIME_BYTES]), signature[TIME_BYTES:]
        message = cosigned_message(text, moment)
    if len(signature) != SIGNATURE_BYTES or moment > LATEST or not _is_signed(key.public, message, signature):
        raise NoteError(f"the signature is not by {key.name}, as it says")
    return moment


def _is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
