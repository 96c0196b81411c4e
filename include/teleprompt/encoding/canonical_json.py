"""Canonical JSON (RFC 8785, JCS) and the SHA-256 digests that are built on it."""

import hashlib
import unicodedata
from typing import Any

import orjson
import rfc8785

from teleprompt.encoding.text import UNSEEN

EXACT = 2**53
"""Integers beyond it have no canonical form."""


def canonical_json(value: Any) -> bytes:
    """The RFC 8785 bytes of `value`, a tree of dicts, lists, strings, numbers, booleans and None.

    Raises:
        rfc8785.CanonicalizationError: for NaN, infinities, integers beyond 2**53 or other types.
    """
    try:
        return orjson.dumps(_written_alike(value), option=orjson.OPT_SORT_KEYS)
    except (_WrittenDifferently, orjson.JSONEncodeError, RecursionError):
        return rfc8785.dumps(value)


class _WrittenDifferently(Exception):  # noqa: N818 - not an error
    """A value that orjson may write in another way than RFC 8785; it is ten times as fast for all others."""


def _is_ascii(key: Any) -> bool:
    return type(key) is str and key.isascii()


def _written_alike(value: Any) -> Any:
    """`value` such that orjson's bytes are those of RFC 8785: ASCII keys, and numbers without an exponent."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return value
    if kind is dict:
        if not all(map(_is_ascii, value)):
            raise _WrittenDifferently
        return {key: _written_alike(item) for key, item in value.items()}
    if kind is float and 1e-4 <= abs(value) < 1e15 and not value.is_integer():
        return value
    if kind in {int, float} and -EXACT < value < EXACT and value == int(value):
        return int(value)
    if kind in {list, tuple}:
        return [_written_alike(item) for item in value]
    raise _WrittenDifferently


def sha256_hex(data: bytes) -> str:
    """SHA-256 of `data` in lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def digest_of(value: Any) -> str:
    """SHA-256 of the canonical JSON of `value`."""
    return sha256_hex(canonical_json(value))


def is_plain(text: str) -> bool:
    """Whether `text` is fit for an identifier.

    Unicode NFC; no control, format, surrogate, private or unassigned characters, no line separators, no letters or
    marks that nobody sees; no white space around it.
    """
    unfit = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
    return (
        text == text.strip()
        and unicodedata.is_normalized("NFC", text)
        and not any(unicodedata.category(character) in unfit for character in text)
        and not UNSEEN.search(text)
    )


def plain(text: str) -> str:
    """`text`, if it is fit for an identifier.

    Raises:
        ValueError: it is not.
    """
    if not is_plain(text):
        raise ValueError("text must be plain: Unicode NFC, no control characters, no white space around it")
    return text


def normalised_text(text: str) -> str:
    """`text` as it is compared: Unicode NFKC, case-folded, runs of white space as one space."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
