"""Which blocks count as confirmed: by the chain's own word, by their number, or by number and age."""

import pytest

from teleprompt.chain._confirmation import BLOCKS, SECONDS, Confirmation
from teleprompt.chain.node import Node
from teleprompt.errors import ConfigurationError
from tests.chain.anvil import CHAIN_ID, Anvil
from tests.chain.gateway import Gateway, without_finality


@pytest.fixture
def node(gateway: Gateway) -> Node:
    return Node(gateway.url, chain_id=CHAIN_ID)


def mine(anvil: Anvil, blocks: int, *, seconds: int) -> None:
    anvil.rpc("anvil_mine", hex(blocks), hex(seconds))


def test_by_default_the_chain_says_what_is_confirmed(anvil: Anvil, node: Node) -> None:
    mine(anvil, 40, seconds=1)
    final = node.finalized()
    assert final is not None
    assert Confirmation().confirmed(node) == Confirmation().final(node) == final < 40


def test_a_number_of_blocks_is_taken_at_its_word(anvil: Anvil, node: Node) -> None:
    mine(anvil, 40, seconds=1)
    assert Confirmation(blocks=1).confirmed(node) == node.head()
    assert Confirmation(blocks=5).confirmed(node) == node.head() - 4
    assert Confirmation(blocks=1).final(node) == node.finalized()  # absence is believed later


@pytest.mark.parametrize(("blocks", "seconds"), [(400, 1), (100, 2), (30, 12), (300, 0)])
def test_without_finality_depth_and_age_both_count(
    anvil: Anvil, node: Node, gateway: Gateway, blocks: int, seconds: int
) -> None:
    gateway.lie = without_finality
    mine(anvil, 1, seconds=1000)
    mine(anvil, blocks, seconds=seconds)
    confirmed, head = Confirmation().confirmed(node), node.head()
    assert is_deep_and_old(node, confirmed, head=head)
    assert not is_deep_and_old(node, confirmed + 1, head=head)


def is_deep_and_old(node: Node, number: int, *, head: int) -> bool:
    block, newest = node.block(number), node.block(head)
    assert block is not None
    assert newest is not None
    return head - number + 1 >= BLOCKS and newest.timestamp - block.timestamp >= SECONDS


def test_on_a_chain_younger_than_that_nothing_is_confirmed(anvil: Anvil, node: Node, gateway: Gateway) -> None:
    gateway.lie = without_finality
    mine(anvil, 5, seconds=1)
    assert Confirmation().confirmed(node) == 0


def test_who_asks_for_finality_alone_is_told_where_there_is_none(anvil: Anvil, node: Node, gateway: Gateway) -> None:
    gateway.lie = without_finality
    with pytest.raises(ConfigurationError, match="does not say which block is final"):
        Confirmation(blocks=3, finalized=True).confirmed(node)
