"""The tree over the traces that a run used: one root names them all and tells of none."""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import fields
from typing import Any, Literal

from teleprompt.encoding.canonical_json import digest_of
from teleprompt.encoding.merkle import MerkleTree, leaf_hash, word_of_address, word_of_int
from teleprompt.traces.row import TraceRow

LEAF_TYPES: tuple[Literal["bytes32"], Literal["address"], Literal["uint64"]] = ("bytes32", "address", "uint64")
"""Digest of the salted trace, its contributor's address (zero where there is none), its score in millionths."""


_FIELDS = tuple(field.name for field in fields(TraceRow) if field.name != "rationale")
"""What the contributor brought. What a reviewer wrote about it is not theirs to show, and trees of before had none."""


def trace_salt(secret: bytes, trace_id: str) -> str:
    """The salt of one trace; showing it tells nothing of the others'."""
    return hmac.digest(secret, trace_id.encode(), hashlib.sha256).hex()


def trace_fields(row: TraceRow) -> dict[str, Any]:
    """The trace as JSON values; unlike `asdict` without a copy of each, which would take most of a tree's time."""
    return {name: getattr(row, name) for name in _FIELDS}


def trace_digest(row: TraceRow, salt: str) -> str:
    """SHA-256 of the RFC 8785 form of `{"salt": …, "trace": {…}}`; who lacks the salt cannot guess the trace."""
    return digest_of({"salt": salt, "trace": trace_fields(row)})


def trace_id_digest(salt: str, trace_id: str) -> str:
    """SHA-256 of the RFC 8785 form of `{"salt": …, "trace_id": …}`; the salt is that of the trace's proof."""
    return digest_of({"salt": salt, "trace_id": trace_id})


def trace_leaf(digest: str, address: str | None, score_e6: int) -> bytes:
    """The leaf of one trace."""
    return leaf_hash(bytes.fromhex(digest) + word_of_address(address) + word_of_int(score_e6))


def trace_tree(rows: Iterable[TraceRow], secret: bytes) -> MerkleTree:
    """The tree over `rows`.

    Raises:
        ValueError: there are none.
    """
    return MerkleTree(
        trace_leaf(trace_digest(row, trace_salt(secret, row.trace_id)), row.contributor_address, row.score_e6)
        for row in rows
    )
