"""A gateway between us and the node that answers otherwise than the node would: late, not at all, or from elsewhere."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.chain.anvil import Anvil
from tests.loopback import Exchange, answering, serving

Forward = Callable[[], Any]
"""Asks the node, and returns its result."""

Lie = Callable[[str, list[Any], Forward], Any]
"""What is answered to a method with these parameters."""


class RefusedError(Exception):
    """The node's error, as it is passed on."""


def ask(node: Anvil, method: str, params: list[Any]) -> Any:
    """What the node says; RefusedError where it refuses."""
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    answer = node.http.post(node.url, json=body).json()
    if "error" in answer:
        raise RefusedError(answer["error"])
    return answer["result"]


class Gateway:
    """Passes requests on to `node`; what `lie` returns is answered instead."""

    def __init__(self, node: Anvil, url: str) -> None:
        self.node = node
        self.url = url
        self.lie: Lie | None = None
        self.asked: list[str] = []

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to one JSON-RPC request."""
        method, params = request["method"], request.get("params", [])
        self.asked.append(method)

        def forward() -> Any:
            return ask(self.node, method, params)

        lie, head = self.lie, {"jsonrpc": "2.0", "id": request["id"]}
        try:
            return {**head, "result": forward() if lie is None else lie(method, params, forward)}
        except RefusedError as error:
            return {**head, "error": error.args[0]}


@contextmanager
def gateway_to(node: Anvil) -> Iterator[Gateway]:
    """A gateway that tells the truth until it is given a lie."""

    class Requests(Exchange):
        def respond(self) -> None:
            said = gateway.answer(json.loads(self.body()))
            self.answer(200, json.dumps(said).encode(), content_type="application/json")

    with serving(answering(Requests)) as url:
        gateway = Gateway(node, url)
        yield gateway


def behind(node: Anvil, blocks: int) -> Lie:
    """Receipts and events come from a replica so many blocks behind; all else from the node."""

    def lie(method: str, _: list[Any], forward: Forward) -> Any:
        newest, answer = int(node.rpc("eth_blockNumber"), 16) - blocks, forward()
        if method == "eth_getTransactionReceipt" and answer is not None:
            return answer if int(answer["blockNumber"], 16) <= newest else None
        if method == "eth_getLogs":
            return [log for log in answer if int(log["blockNumber"], 16) <= newest]
        return answer

    return lie


def all_but_nonces_behind(node: Anvil, blocks: int) -> Lie:
    """Blocks by number come from the replica, too: only the nonces say that something was mined."""
    replica = behind(node, blocks)

    def lie(method: str, params: list[Any], forward: Forward) -> Any:
        if method == "eth_getBlockByNumber" and params[0].startswith("0x"):
            newest = int(node.rpc("eth_blockNumber"), 16) - blocks
            return forward() if int(params[0], 16) <= newest else None
        return replica(method, params, forward)

    return lie


def without_receipts(method: str, _: list[Any], forward: Forward) -> Any:
    """No transaction has a receipt."""
    return None if method == "eth_getTransactionReceipt" else forward()


def without_logs(method: str, _: list[Any], forward: Forward) -> Any:
    """Transactions have receipts; events there are none."""
    answer = forward()
    if method == "eth_getTransactionReceipt" and answer is not None:
        return {**answer, "logs": []}
    return [] if method == "eth_getLogs" else answer


def refused(method: str, params: list[Any], forward: Forward) -> Any:
    """Every transaction failed, and left no events."""
    answer = without_logs(method, params, forward)
    if method == "eth_getTransactionReceipt" and answer is not None:
        return {**answer, "status": "0x0"}
    return answer


def of_another_branch(method: str, _: list[Any], forward: Forward) -> Any:
    """Receipts are of a block that another one took the place of."""
    answer = forward()
    if method == "eth_getTransactionReceipt" and answer is not None:
        return {**answer, "blockHash": "0x" + "ab" * 32}
    return answer


def pending_receipts(method: str, _: list[Any], forward: Forward) -> Any:
    """Receipts are there before there is a block."""
    answer = forward()
    if method == "eth_getTransactionReceipt" and answer is not None:
        return {**answer, "blockNumber": None, "blockHash": None}
    return answer


def succeeded(method: str, _: list[Any], forward: Forward) -> Any:
    """Every transaction succeeded."""
    answer = forward()
    return {**answer, "status": "0x1"} if method == "eth_getTransactionReceipt" and answer is not None else answer


def without_base_fee(method: str, _: list[Any], forward: Forward) -> Any:
    """The chain is of a time before blocks had a base fee."""
    answer = forward()
    if method == "eth_getBlockByNumber" and answer is not None:
        return {name: value for name, value in answer.items() if name != "baseFeePerGas"}
    return answer


def short_of_logs(*, blocks: int, said: str, code: int = -32000) -> Lie:
    """Events of more than so many blocks are refused, in a node's own words."""

    def lie(method: str, params: list[Any], forward: Forward) -> Any:
        if method == "eth_getLogs":
            asked = params[0]
            if int(asked["toBlock"], 16) - int(asked["fromBlock"], 16) + 1 > blocks:
                raise RefusedError({"code": code, "message": said})
        return forward()

    return lie


def estimating(*, part: float) -> Lie:
    """The node estimates too little gas: only a part of what the call takes."""

    def lie(method: str, _: list[Any], forward: Forward) -> Any:
        answer = forward()
        return hex(int(int(answer, 16) * part)) if method == "eth_estimateGas" else answer

    return lie


def without_finality(method: str, params: list[Any], forward: Forward) -> Any:
    """The node knows of no final block."""
    if method == "eth_getBlockByNumber" and params[0] == "finalized":
        raise RefusedError({"code": -32602, "message": "invalid block tag"})
    return forward()


def out_of_breath(*, after: int, for_questions: int) -> Lie:
    """After so many answers the node refuses a few questions for there were too many."""
    asked: list[str] = []

    def lie(method: str, _: list[Any], forward: Forward) -> Any:
        asked.append(method)
        if after < len(asked) <= after + for_questions:
            raise RefusedError({"code": -32005, "message": "daily request count exceeded, request rate limited"})
        return forward()

    return lie


def recommending(*, tip: int) -> Lie:
    """The node recommends a tip, in wei."""
    return lambda method, _, forward: hex(tip) if method == "eth_maxPriorityFeePerGas" else forward()


def stale_state(blocks: int, node: Anvil) -> Lie:
    """Contracts and nonces are looked up in the state of so many blocks ago; a newer block is unknown."""

    def lie(method: str, params: list[Any], forward: Forward) -> Any:
        if method not in {"eth_call", "eth_getTransactionCount"}:
            return forward()
        newest = int(node.rpc("eth_blockNumber"), 16) - blocks
        if params[1].startswith("0x") and int(params[1], 16) > newest:
            raise RefusedError({"code": -32000, "message": "header not found"})
        return ask(node, method, [params[0], params[1] if params[1].startswith("0x") else hex(newest)])

    return lie


def elsewhere(other: Anvil, *, checks: int) -> Lie:
    """Everything is answered by a node of another chain, but for the first so many questions which chain it is."""
    checked = []

    def lie(method: str, params: list[Any], forward: Forward) -> Any:
        if method == "eth_chainId" and len(checked) < checks:
            checked.append(method)
            return forward()
        return ask(other, method, params)

    return lie
