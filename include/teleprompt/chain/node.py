"""One node of one chain, over JSON-RPC."""

import logging
from collections.abc import Sequence
from functools import cached_property
from statistics import median
from typing import Any

from teleprompt.chain._fees import Market
from teleprompt.chain._rpc_errors import RefusedError, answering, is_unknown_block
from teleprompt.errors import ConfigurationError
from teleprompt.records import Record

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 30.0
RECENT_BLOCKS = 20
"""How many say what gas usually costs."""

SENT_BEFORE = ("already known", "known transaction", "already imported", "nonce too low", "nonce is too low",
               "replacement transaction underpriced", "less than block base fee")  # fmt: skip
"""A node's ways to say that it has this transaction, or one in its place, or takes it when gas is cheaper: wait."""


class Block(Record):
    """A block of the chain that the node follows."""

    number: int
    block_hash: str
    timestamp: int
    """In seconds since 1970."""


class Included(Record):
    """A transaction in a block."""

    tx_hash: str
    block_number: int


class Mined(Included):
    """A transaction in a block, as its receipt tells of it."""

    block_hash: str
    succeeded: bool
    gas_used: int


class Log(Record):
    """One event of a contract."""

    address: str
    topics: tuple[str, ...]
    data: str
    tx_hash: str
    block_number: int


