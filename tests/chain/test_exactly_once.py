"""The fault matrix: whatever goes wrong on the way, the chain holds exactly one attestation in the end.

Each fault is made on a real node, with a real transaction; only crashes are made by raising where a process would die.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from teleprompt.attest.document import Attestation
from teleprompt.chain._context import ChainContext
from teleprompt.chain._eas_client import EasClient
from teleprompt.chain._sender import Sender
from teleprompt.chain.node import Node
from teleprompt.chain.outbox import Outbox
from teleprompt.chain.receipt import ChainState
from teleprompt.config.settings import Settings
from teleprompt.errors import ChainUnavailableError, TelepromptError, UnsettledError
from teleprompt.registry.lock import Lease
from tests.attest.documents import BODY, SIGNED, SIGNER_ADDRESS
from tests.chain.anvil import RICH, Anvil
from tests.chain.submitting import CONFIRMATIONS, MakeClient, attestations, begin, entry, finish
from tests.support import local_signer


class CrashError(BaseException):
    """The process dies here."""


def crash_in(monkeypatch: pytest.MonkeyPatch, owner: type, method: str, *, when: str, call: int = 1) -> None:
    """Die before or after the `call`-th call of a method."""
    real, seen = getattr(owner, method), []

    def dying(self: Any, *args: Any) -> Any:
        seen.append(1)
        if len(seen) == call and when == "before":
            raise CrashError
        result = real(self, *args)
        if len(seen) == call:
            raise CrashError
        return result

    monkeypatch.setattr(owner, method, dying)


@pytest.mark.parametrize(
    ("owner", "method", "when", "call"),
    [
        pytest.param(Outbox, "save", "before", 1, id="before-the-transaction-is-written-down"),
        pytest.param(Sender, "_sign", "after", 1, id="after-signing"),
        pytest.param(Outbox, "save", "after", 1, id="after-the-transaction-is-written-down"),
        pytest.param(Node, "send", "after", 1, id="after-sending"),
        pytest.param(Node, "mined", "after", 2, id="while-waiting"),
    ],
)
def test_a_crash(
    make: MakeClient,
    anvil: Anvil,
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    method: str,
    when: str,
    call: int,
) -> None:
    with monkeypatch.context() as patch:
        crash_in(patch, owner, method, when=when, call=call)
        with pytest.raises(CrashError):
            make(timeout_seconds=10).submit(SIGNED)
    finish(make, anvil)


def test_a_crash_after_it_was_mined(make: MakeClient, anvil: Anvil) -> None:
    begin(make())
    anvil.mine(CONFIRMATIONS)
    finish(make, anvil)


def test_the_same_bytes_are_sent_again(make: MakeClient, anvil: Anvil) -> None:
    begin(make())
    first = entry(make())
    begin(make())
    assert entry(make()) == first
    assert len(first.attempts) == 1
    finish(make, anvil)


def test_a_lost_outbox(make: MakeClient, anvil: Anvil, chained: Settings) -> None:
    begin(make())
    anvil.mine()
    for file in (Path(chained.storage_uri) / "outbox").iterdir():
        file.unlink()
    finish(make, anvil)


def test_an_unreadable_outbox_stops_everything(make: MakeClient, chained: Settings) -> None:
    begin(make())
    for file in (Path(chained.storage_uri) / "outbox").iterdir():
        file.write_text("{}")
    with pytest.raises(TelepromptError, match="restore it from the storage's backup before anything is sent"):
        make().submit(SIGNED)


def test_a_node_that_is_away(make: MakeClient, anvil: Anvil) -> None:
    begin(make())
    anvil.stop()
    with pytest.raises(ChainUnavailableError):
        make().submit(SIGNED)
    anvil.start()
    anvil.rpc("evm_setAutomine", False)
    finish(make, anvil)  # the pool was lost with the node: it is sent again


def test_a_dropped_transaction(make: MakeClient, anvil: Anvil) -> None:
    begin(make())
    anvil.rpc("anvil_dropTransaction", entry(make()).attempts[0].tx_hash)
    finish(make, anvil)


def test_a_stuck_transaction_is_replaced_with_higher_fees(make: MakeClient, anvil: Anvil) -> None:
    begin(make())
    anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(10 * entry(make()).attempts[0].fees.max_fee))
    anvil.mine()  # it does not offer enough for this block
    begin(make(replace_after_seconds=0.001))
    attempts = entry(make()).attempts
    assert len(attempts) >= 2
    assert {attempt.nonce for attempt in attempts} == {attempts[0].nonce}
    for before, after in pairwise(attempts):
        assert after.fees.max_fee * 10 >= before.fees.max_fee * 11
        assert after.fees.priority_fee * 10 >= before.fees.priority_fee * 11
    finish(make, anvil)


def test_fees_stay_below_the_limit(make: MakeClient, anvil: Anvil) -> None:
    begin(make(max_fee_gwei=3, replace_after_seconds=0.001))
    assert all(attempt.fees.max_fee <= 3 * 10**9 for attempt in entry(make()).attempts)
    finish(make, anvil)


@pytest.mark.parametrize("depth", [1, 5])
def test_a_reorganisation(make: MakeClient, anvil: Anvil, depth: int) -> None:
    anvil.mine(6)
    deep = {"confirmations": 8}
    begin(make(**deep))
    anvil.mine(depth)
    begin(make(**deep))
    assert attestations(anvil, make().config.contract) == 1
    anvil.rpc("anvil_reorg", depth, [])
    for attempt in entry(make()).attempts:
        anvil.rpc("anvil_dropTransaction", attempt.tx_hash)
    assert attestations(anvil, make().config.contract) == 0
    finish(make, anvil)


def test_a_nonce_taken_by_somebody_else(make: MakeClient, anvil: Anvil) -> None:
    begin(make())
    ours = entry(make()).attempts[0]
    anvil.rpc("anvil_dropTransaction", ours.tx_hash)
    anvil.rpc("anvil_impersonateAccount", SIGNER_ADDRESS)
    anvil.rpc("eth_sendTransaction", {"from": SIGNER_ADDRESS, "to": RICH, "value": "0x1", "nonce": hex(ours.nonce)})
    anvil.mine()
    begin(make())
    assert len(entry(make()).attempts) == 1  # not while the other one may still go away
    anvil.mine(CONFIRMATIONS)
    begin(make())
    assert [attempt.nonce for attempt in entry(make()).attempts] == [ours.nonce, ours.nonce + 1]
    finish(make, anvil)


def test_two_documents_at_once_take_a_nonce_each(make: MakeClient, anvil: Anvil) -> None:
    begin(make())
    other = Attestation.compose({**BODY, "timestamp": "2026-01-16T12:00:00Z"})
    with pytest.raises(UnsettledError):
        make().submit(other)
    anvil.mine(CONFIRMATIONS)
    assert make().submit(SIGNED).uid != make().submit(other).uid
    assert attestations(anvil, make().config.contract) == 2


def test_another_signer_does_not_go_on_with_what_the_first_began(
    make: MakeClient, anvil: Anvil, chained: Settings
) -> None:
    begin(make())
    second = chained.model_copy(update={"signer": local_signer("22" * 32)})
    config = make().config
    with pytest.raises(TelepromptError, match="go on with the first one"):
        EasClient(ChainContext(config, second), config).submit(SIGNED)
    finish(make, anvil)


def test_two_processes_with_the_same_document_sign_once(make: MakeClient, anvil: Anvil) -> None:
    with ThreadPoolExecutor(2) as pool:
        begun = [pool.submit(begin, make(timeout_seconds=1)) for _ in range(2)]
    for one in begun:
        one.result()
    assert len(entry(make()).attempts) == 1
    finish(make, anvil)


def test_a_lock_that_was_lost(make: MakeClient, anvil: Anvil, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first process sleeps with the lock in its hand; the second takes it away, and sends."""
    real, asked = Node.nonce, []

    def nonce(self: Node, address: str, block: int | str) -> int:
        if block == "pending" and not asked:
            asked.append(block)
            begin(make())
        return real(self, address, block)

    monkeypatch.setattr(Node, "nonce", nonce)
    monkeypatch.setattr("teleprompt.chain._context.registry_lock", lambda *_, **_named: nullcontext(Mock(Lease)))
    begin(make())
    assert len(entry(make()).attempts) == 1
    finish(make, anvil)


def test_what_was_done_is_not_done_again_by_a_node_that_forgot(
    make: MakeClient, anvil: Anvil, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(make())
    finish(make, anvil)
    monkeypatch.setattr(Node, "mined", lambda *_: None)
    assert make().submit(SIGNED).state is ChainState.ON_CHAIN
    anvil.mine()
    assert attestations(anvil, make().config.contract) == 1


def test_what_somebody_else_did_counts_only_while_it_is_there(
    make: MakeClient, anvil: Anvil, chained: Settings
) -> None:
    begin(make())
    anvil.mine()
    for file in (Path(chained.storage_uri) / "outbox").iterdir():
        file.unlink()
    anvil.mine(3)
    patient = {"confirmations": 8}
    begin(make(**patient))  # found, but not confirmed
    anvil.rpc("anvil_reorg", 4, [])
    anvil.rpc("anvil_dropAllTransactions")
    anvil.mine(8)
    begin(make(**patient))
    assert len(entry(make()).attempts) == 1  # it is gone, so it is made again
    finish(make, anvil)
