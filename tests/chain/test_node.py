"""What stands where the node should be may answer anything; the answer is one error, and tells no key."""

import json
import logging
import traceback
from collections.abc import Iterator

import pytest

from teleprompt.attest.eas_schema import ZERO_ADDRESS
from teleprompt.chain._abi import encode_call, revert_reason, topic
from teleprompt.chain._eas import REGISTERED
from teleprompt.chain._rpc_errors import RefusedError
from teleprompt.chain.node import Node
from teleprompt.errors import ChainUnavailableError, TelepromptError, UnreliableNodeError
from tests.chain.anvil import CHAIN_ID, Anvil
from tests.chain.gateway import Gateway, short_of_logs
from tests.loopback import Exchange, answering, serving
from tests.support import ALICE


class Answers(Exchange):
    status, said = 200, b""
    knows_its_chain = False

    def respond(self) -> None:
        asked = json.loads(self.body())
        if self.knows_its_chain and asked["method"] == "eth_chainId":
            self.answer(200, json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": "0x1"}).encode())
        else:
            self.answer(self.status, self.said)


@pytest.fixture
def url() -> Iterator[str]:
    with serving(answering(Answers)) as address:
        yield f"{address}/v3/SECRETKEY"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>blocked</html>"),
        (200, b""),
        (200, b'{"jsonrpc": "2.0", "id": 1, "result": null}'),
        (200, b'{"jsonrpc": "2.0", "id": 1, "result": "0xzz"}'),
        (200, b"[]"),
        (401, b"no"),
        (429, b"slow down"),
    ],
)
def test_a_bad_answer_is_worth_a_retry_and_tells_no_key(
    url: str, status: int, body: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Answers, "status", status)
    monkeypatch.setattr(Answers, "said", body)
    with caplog.at_level(logging.DEBUG), pytest.raises(ChainUnavailableError) as error:
        Node(url, chain_id=1).head()
    told = "".join(traceback.format_exception(error.value)) + caplog.text
    assert "SECRETKEY" not in told
    assert status == 200 or f"HTTP {status}" in str(error.value)


def test_a_refusal_of_the_node_is_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, "no such")
    with pytest.raises(TelepromptError, match="refuses a request"):
        Node(url, chain_id=1).head()


@pytest.mark.parametrize(
    "message", ["already known", "nonce too low: next nonce 2, tx nonce 1", "replacement transaction underpriced"]
)
def test_what_a_node_was_sent_before_is_no_error(url: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, message)
    Node(url, chain_id=1).send("0x02")


def test_a_fee_below_what_a_node_takes_is_an_error(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, "transaction underpriced: tip needed 1000000000, tip permitted 1")
    with pytest.raises(TelepromptError, match="refuses a request"):
        Node(url, chain_id=1).send("0x02")


@pytest.mark.parametrize("message", ["header not found", "missing trie node 0x12 (path 0a)", "BlockOutOfRangeError: 5"])
def test_a_block_whose_state_a_node_lacks_is_waited_for(
    url: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, message)
    with pytest.raises(UnreliableNodeError, match=message[:12]):
        Node(url, chain_id=1).nonce(ALICE, 99)


@pytest.mark.parametrize(("message", "code"), [("invalid block tag", -32602), ("finalized block not found", -32000)])
def test_a_node_may_know_no_final_block(url: str, message: str, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, message, code=code)
    assert Node(url, chain_id=1).finalized() is None


def test_a_node_that_is_asked_too_often_does_not_say_what_is_final(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, "limit exceeded", code=-32005)
    with pytest.raises(ChainUnavailableError):
        Node(url, chain_id=1).finalized()


def refuse(monkeypatch: pytest.MonkeyPatch, message: str, *, code: int = -32000) -> None:
    """Let the node refuse whatever is asked of it beside its chain."""
    monkeypatch.setattr(Answers, "knows_its_chain", True)
    body = {"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": message}}
    monkeypatch.setattr(Answers, "said", json.dumps(body).encode())


def test_a_reason_that_was_cut_short_is_shown_as_it_is() -> None:
    assert revert_reason(bytes.fromhex("08c379a0") + b"\1") == "0x08c379a001"


TOO_LONG = [
    ("exceed maximum block range: 10", -32000),
    ("query returned more than 10000 results", -32005),
    ("Log response size exceeded. You can make eth_getLogs requests with up to a 10 block range", -32602),
    ("eth_getLogs is limited to a 10 blocks range", -32614),
    ("query timeout exceeded", -32002),
]
"""What nodes say to a question about too many blocks."""


@pytest.mark.parametrize(("said", "code"), TOO_LONG)
def test_events_are_asked_for_in_parts_that_the_node_takes(
    anvil: Anvil, gateway: Gateway, said: str, code: int
) -> None:
    _, registry = anvil.deploy_eas()
    for i in range(3):
        anvil.mine(30)
        schema = encode_call(
            "register(string,address,bool)", ["string", "address", "bool"], [f"uint8 n{i}", ZERO_ADDRESS, True]
        )
        anvil.transact(registry, schema)
    gateway.lie = short_of_logs(blocks=10, said=said, code=code)
    node = Node(gateway.url, chain_id=CHAIN_ID)
    found = node.logs(registry, [topic(REGISTERED)], from_block=0)
    assert found == Node(anvil.url, chain_id=CHAIN_ID).logs(registry, [topic(REGISTERED)], from_block=0)
    assert len(found) == 3
    gateway.asked.clear()
    node.logs(registry, [topic(REGISTERED)], from_block=0)
    assert gateway.asked.count("eth_getLogs") <= 20, "it knows by now how much it may ask for"


def test_a_refusal_that_is_not_about_the_range_is_told(anvil: Anvil, gateway: Gateway) -> None:
    gateway.lie = short_of_logs(blocks=0, said="eth_getLogs is not available on your plan")
    with pytest.raises(RefusedError, match="not available on your plan"):
        Node(gateway.url, chain_id=CHAIN_ID).logs(ALICE, [], from_block=0)
