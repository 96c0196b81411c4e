"""EAS on a real node, with the contracts of its own package."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from teleprompt.attest.document import Attestation
from teleprompt.attest.eas_schema import schema_uid
from teleprompt.attest.issue import serialize
from teleprompt.chain._context import ChainContext
from teleprompt.chain._eas import attest_call, attestation_uid, revoke_call
from teleprompt.chain._eas_client import EasClient
from teleprompt.chain._fees import Fees
from teleprompt.chain._transaction import Terms, sign_transaction
from teleprompt.chain.outbox import Submission, waiting_since
from teleprompt.chain.receipt import ChainState
from teleprompt.config.chain import EasConfig
from teleprompt.config.settings import Settings
from teleprompt.errors import ConfigurationError, TelepromptError, UnsettledError
from tests import REPOSITORY
from tests.attest.documents import BODY, SIGNED, SIGNER_ADDRESS
from tests.chain.anvil import CHAIN_ID, Anvil
from tests.support import ALICE, local_signer


@pytest.fixture
def eas(anvil: Anvil, chained: Settings) -> EasClient:
    contract, registry = anvil.deploy_eas()
    return client(chained, contract=contract, schema_registry=registry)


def client(settings: Settings, **changes: Any) -> EasClient:
    config = EasConfig.model_validate(
        {"adapter": "eas", "chain_id": CHAIN_ID, "contract": ALICE, "schema_registry": ALICE, "confirmations": 1}
        | changes
    )
    return EasClient(ChainContext(config, settings), config)


def test_a_dry_run_shows_the_call_and_sends_nothing(eas: EasClient, anvil: Anvil) -> None:
    before = anvil.rpc("eth_blockNumber")
    receipt = eas.show(SIGNED)
    assert (receipt.state, receipt.tx_hash) == (ChainState.DRY_RUN, None)
    assert receipt.data is not None
    assert SIGNED.attestation_hash in receipt.data
    assert anvil.rpc("eth_blockNumber") == before
    assert anvil.rpc("eth_getTransactionCount", SIGNER_ADDRESS, "latest") == "0x0"


def test_it_is_attested_once_read_back_and_revoked(eas: EasClient, anvil: Anvil) -> None:
    receipt = eas.submit(SIGNED)
    assert receipt.state is ChainState.ON_CHAIN
    assert eas.eas.is_registered()
    again = eas.submit(SIGNED)
    assert again == receipt
    assert eas.show(SIGNED) == receipt  # also a dry run finds it
    assert anvil.rpc("eth_getTransactionCount", SIGNER_ADDRESS, "latest") == "0x2"  # schema and attestation
    revoked = eas.revoke(SIGNED)
    assert (revoked.state, revoked.uid) == (ChainState.REVOKED, receipt.uid)
    assert eas.read(SIGNED) == eas.revoke(SIGNED) == revoked
    assert eas.submit(SIGNED).state is ChainState.REVOKED  # and not attested a second time


def test_another_document_has_an_attestation_of_its_own_and_no_second_schema(eas: EasClient, anvil: Anvil) -> None:
    eas.submit(SIGNED)
    other = Attestation.compose({**BODY, "timestamp": "2026-01-16T12:00:00Z"})
    assert eas.read(other) is None
    assert eas.submit(other).uid != eas.submit(SIGNED).uid
    assert anvil.rpc("eth_getTransactionCount", SIGNER_ADDRESS, "latest") == "0x3"


def test_somebody_elses_attestation_of_the_document_is_not_ours(
    eas: EasClient, anvil: Anvil, chained: Settings
) -> None:
    eas.submit(SIGNED)
    second = local_signer("22" * 32)
    other = client(
        chained.model_copy(update={"signer": second}),
        contract=eas.config.contract,
        schema_registry=eas.config.schema_registry,
    )
    anvil.give(other.context.payer.address)
    assert other.read(SIGNED) is None
    with pytest.raises(ConfigurationError, match="to revoke"):
        other.revoke(SIGNED)


def test_a_payer_sends_what_the_signer_only_signs(eas: EasClient, anvil: Anvil, chained: Settings) -> None:
    paid = client(
        chained.model_copy(update={"payer": local_signer("22" * 32)}),
        contract=eas.config.contract,
        schema_registry=eas.config.schema_registry,
    )
    payer = paid.context.payer.address
    anvil.give(payer)
    assert [signer.address for signer in paid.context.signers] == [SIGNER_ADDRESS]
    assert paid.submit(SIGNED).sender == payer
    assert anvil.rpc("eth_getTransactionCount", SIGNER_ADDRESS, "latest") == "0x0"


@pytest.fixture
def attested_twice(eas: EasClient, anvil: Anvil) -> EasClient:
    """By a sender before this one, say: a second time, by the same signer."""
    eas.submit(SIGNED)
    from_signer(anvil, eas, attest_call(SIGNED))
    anvil.mine(2)  # it is final
    return eas


def from_signer(anvil: Anvil, eas: EasClient, data: str) -> None:
    """Call the contract as the signer, past the outbox."""
    anvil.rpc("anvil_impersonateAccount", SIGNER_ADDRESS)
    sent = anvil.rpc("eth_sendTransaction", {"from": SIGNER_ADDRESS, "to": eas.config.contract, "data": data})
    anvil.mine()
    assert anvil.rpc("eth_getTransactionReceipt", sent)["status"] == "0x1"


def test_a_document_is_revoked_only_if_all_its_attestations_are(attested_twice: EasClient, anvil: Anvil) -> None:
    receipt = attested_twice.read(SIGNED)
    assert receipt is not None
    assert receipt.note == "attested 2 times, and 2 of them are valid"
    from_signer(anvil, attested_twice, revoke_call(receipt.uid or ""))
    left = attested_twice.read(SIGNED)
    assert left is not None
    assert (left.state, left.note) == (ChainState.ON_CHAIN, "attested 2 times, and 1 of them are valid")
    assert left.uid != receipt.uid


def test_all_attestations_of_a_document_are_revoked_at_once(attested_twice: EasClient, anvil: Anvil) -> None:
    revoked = attested_twice.revoke(SIGNED)
    assert (revoked.state, revoked.note) == (ChainState.REVOKED, "attested 2 times, and 0 of them are valid")
    found = attested_twice.eas.find(SIGNED.attestation_hash, SIGNER_ADDRESS)
    assert [held.is_revoked() for held, _ in found] == [True, True]
    assert attested_twice.read(SIGNED) == revoked


def test_the_script_for_strangers_sees_each_attestation(
    attested_twice: EasClient, anvil: Anvil, tmp_path: Path
) -> None:
    receipt = attested_twice.read(SIGNED)
    assert receipt is not None
    from_signer(anvil, attested_twice, revoke_call(receipt.uid or ""))
    (tmp_path / "attestation.json").write_text(serialize(SIGNED))
    script = REPOSITORY / "docs/scripts/find_on_eas.py"
    place = [anvil.url, attested_twice.config.contract, str(tmp_path / "attestation.json"), SIGNER_ADDRESS]
    command = [sys.executable, str(script), *place]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0
    assert [line.split(": ")[1].split(" ")[0] for line in found.stdout.splitlines()] == ["revoked", "valid"]


def test_what_may_still_be_attested_is_not_called_revoked(eas: EasClient, anvil: Anvil) -> None:
    call = eas.context.call(eas.config.contract, attest_call(SIGNED))
    eas.submit(SIGNED)
    anvil.mine(2)
    under_way = sign_transaction(call, Terms(9, Fees(max_fee=1, priority_fee=1), 21000), eas.context.payer)
    eas.context.outbox(does="attest", attestation=SIGNED.attestation_hash).save(
        Submission(call=call, attempts=(under_way,))
    )
    with pytest.raises(UnsettledError, match="submit it to its end"):
        eas.revoke(SIGNED)


def test_what_a_foreign_transaction_prevented_for_good_stops_no_revocation(eas: EasClient, anvil: Anvil) -> None:
    call = eas.context.call(eas.config.contract, attest_call(SIGNED))
    eas.submit(SIGNED)
    nonce = int(anvil.rpc("eth_getTransactionCount", SIGNER_ADDRESS, "latest"), 16)
    prevented = sign_transaction(call, Terms(nonce, Fees(max_fee=1, priority_fee=1), 21000), eas.context.payer)
    eas.context.outbox(does="attest", attestation=SIGNED.attestation_hash).save(
        Submission(call=call, attempts=(prevented,))
    )
    other = Attestation.compose({**BODY, "timestamp": "2026-01-16T12:00:00Z"})
    from_signer(anvil, eas, attest_call(other))  # takes the nonce
    anvil.mine(2)
    with pytest.raises(UnsettledError, match="submit it to its end"):
        eas.revoke(SIGNED)
    assert eas.submit(SIGNED).state is ChainState.REVOKED
    assert eas.revoke(SIGNED).state is ChainState.REVOKED
    assert waiting_since(eas.context.settings.storage_uri) == {}


def test_the_uid_is_known_from_the_block(eas: EasClient, anvil: Anvil) -> None:
    receipt = eas.submit(SIGNED)
    block = anvil.rpc("eth_getBlockByNumber", hex(receipt.block_number or 0), False)
    assert attestation_uid(SIGNED, SIGNER_ADDRESS, made_at=int(block["timestamp"], 16)) == receipt.uid


def test_the_wrong_chain_is_refused(chained: Settings) -> None:
    with pytest.raises(ConfigurationError, match="chain 31337, not 1"):
        client(chained, chain_id=1).show(SIGNED)


def test_an_address_without_a_contract_is_refused(chained: Settings) -> None:
    with pytest.raises(TelepromptError, match=r"no contract at .* correct `chain.contract`"):
        client(chained).submit(SIGNED)


def test_without_ether_it_says_so(eas: EasClient, anvil: Anvil) -> None:
    anvil.give(SIGNER_ADDRESS, 0)
    with pytest.raises(TelepromptError, match="cannot pay"):
        eas.submit(SIGNED)


def test_the_schemas_uid_is_known_before_it_is_registered() -> None:
    assert schema_uid().hex() == "7dc05a51f059d2c723d00c1d1674aa6810a39d63a6ab854ecaa3c767237bba94"
