"""Which transaction used a nonce: shown by a block of the chain, not concluded from what a node does not show."""

from bisect import bisect_right

from teleprompt.chain.node import Included, Node

STATE_BLOCKS = 120
"""Nodes keep the state of some 128 blocks; who asks for older ones needs one that keeps all."""


def used_by(node: Node, sender: str, nonce: int) -> Included | None:
    """The transaction by which `sender` used `nonce`; None if no block that the node has shows one.

    Raises:
        ConfigurationError: it is of another chain.
        UnreliableNodeError: the node does not know the state of the blocks in question.
    """
    head = node.head()
    depth = STATE_BLOCKS
    while depth < head and node.nonce(sender, head - depth) > nonce:
        depth *= 2
    blocks = range(max(0, head - depth), head + 1)
    found = bisect_right(blocks, nonce, key=lambda number: node.nonce(sender, number))
    return node.included(blocks[found], sender, nonce) if found < len(blocks) else None
