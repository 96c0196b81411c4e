"""The Merkle tree, held against the definitions of RFC 6962 as they stand there."""

import hashlib
from collections.abc import Sequence

import pytest

from teleprompt.transparency.tree import (
    EMPTY_ROOT,
    consistency_proof,
    inclusion_proof,
    is_consistent,
    is_included,
    leaf_hash,
    tree_hash,
)

ENTRIES = [bytes([i]) * (i % 5) for i in range(70)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]


def defined_root(entries: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1."""
    if not entries:
        return hashlib.sha256().digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = 1
    while 2 * k < len(entries):
        k *= 2
    return hashlib.sha256(b"\x01" + defined_root(entries[:k]) + defined_root(entries[k:])).digest()


def hashes(level: int, index: int) -> bytes:
    return defined_root(ENTRIES[index << level : (index + 1) << level])


@pytest.mark.parametrize("size", range(71))
def test_a_root_is_that_of_the_definition(size: int) -> None:
    assert tree_hash(hashes, size) == defined_root(ENTRIES[:size])


def test_each_entry_of_each_tree_is_proven_and_no_other() -> None:
    for size in range(1, 40):
        root = tree_hash(hashes, size)
        for index in range(size):
            proof = inclusion_proof(hashes, index, size)
            assert is_included(LEAVES[index], index, size, proof, root)
            assert not is_included(LEAVES[index + 1], index, size, proof, root)
            assert not is_included(LEAVES[index], index, size, [*proof, root], root)
            assert not is_included(LEAVES[index], index + size, size, proof, root)
            if proof:
                assert not is_included(LEAVES[index], index, size, proof[:-1], root)
                assert not is_included(LEAVES[index], index, size, [LEAVES[index], *proof[1:]], root)


def test_each_tree_goes_on_from_each_earlier_one_and_from_no_other() -> None:
    for size in range(40):
        root = tree_hash(hashes, size)
        for old in range(size + 1):
            proof, old_root = consistency_proof(hashes, old, size), tree_hash(hashes, old)
            assert is_consistent(old, old_root, size, root, proof)
            assert not is_consistent(old, LEAVES[0] if old != 1 else LEAVES[1], size, root, proof)
            assert not is_consistent(old, old_root, size, root, [*proof, root])
            if proof:
                assert not is_consistent(old, old_root, size, root, proof[:-1])
                assert not is_consistent(old, old_root, size, root, [root, *proof[1:]])
        assert not is_consistent(size + 1, root, size, root, [])
    assert defined_root([]) == EMPTY_ROOT
