"""The Merkle tree of RFC 6962 and 9162, with SHA-256: roots, proofs, and checking them. Pure."""

import hashlib
from collections.abc import Callable, Sequence

Hashes = Callable[[int, int], bytes]
"""The root of the `index`-th whole subtree of 2^level leaves, by level and index."""

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """The hash of an entry of the log."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree_hash(hashes: Hashes, size: int) -> bytes:
    """The root of the first `size` leaves."""
    return _range_hash(hashes, 0, size) if size else EMPTY_ROOT


def inclusion_proof(hashes: Hashes, index: int, size: int) -> list[bytes]:
    """That leaf `index` is among the first `size`, from its sibling upwards (RFC 9162, 2.1.3.1)."""
    return _path(hashes, index, 0, size)


def consistency_proof(hashes: Hashes, old: int, size: int) -> list[bytes]:
    """That the tree of `size` leaves begins with that of `old` (RFC 9162, 2.1.4.1); empty for 0 and for `size`."""
    return _subproof(hashes, old, 0, size, is_known=True) if 0 < old < size else []


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof shows that the hash of a leaf stands at `index` below `root` (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last, found = index, size - 1, leaf
    for hash_ in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            found = node_hash(hash_, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, hash_)
        node, last = node >> 1, last >> 1
    return last == 0 and found == root


def is_consistent(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the tree below `root` begins with that below `old_root` (RFC 9162, 2.1.4.2)."""
    if old == size or old == 0:
        return not proof and old_root == (root if old else EMPTY_ROOT)
    if not 0 < old < size or not proof:
        return False
    node, last = old - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    rest = list(proof)
    before = after = rest.pop(0) if node else old_root
    for hash_ in rest:
        if last == 0:
            return False
        if node & 1 or node == last:
            before, after = node_hash(hash_, before), node_hash(hash_, after)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            after = node_hash(after, hash_)
        node, last = node >> 1, last >> 1
    return last == 0 and before == old_root and after == root


def _range_hash(hashes: Hashes, start: int, end: int) -> bytes:
    """Of the leaves from `start`, a multiple of the power of two that the split takes, to `end`."""
    count = end - start
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return hashes(level, start >> level)
    middle = start + _split(count)
    return node_hash(_range_hash(hashes, start, middle), _range_hash(hashes, middle, end))


def _path(hashes: Hashes, index: int, start: int, end: int) -> list[bytes]:
    if end - start == 1:
        return []
    middle = start + _split(end - start)
    if index < middle:
        return [*_path(hashes, index, start, middle), _range_hash(hashes, middle, end)]
    return [*_path(hashes, index, middle, end), _range_hash(hashes, start, middle)]


def _subproof(hashes: Hashes, old: int, start: int, end: int, *, is_known: bool) -> list[bytes]:
    """`is_known`: the old root is the hash of this whole range, so that the proof need not say it."""
    if old == end:
        return [] if is_known else [_range_hash(hashes, start, end)]
    middle = start + _split(end - start)
    if old <= middle:
        return [*_subproof(hashes, old, start, middle, is_known=is_known), _range_hash(hashes, middle, end)]
    return [*_subproof(hashes, old, middle, end, is_known=False), _range_hash(hashes, start, middle)]


def _split(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << ((count - 1).bit_length() - 1)
