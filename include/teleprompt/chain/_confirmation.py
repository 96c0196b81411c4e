"""Which blocks of the chain count as confirmed, and from which one absence is believed."""

from bisect import bisect_right
from dataclasses import dataclass

from teleprompt.chain.node import Node
from teleprompt.errors import ConfigurationError, UnreliableNodeError

BLOCKS = 12
"""Without a word of the chain: so many blocks, the transaction's own counted, ..."""

SECONDS = 180
"""... and so long, by the blocks' own clocks: on some chains twelve blocks take three seconds."""


@dataclass(frozen=True)
class Confirmation:
    """What a program waits for."""

    blocks: int | None = None
    """None: what the chain itself calls final, or where the node names no such block `BLOCKS` and `SECONDS`."""
    finalized: bool = False
    """Whether only what the chain itself calls final counts, whatever `blocks` says."""

    def confirmed(self, node: Node) -> int:
        """Number of the newest block that counts as confirmed.

        Raises:
            ConfigurationError: the node does not say what is final, and nothing else may count.
        """
        if self.blocks is not None and not self.finalized:
            return max(0, node.head() - self.blocks + 1)
        final = node.finalized()
        if final is not None:
            return final
        if self.finalized:
            raise ConfigurationError("The node does not say which block is final; set `chain.finalized: false`.")
        return _deep_and_old(node)

    def final(self, node: Node) -> int:
        """Number of the newest block that absence is believed from: confirmed, and final where the chain says that."""
        final, confirmed = node.finalized(), self.confirmed(node)
        return confirmed if final is None else min(confirmed, final)


def _deep_and_old(node: Node) -> int:
    """The newest block that is `BLOCKS` deep and `SECONDS` older than the head; 0 where there is none."""
    head = node.head()
    newest, until = head - BLOCKS + 1, _time(node, head) - SECONDS
    depth = 1
    while newest - depth > 0 and _time(node, newest - depth) > until:
        depth *= 2
    blocks = range(max(0, newest - depth), max(0, newest) + 1)
    return max(0, blocks.start + bisect_right(blocks, until, key=lambda number: _time(node, number)) - 1)


def _time(node: Node, number: int) -> int:
    block = node.block(number)
    if block is None:
        raise UnreliableNodeError(f"it does not show the block {number}, which it has")
    return block.timestamp
