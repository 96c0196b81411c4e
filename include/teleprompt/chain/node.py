"""One node of one chain, over JSON-RPC."""

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from include.teleprompt.chain.abi import revert_reason
from include.teleprompt.errors import ChainUnavailableError, ConfigurationError, TelepromptError
from include.teleprompt.records import Record

TIMEOUT_SECONDS = 30.0
SENT_BEFORE = ("already known", "known transaction", "already imported", "nonce too low", "nonce is too low",
               "replacement transaction underpriced")  # fmt: skip
"""A node's ways to say that it has this transaction, or one in its place: look for the receipt."""


_NO_ANSWER = (TimeoutError, ValueError, LookupError, TypeError, AttributeError)
"""What web3 raises where something else than a node answers, such as a proxy's page."""

_HEX = re.compile(r"0x([0-9a-fA-F]{2})*")


class Mined(Record):
    """A transaction in a block."""

    tx_hash: str
    block_number: int
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


class Fees(Record):
    """What a transaction offers per unit of gas, in wei."""

    max_fee: int
    priority_fee: int


class RevertedError(TelepromptError):
    """The contract refuses the call; `data` is what it reverted with."""

    def __init__(self, data: bytes, reason: str) -> None:
        super().__init__(f"The contract refuses the call: {reason}.")
        self.data = data


class Node:
    """A node, asked for one chain only.

    Raises, from each method:
        ChainUnavailableError: it does not answer.
    """

    def __init__(self, url: str, *, chain_id: int) -> None:
        self._url = url
        self.chain_id = chain_id

    @cached_property
    def _web3(self) -> Any:
        from web3 import HTTPProvider, Web3

        for name in ("web3", "urllib3"):  # they write the node's URL, and with it a key, into their debug logs
            logging.getLogger(name).setLevel(logging.INFO)
        web3 = Web3(HTTPProvider(self._url, request_kwargs={"timeout": TIMEOUT_SECONDS}))
        with _answering():
            found = int(web3.eth.chain_id)
        if found != self.chain_id:
            raise ConfigurationError(
                f"The node is of chain {found}, not {self.chain_id}; correct `chain.chain_id` or the connection."
            )
        return web3

    def has_code(self, address: str) -> bool:
        """Whether there is a contract at `address`."""
        with _answering():
            return bool(self._web3.eth.get_code(address))

    def nonce(self, address: str, block: int | str) -> int:
        """Transactions that `address` had sent by the end of `block`."""
        with _answering():
            return int(self._web3.eth.get_transaction_count(address, block))

    def head(self) -> int:
        """Number of the newest block."""
        with _answering():
            return int(self._web3.eth.block_number)

    def finalized(self) -> int:
        """Number of the newest block that the chain calls final."""
        with _answering():
            return int(self._web3.eth.get_block("finalized")["number"])

    def now(self) -> int:
        """Time of the newest block, in seconds since 1970."""
        with _answering():
            return int(self._web3.eth.get_block("latest")["timestamp"])

    def balance(self, address: str) -> int:
        """In wei."""
        with _answering():
            return int(self._web3.eth.get_balance(address))

    def fees(self) -> Fees:
        """What gets a transaction into one of the next blocks: twice the base fee, and the usual tip."""
        with _answering():
            base = int(self._web3.eth.get_block("latest").get("baseFeePerGas", 0))
            tip = int(self._web3.eth.max_priority_fee)
        return Fees(max_fee=2 * base + tip, priority_fee=tip)

    def call(self, to: str, data: str, *, sender: str | None = None) -> bytes:
        """What the contract answers.

        Raises:
            RevertedError: it refuses.
        """
        transaction = {"to": to, "data": data, **({"from": sender} if sender else {})}
        with _answering():
            return bytes(self._web3.eth.call(transaction))

    def estimate_gas(self, to: str, data: str, *, sender: str) -> int:
        """Gas that the call takes now.

        Raises:
            RevertedError: the contract refuses it.
        """
        with _answering():
            return int(self._web3.eth.estimate_gas({"to": to, "data": data, "from": sender}))

    def send(self, raw: str) -> None:
        """Hand over a signed transaction; one that the node has, or whose nonce is used, is no error."""
        from web3.exceptions import Web3RPCError

        with _answering():
            try:
                self._web3.eth.send_raw_transaction(raw)
            except Web3RPCError as error:
                if not any(sign in str(error).lower() for sign in SENT_BEFORE):
                    raise

    def mined(self, tx_hash: str) -> Mined | None:
        """The transaction as it stands in a block of the chain that the node follows; None if it does not."""
        from web3.exceptions import TransactionNotFound

        with _answering():
            try:
                receipt = self._web3.eth.get_transaction_receipt(tx_hash)
            except TransactionNotFound:
                return None
        return Mined(
            tx_hash=tx_hash,
            block_number=receipt["blockNumber"],
            block_hash="0x" + bytes(receipt["blockHash"]).hex(),
            succeeded=receipt["status"] == 1,
            gas_used=receipt["gasUsed"],
        )

    def logs_of(self, tx_hash: str) -> list[Log]:
        """The events of a mined transaction."""
        with _answering():
            return [_log(entry) for entry in self._web3.eth.get_transaction_receipt(tx_hash)["logs"]]

    def logs(self, address: str, topics: Sequence[str | None], *, from_block: int) -> list[Log]:
        """The events of a contract with these topics, oldest first."""
        with _answering():
            found = self._web3.eth.get_logs({"address": address, "topics": list(topics), "fromBlock": from_block})
        return [_log(entry) for entry in found]


@contextmanager
def _answering() -> Iterator[None]:
    """Turns what web3 raises into our errors."""
    import requests
    from web3.exceptions import ContractLogicError, Web3Exception, Web3RPCError

    try:
        yield
    except ContractLogicError as error:
        data = error.data if isinstance(error.data, str) else ""
        raw = bytes.fromhex(data[2:]) if _HEX.fullmatch(data) else b""
        raise RevertedError(raw, revert_reason(raw) if raw else str(error.message or "no reason given")) from error
    except Web3RPCError as error:
        said = (error.rpc_response or {}).get("error", {}).get("message", "no reason given")
        if "insufficient funds" in said.lower():
            raise TelepromptError(
                "The signer cannot pay for the transaction; send its address some of the chain's coin."
            ) from error
        raise TelepromptError(
            f"The chain's node refuses a request ({said[:200]}); see to that, and try again."
        ) from error
    except (
        requests.RequestException,
        Web3Exception,
        TimeoutError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
    ) as e:
        raise ChainUnavailableError(e) from None  # the cause's text holds the node's URL, and with it a key


def _log(entry: Any) -> Log:
    return Log(
        address=entry["address"],
        topics=tuple("0x" + bytes(item).hex() for item in entry["topics"]),
        data="0x" + bytes(entry["data"]).hex(),
        tx_hash="0x" + bytes(entry["transactionHash"]).hex(),
        block_number=entry["blockNumber"],
    )