class Node:
    """A node, asked for one chain only.

    Raises, from each method:
        ChainUnavailableError: it does not answer.
    """

    def __init__(self, url: str, *, chain_id: int) -> None:
        self._url = url
        self.chain_id = chain_id
        self._log_blocks: int | None = None
        """How many blocks the node tells the events of at once, where it has refused more."""

    @cached_property
    def _web3(self) -> Any:
        from web3 import HTTPProvider, Web3

        for name in ("web3", "urllib3"):  # they write the node's URL, and with it a key, into their debug logs
            logging.getLogger(name).setLevel(logging.INFO)
        web3 = Web3(HTTPProvider(self._url, request_kwargs={"timeout": TIMEOUT_SECONDS}))
        with answering():
            self._expect(int(web3.eth.chain_id))
        return web3

    def check_chain(self) -> None:
        """Ask again which chain it is: a gateway may lead to another one than before.

        Raises:
            ConfigurationError: it is another one.
        """
        with answering():
            self._expect(int(self._web3.eth.chain_id))

    def _expect(self, found: int) -> None:
        if found != self.chain_id:
            raise ConfigurationError(
                f"The node is of chain {found}, not {self.chain_id}; correct `chain.chain_id` or the connection."
            )

    def has_code(self, address: str) -> bool:
        """Whether there is a contract at `address`."""
        with answering():
            return bool(self._web3.eth.get_code(address))

    def nonce(self, address: str, block: int | str) -> int:
        """Transactions that `address` had sent by the end of `block`."""
        with answering():
            return int(self._web3.eth.get_transaction_count(address, block))

    def head(self) -> int:
        """Number of the newest block."""
        with answering():
            return int(self._web3.eth.block_number)

    def finalized(self) -> int | None:
        """Number of the newest block that the chain calls final; None where the node knows of none."""
        found = self.block("finalized")
        return None if found is None else found.number

    def block(self, which: int | str) -> Block | None:
        """A block by its number or tag; None if the node has none."""
        from web3.exceptions import Web3RPCError

        with answering():
            try:
                found = self._web3.eth.get_block(which)
            except Web3RPCError as error:
                if is_unknown_block(error):
                    return None
                raise
            return Block(number=found["number"], block_hash=_hex(found["hash"]), timestamp=found["timestamp"])

    def included(self, block: int, sender: str, nonce: int) -> Included | None:
        """The transaction in a block by which `sender` used a nonce; None if the node does not show it.

        Raises:
            ConfigurationError: it was made for another chain.
        """
        from web3.exceptions import BlockNotFound

        with answering():
            try:
                found = self._web3.eth.get_block(block, full_transactions=True)["transactions"]
            except BlockNotFound:
                return None
            own = [entry for entry in found if entry["from"].lower() == sender.lower() and entry["nonce"] == nonce]
        if not own:
            return None
        self._expect(own[0].get("chainId") or self.chain_id)  # very old kinds of transactions name none
        return Included(tx_hash=_hex(own[0]["hash"]), block_number=block)

    def balance(self, address: str) -> int:
        """In wei."""
        with answering():
            return int(self._web3.eth.get_balance(address))

    def market(self) -> Market:
        """What gas costs; on a chain without a base fee (before EIP-1559) the price that the node recommends."""
        with answering():
            latest = self._web3.eth.get_block("latest")
        if latest.get("baseFeePerGas") is None:
            return self._market_of_prices(latest["number"])
        with answering():
            history = self._web3.eth.fee_history(RECENT_BLOCKS, "latest", [50])
            charged = [int(fee) for fee in history["baseFeePerGas"]]  # the last is the next block's
            tips = [int(tip) for (tip,) in history.get("reward") or [[0]]]
            recommended = int(self._web3.eth.max_priority_fee)
        return Market(
            base_fee=charged[-1],
            tip=recommended,
            usual_base_fee=int(median(charged)),
            median_tip=int(median(tips)),
        )

    def _market_of_prices(self, head: int) -> Market:
        with answering():
            recommended = int(self._web3.eth.gas_price)
            recent = range(max(0, head - RECENT_BLOCKS + 1), head + 1)
            blocks = [self._web3.eth.get_block(number, full_transactions=True) for number in recent]
        paid = [int(entry["gasPrice"]) for block in blocks for entry in block["transactions"]]
        return Market(
            base_fee=0,
            tip=recommended,
            usual_base_fee=0,
            median_tip=int(median(paid)) if paid else 0,
            has_base_fee=False,
        )

    def call(self, to: str, data: str, *, sender: str | None = None, block: int | str = "latest") -> bytes:
        """What the contract answers, in the state after `block`.

        Raises:
            RevertedError: it refuses.
        """
        transaction = {"to": to, "data": data, **({"from": sender} if sender else {})}
        with answering():
            return bytes(self._web3.eth.call(transaction, block))

    def estimate_gas(self, to: str, data: str, *, sender: str) -> int:
        """Gas that the call takes now.

        Raises:
            RevertedError: the contract refuses it.
        """
        with answering():
            return int(self._web3.eth.estimate_gas({"to": to, "data": data, "from": sender}))

    def send(self, raw: str) -> None:
        """Hand over a signed transaction; one that the node has, or whose nonce is used, is no error.

        Raises:
            ConfigurationError: the node is of another chain now.
        """
        from web3.exceptions import Web3RPCError

        self.check_chain()
        with answering():
            try:
                self._web3.eth.send_raw_transaction(raw)
            except Web3RPCError as error:
                if not any(sign in str(error).lower() for sign in SENT_BEFORE):
                    raise

    def mined(self, tx_hash: str) -> Mined | None:
        """The transaction as it stands in a block of the chain that the node follows; None if it does not."""
        from web3.exceptions import TransactionNotFound

        with answering():
            try:
                receipt = self._web3.eth.get_transaction_receipt(tx_hash)
            except TransactionNotFound:
                return None
            if receipt["blockNumber"] is None:  # some nodes have one for what is not mined yet
                return None
            return Mined(
                tx_hash=tx_hash,
                block_number=receipt["blockNumber"],
                block_hash=_hex(receipt["blockHash"]),
                succeeded=receipt["status"] == 1,
                gas_used=receipt["gasUsed"],
            )

    def logs_of(self, tx_hash: str) -> list[Log]:
        """The events of a mined transaction."""
        with answering():
            return [_log(entry) for entry in self._web3.eth.get_transaction_receipt(tx_hash)["logs"]]

    def logs(self, address: str, topics: Sequence[str | None], *, from_block: int) -> list[Log]:
        """The events of a contract with these topics, oldest first.

        Nodes limit how many blocks or events one answer may hold, each in its own words: what is refused for more than
        one block is asked for again in halves, and the length that was answered is kept for what is left.
        """
        found: list[Log] = []
        start, end = from_block, self.head()
        length = self._log_blocks or max(1, end - start + 1)
        while start <= end:
            last = min(end, start + length - 1)
            try:
                found += self._logs(address, topics, start, last)
            except RefusedError:
                if last == start:
                    raise
                length = self._log_blocks = (last - start + 1) // 2
                log.info("The node answers for no more than %d blocks at a time now.", length)
            else:
                start = last + 1
        return found

    def _logs(self, address: str, topics: Sequence[str | None], first: int, last: int) -> list[Log]:
        asked = {"address": address, "topics": list(topics), "fromBlock": first, "toBlock": last}
        with answering():
            return [_log(entry) for entry in self._web3.eth.get_logs(asked)]


def _log(entry: Any) -> Log:
    return Log(
        address=entry["address"],
        topics=tuple(_hex(item) for item in entry["topics"]),
        data=_hex(entry["data"]),
        tx_hash=_hex(entry["transactionHash"]),
        block_number=entry["blockNumber"],
    )


def _hex(value: bytes) -> str:
    return "0x" + bytes(value).hex()
