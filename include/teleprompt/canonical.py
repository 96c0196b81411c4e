"""Canonical JSON (RFC 8785, JCS) and the SHA-256 digests that are built on it."""

import hashlib
import unicodedata
from typing import Any

import rfc8785


def canonical_json(value: Any) -> bytes:
    """The RFC 8785 bytes of `value`, a tree of dicts, lists, strings, numbers, booleans and None.

    Raises:
        rfc8785.CanonicalizationError: for NaN, infinities, integers beyond 2**53 or other types.
    """
    return rfc8785.dumps(value)


def sha256_hex(data: bytes) -> str:
    """SHA-256 of `data` in lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def digest_of(value: Any) -> str:
    """SHA-256 of the canonical JSON of `value`."""
    return sha256_hex(canonical_json(value))


def is_plain(text: str) -> bool:
    """Whether `text` is fit for an identifier.

    Unicode NFC; no control, format, surrogate, private or unassigned characters, no line separators; no white space
    around it.
    """
    unfit = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
    return (
        text == text.strip()
        and unicodedata.is_normalized("NFC", text)
        and not any(unicodedata.category(character) in unfit for character in text)
    )


def normalised_text(text: str) -> str:
    """`text` as it is compared: Unicode NFKC, case-folded, runs of white space as one space."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
