"""Whatever a node or the gateway before it says, a document keeps its nonce until that nonce is final.

Each lie is told between us and a real node; while it is told nothing more is signed, and after it the chain holds one.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from teleprompt.chain._context import ChainContext
from teleprompt.chain._delta_verifier_client import DeltaVerifierClient
from teleprompt.chain._eas import register_call
from teleprompt.chain._eas_client import EasClient
from teleprompt.chain.receipt import ChainState, Receipt
from teleprompt.config.chain import DeltaVerifierConfig
from teleprompt.config.settings import Settings, Web3Config
from teleprompt.errors import ChainUnavailableError, TelepromptError, UnsettledError
from tests.attest.documents import SIGNED, SIGNER_ADDRESS
from tests.chain.anvil import CHAIN_ID, RICH, Anvil
from tests.chain.gateway import (
    Gateway,
    Lie,
    RefusedError,
    all_but_nonces_behind,
    ask,
    behind,
    elsewhere,
    estimating,
    of_another_branch,
    out_of_breath,
    pending_receipts,
    refused,
    stale_state,
    succeeded,
    without_logs,
    without_receipts,
)
from tests.chain.submitting import CONFIRMATIONS, MakeClient, attestations, begin, entry, finish


@pytest.fixture
def chained(chained: Settings, gateway: Gateway) -> Settings:
    """The same, but what is asked of the node goes through the gateway."""
    return chained.model_copy(update={"web3": Web3Config(url=SecretStr(gateway.url))})


def attempt(client: EasClient) -> Receipt | None:
    """Submit; None if it was refused or did not settle."""
    try:
        return client.submit(SIGNED)
    except TelepromptError:
        return None


LIES = {
    "a-replica-2-behind-1": (lambda anvil: behind(anvil, 2), 1),
    "a-replica-5-behind-3": (lambda anvil: behind(anvil, 5), 3),
    "a-replica-14-behind-12": (lambda anvil: behind(anvil, 14), 12),
    "all-but-nonces-5-behind-3": (lambda anvil: all_but_nonces_behind(anvil, 5), 3),
    "state-2-behind-1": (lambda anvil: stale_state(2, anvil), 1),
    "no-receipts": (lambda _: without_receipts, 3),
    "no-logs": (lambda _: without_logs, 3),
    "failed-without-logs": (lambda _: refused, 3),
    "receipts-of-another-branch": (lambda _: of_another_branch, 3),
    "receipts-without-a-block": (lambda _: pending_receipts, 3),
}


@pytest.mark.parametrize(("lie", "confirmations"), LIES.values(), ids=LIES)
def test_a_document_keeps_its_nonce(
    make: MakeClient, anvil: Anvil, gateway: Gateway, lie: Callable[[Anvil], Lie], confirmations: int
) -> None:
    anvil.mine(20)
    begin(make(confirmations=confirmations))
    anvil.mine()
    gateway.lie = lie(anvil)
    for blocks in (1, confirmations, 1, 1):
        attempt(make(confirmations=confirmations))
        anvil.mine(blocks)
    assert {each.nonce for each in entry(make()).attempts} == {0}
    assert attestations(anvil, make().config.contract) == 1
    gateway.lie = None
    finish(make, anvil)
    assert anvil.rpc("eth_getTransactionCount", SIGNER_ADDRESS, "pending") == "0x1"


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Anvil]:
    """Another chain, where the same contracts are at the same addresses and the signer has sent something."""
    node = Anvil(tmp_path, chain_id=1)
    node.give(SIGNER_ADDRESS)
    _, registry = node.deploy_eas()
    node.rpc("eth_sendTransaction", {"from": RICH, "to": registry, "data": register_call(), "gas": hex(1_000_000)})
    node.rpc("anvil_impersonateAccount", SIGNER_ADDRESS)
    node.rpc("eth_sendTransaction", {"from": SIGNER_ADDRESS, "to": RICH, "value": "0x1"})
    node.mine(20)
    yield node
    node.stop()


@pytest.mark.parametrize("times", [1, 1000], ids=["flips-after-the-check", "keeps-saying-its-chain"])
def test_a_gateway_that_leads_to_another_chain(
    make: MakeClient, anvil: Anvil, gateway: Gateway, other: Anvil, times: int
) -> None:
    begin(make())
    with pytest.raises(RefusedError, match="chain id"):
        ask(other, "eth_sendRawTransaction", [entry(make()).attempts[0].raw])
    gateway.lie = elsewhere(other, checks=times)
    with pytest.raises(TelepromptError, match="of chain 1, not 31337"):
        make().submit(SIGNED)
    gateway.lie = None
    for _ in range(5):
        attempt(make())
        anvil.mine()
    assert attestations(anvil, make().config.contract) == 1
    finish(make, anvil)


def test_a_lost_outbox_before_a_replica_that_is_behind(
    make: MakeClient, anvil: Anvil, gateway: Gateway, chained: Settings
) -> None:
    anvil.mine(20)
    begin(make())
    anvil.mine()
    for file in (Path(chained.storage_uri) / "outbox").iterdir():
        file.unlink()
    gateway.lie = behind(anvil, 5)
    for _ in range(2):  # while what the signer sent is not final
        with pytest.raises(UnsettledError, match="nonce 0 that is not final and in no entry"):
            make().submit(SIGNED)
        anvil.mine()
    gateway.lie = None
    finish(make, anvil)


def test_too_little_gas_is_not_offered_twice(make: MakeClient, anvil: Anvil, gateway: Gateway) -> None:
    gateway.lie = estimating(part=0.6)
    begin(make())
    (first,) = entry(make()).attempts
    anvil.mine(CONFIRMATIONS + 3)  # it failed, and that is final
    attempt(make())
    attempt(make())
    entries = entry(make())
    assert entries.reverted == (first.tx_hash,)
    assert entries.used_up == first.gas
    assert entries.attempts[-1].gas == 2 * first.gas
    gateway.lie = None
    finish(make, anvil)


def test_a_node_that_is_asked_too_often_is_asked_again_later(make: MakeClient, anvil: Anvil, gateway: Gateway) -> None:
    begin(make())
    anvil.mine(CONFIRMATIONS)
    gateway.lie = out_of_breath(after=0, for_questions=1)
    with pytest.raises(ChainUnavailableError):  # nothing was answered at all
        make().submit(SIGNED)
    gateway.lie = None
    assert make().submit(SIGNED).state is ChainState.ON_CHAIN


def test_questions_refused_while_waiting_do_not_end_the_wait(make: MakeClient, anvil: Anvil, gateway: Gateway) -> None:
    begin(make())
    gateway.lie = out_of_breath(after=12, for_questions=9)
    with pytest.raises(UnsettledError, match=r"it is in no block|answers no more"):
        make(timeout_seconds=1).submit(SIGNED)
    assert gateway.asked.count("eth_sendRawTransaction") > 2
    gateway.lie = None
    finish(make, anvil)


def test_a_reorganisation_deeper_than_anybody_waited_for(make: MakeClient, anvil: Anvil) -> None:
    anvil.mine(5)
    begin(make())
    finish(make, anvil)
    anvil.rpc("anvil_reorg", CONFIRMATIONS + 1, [])
    anvil.rpc("anvil_dropAllTransactions")
    assert attestations(anvil, make().config.contract) == 0
    begin(make())
    finish(make, anvil)
    assert {each.nonce for each in entry(make()).attempts} == {0}


def test_what_is_only_said_to_have_succeeded_is_not_believed(anvil: Anvil, chained: Settings, gateway: Gateway) -> None:
    section = {"adapter": "delta_verifier", "chain_id": CHAIN_ID, "model_id": 7, "held_back_to": RICH}
    contract = anvil.deploy_verifier([SIGNER_ADDRESS])
    config = DeltaVerifierConfig.model_validate(
        section | {"contract": contract, "confirmations": 1, "timeout_seconds": 0.2, "deadline_days": 0.05}
    )
    own = DeltaVerifierClient(ChainContext(config, chained), config, 0)
    anvil.rpc("evm_setAutomine", False)
    with pytest.raises(UnsettledError):
        own.submit(SIGNED)
    anvil.rpc("evm_increaseTime", hex(2 * 3600))  # it is too late when it is mined
    anvil.mine(3)
    gateway.lie = succeeded
    with pytest.raises(UnsettledError, match="the contract does not hold what it made"):
        own.submit(SIGNED)
    gateway.lie = None
    assert own.read(SIGNED) is None
