"""The trees of OpenZeppelin's library; tests/attest/test_stock_tools.py compares them with the library itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teleprompt.encoding.merkle import MerkleTree, leaf_hash, root_of_proof, word_of_address, word_of_int
from tests.support import ALICE


@given(st.sets(st.binary(min_size=32, max_size=32), min_size=1, max_size=40))
def test_each_leaf_has_a_proof_that_leads_to_the_root_and_no_other_leaf_has(leaves: set[bytes]) -> None:
    tree = MerkleTree(leaves)
    assert len(tree) == len(leaves)
    for leaf in leaves:
        assert root_of_proof(leaf, tree.proof(leaf)) == tree.root
        assert root_of_proof(leaf_hash(leaf), tree.proof(leaf)) != tree.root
    with pytest.raises(KeyError):
        tree.proof(b"not a leaf of it".ljust(32))


def test_the_order_of_leaves_does_not_matter_but_each_stands_once() -> None:
    leaves = [leaf_hash(bytes([i])) for i in range(9)]
    assert MerkleTree(leaves).root == MerkleTree(reversed(leaves)).root
    with pytest.raises(ValueError, match="twice"):
        MerkleTree([leaves[0], leaves[0]])
    with pytest.raises(ValueError, match="needs a leaf"):
        MerkleTree([])


def test_words_are_those_of_abi_encode() -> None:
    from eth_abi import encode

    assert word_of_address(ALICE) + word_of_int(7) == encode(["address", "uint256"], [ALICE, 7])
    assert word_of_address(None) == bytes(32)
    with pytest.raises(OverflowError):
        word_of_int(-1)
