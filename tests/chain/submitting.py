"""Submitting a document again and again, as retries would, and counting what the chain holds."""

from collections.abc import Callable

import pytest

from teleprompt.attest.eas_schema import schema_uid
from teleprompt.chain._abi import topic
from teleprompt.chain._eas import ATTESTED
from teleprompt.chain._eas_client import EasClient
from teleprompt.chain.outbox import Submission
from teleprompt.chain.receipt import ChainState
from teleprompt.errors import UnsettledError
from tests.attest.documents import SIGNED
from tests.chain.anvil import Anvil

MakeClient = Callable[..., EasClient]
"""A client as each new process would open it, with changes of its section `chain`."""

CONFIRMATIONS = 3


def begin(client: EasClient) -> None:
    """Submit; the transaction waits in the node's pool when it is over."""
    with pytest.raises(UnsettledError):
        client.submit(SIGNED)


def finish(make: MakeClient, anvil: Anvil) -> None:
    """Submit again, as often as a retry would, while blocks come; there is exactly one in the end."""
    for _ in range(20):
        try:
            receipt = make().submit(SIGNED)
        except UnsettledError:
            anvil.mine()
            continue
        assert receipt.state is ChainState.ON_CHAIN
        assert attestations(anvil, make().config.contract) == 1
        return
    raise AssertionError("it did not settle")


def attestations(anvil: Anvil, contract: str) -> int:
    """How many attestations of our schema the chain holds, of any document."""
    wanted = [topic(ATTESTED), None, None, "0x" + schema_uid().hex()]
    return len(anvil.rpc("eth_getLogs", {"address": contract, "topics": wanted, "fromBlock": "0x0"}))


def entry(client: EasClient) -> Submission:
    """What the outbox holds of the document."""
    found = client.context.outbox(does="attest", attestation=SIGNED.attestation_hash).load()
    assert found is not None
    return found
