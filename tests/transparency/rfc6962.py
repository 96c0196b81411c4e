"""Consistency proofs by their recursive definition (RFC 6962, 2.1.2), so that a witness shares no code with the log."""

import hashlib
from collections.abc import Sequence


def proves_consistency(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Rebuilds both roots from the proof, from its end to its beginning."""
    if old == size:
        return old_root == root and not proof
    rest = list(proof)
    try:
        before, after = _rebuilt(old, size, old_root, rest, is_known=True)
    except IndexError:
        return False
    return not rest and (before, after) == (old_root, root)


def _rebuilt(old: int, size: int, old_root: bytes, rest: list[bytes], *, is_known: bool) -> tuple[bytes, bytes]:
    if old == size:
        found = old_root if is_known else rest.pop()
        return found, found
    half = 1
    while 2 * half < size:
        half *= 2
    last = rest.pop()
    if old <= half:
        before, after = _rebuilt(old, half, old_root, rest, is_known=is_known)
        return before, _node(after, last)
    before, after = _rebuilt(old - half, size - half, old_root, rest, is_known=False)
    return _node(last, before), _node(last, after)


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
