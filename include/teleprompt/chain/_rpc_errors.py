"""What a node, or something that stands in its place, answers instead of a result."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from teleprompt.chain._abi import revert_reason
from teleprompt.errors import ChainUnavailableError, TelepromptError, UnreliableNodeError

UNKNOWN_BLOCK = ("header not found", "block not found", "unknown block", "blockoutofrange", "missing trie node",
                 "state not available", "state is not available", "historical state", "pruned")  # fmt: skip
"""Nodes' ways to say that they do not have a block yet, or its state no more."""

UNKNOWN_BLOCK_CODES = (-32602, -39001)
"""Where the question is for a block: what older nodes say to the tag `finalized`."""

RATE_LIMITED = -32005

TOO_MUCH = ("more than", "block range", "response size", "results")
"""Signs that the same code is about one answer that would hold too much, and not about too many questions."""

_HEX = re.compile(r"0x([0-9a-fA-F]{2})*")


class RevertedError(TelepromptError):
    """The contract refuses the call; `data` is what it reverted with."""

    def __init__(self, data: bytes, reason: str) -> None:
        super().__init__(f"The contract refuses the call: {reason}.")
        self.data = data
        self.reason = reason


class RefusedError(TelepromptError):
    """The node refuses a request, for a reason of its own."""

    def __init__(self, said: str) -> None:
        super().__init__(f"The chain's node refuses a request ({said[:200]}); see to that, and try again.")


@contextmanager
def answering() -> Iterator[None]:
    """Turns what web3 raises into our errors.

    Raises:
        RevertedError: the contract refuses a call.
        UnreliableNodeError: the node does not have the block that it is asked about.
        ChainUnavailableError: it does not answer, or something else does, such as a proxy's page.
        RefusedError: it refuses the request.
        TelepromptError: the payer has too little of the chain's coin.
    """
    import requests
    from web3.exceptions import ContractLogicError, Web3Exception, Web3RPCError

    try:
        yield
    except ContractLogicError as error:
        data = error.data if isinstance(error.data, str) else ""
        raw = bytes.fromhex(data[2:]) if _HEX.fullmatch(data) else b""
        raise RevertedError(raw, revert_reason(raw) if raw else str(error.message or "no reason given")) from error
    except Web3RPCError as error:
        said = (error.rpc_response or {}).get("error", {})
        raise _refusal(said.get("message", "no reason given"), said.get("code"), error) from error
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


def is_unknown_block(error: Exception) -> bool:
    """Whether a node says by what web3 raised that it has no such block."""
    from web3.exceptions import BlockNotFound, Web3RPCError

    if not isinstance(error, Web3RPCError) or isinstance(error, BlockNotFound):
        return isinstance(error, BlockNotFound)
    said = (error.rpc_response or {}).get("error", {})
    return said.get("code") in UNKNOWN_BLOCK_CODES or _names_unknown_block(said.get("message", ""))


def _names_unknown_block(said: str) -> bool:
    return any(sign in said.lower() for sign in UNKNOWN_BLOCK)


def _refusal(said: str, code: object, cause: Exception) -> TelepromptError:
    if "insufficient funds" in said.lower():
        return TelepromptError("The signer cannot pay for the transaction; send its address some of the chain's coin.")
    if _names_unknown_block(said):
        return UnreliableNodeError(f"it does not have a block that it should have: {said[:200]}")
    if code == RATE_LIMITED and not any(sign in said.lower() for sign in TOO_MUCH):
        return ChainUnavailableError(cause)
    return RefusedError(said)
