"""Merkle trees as OpenZeppelin's `StandardMerkleTree` builds them (npm `@openzeppelin/merkle-tree` 1.0).

A leaf is `keccak256(keccak256(abi.encode(values)))`: hashed twice, so that no inner node can pose as one. Leaves are
sorted, and so is each pair before it is hashed, so a proof needs no directions.
"""

from collections.abc import Iterable, Sequence

from teleprompt.encoding.keccak import keccak_256

WORD = 32


def leaf_hash(encoded: bytes) -> bytes:
    """The leaf of ABI-encoded values."""
    return keccak_256(keccak_256(encoded))


class MerkleTree:
    """A tree over distinct leaf hashes, in memory: some 130 bytes a leaf.

    Raises:
        ValueError: there are no leaves, or one stands twice.
    """

    def __init__(self, leaves: Iterable[bytes]) -> None:
        ordered = sorted(leaves, reverse=True)
        if not ordered:
            raise ValueError("a tree needs a leaf")
        count = len(ordered)
        if any(ordered[i] == ordered[i + 1] for i in range(count - 1)):
            raise ValueError("a leaf stands twice")
        nodes = [b""] * (count - 1) + ordered
        for i in range(count - 2, -1, -1):
            left, right = nodes[2 * i + 1], nodes[2 * i + 2]
            nodes[i] = keccak_256(left + right if left < right else right + left)
        self._nodes = nodes
        self._count = count

    @property
    def root(self) -> bytes:
        """What is signed."""
        return self._nodes[0]

    @property
    def nodes(self) -> list[bytes]:
        """All nodes, the root first: the children of `i` are `2 i + 1` and `2 i + 2`."""
        return list(self._nodes)

    def __len__(self) -> int:
        return self._count

    def proof(self, leaf: bytes) -> list[bytes]:
        """The siblings on the way from `leaf` to the root.

        Raises:
            KeyError: it is no leaf of this tree.
        """
        index = self._index(leaf)
        siblings = []
        while index > 0:
            siblings.append(self._nodes[index + 1 if index % 2 else index - 1])
            index = (index - 1) // 2
        return siblings

    def _index(self, leaf: bytes) -> int:
        """Leaves stand in descending order, behind the inner nodes."""
        low, high = self._count - 1, len(self._nodes)
        while low < high:
            middle = (low + high) // 2
            if self._nodes[middle] > leaf:
                low = middle + 1
            else:
                high = middle
        if low == len(self._nodes) or self._nodes[low] != leaf:
            raise KeyError(leaf.hex())
        return low


def root_of_proof(leaf: bytes, siblings: Sequence[bytes]) -> bytes:
    """The root that a proof leads to; it proves something only if that is the root one trusts."""
    node = leaf
    for sibling in siblings:
        node = keccak_256(node + sibling if node < sibling else sibling + node)
    return node


def word_of_int(value: int) -> bytes:
    """An unsigned integer as `abi.encode` writes it.

    Raises:
        OverflowError: it is negative or needs more than 256 bits.
    """
    return value.to_bytes(WORD, "big")


def word_of_address(address: str | None) -> bytes:
    """An address as `abi.encode` writes it; None is the zero address."""
    return bytes(WORD) if address is None else bytes.fromhex(address[2:]).rjust(WORD, b"\0")
