"""The DeltaVerifier: a known answer, and a contract with its interface on a real node."""

import copy
import json
from typing import Any

import pytest
from eth_abi import encode
from eth_utils.abi import function_signature_to_4byte_selector
from eth_utils.crypto import keccak

from teleprompt.attest.document import Attestation
from teleprompt.chain._abi import encode_call, topic
from teleprompt.chain._context import ChainContext
from teleprompt.chain._delta_verifier import ACCEPTED, REMEDIES, DeltaVerifier, minted, refusal, submit_call
from teleprompt.chain._delta_verifier_client import DeltaVerifierClient
from teleprompt.chain._rpc_errors import RevertedError
from teleprompt.chain.mint_request import (
    MintContributor,
    MintRequest,
    basis_points,
    build_request,
    idempotency_key,
    mint_contributors,
    request_typed_data,
)
from teleprompt.chain.node import Log, Node
from teleprompt.chain.receipt import ChainState
from teleprompt.config.chain import DeltaVerifierConfig
from teleprompt.config.settings import Settings
from teleprompt.errors import ConfigurationError, TelepromptError, UnsettledError
from teleprompt.records import to_millionths
from tests.attest.documents import BODY, SIGNED, SIGNER_ADDRESS
from tests.chain.anvil import CHAIN_ID, Anvil
from tests.support import ALICE, BOB, local_signer

BASELINE, OPTIMIZED = (BODY["program"][name] for name in ("baseline_digest", "optimized_digest"))
TREASURY = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def client(settings: Settings, contract: str, *, cost: int = 0, **changes: Any) -> DeltaVerifierClient:
    config = DeltaVerifierConfig.model_validate(
        {
            "adapter": "delta_verifier",
            "chain_id": CHAIN_ID,
            "contract": contract,
            "model_id": 7,
            "confirmations": 1,
            "held_back_to": TREASURY,
        }
        | changes
    )
    return DeltaVerifierClient(ChainContext(config, settings), config, cost)


def balance(anvil: Anvil, contract: str, address: str) -> int:
    data = encode_call("balanceOf(address)", ["address"], [address])
    return int(anvil.rpc("eth_call", {"to": contract, "data": data}, "latest"), 16)


def test_a_trial_is_paid_for_what_was_shown_and_not_for_its_best_guess() -> None:
    config = DeltaVerifierConfig.model_validate(
        {
            "adapter": "delta_verifier",
            "chain_id": CHAIN_ID,
            "contract": TREASURY,
            "model_id": 7,
            "held_back_to": TREASURY,
        }
    )
    trial = {"trial_id": "a" * 64, "number": 1, "windows": 3, "level_e6": 12_500,
             "opened": {"start": "2024-01-01T00:00:00Z", "end": "2024-01-08T00:00:00Z"}}  # fmt: skip
    evidence = {**BODY["evidence"], "test": "betting_mixture", "interval": "confidence_sequence", "trial": trial}
    of_a_trial = Attestation.compose({**BODY, "evidence": evidence})
    gains = []
    for attestation in (SIGNED, of_a_trial):
        request = build_request(attestation, config, actual_cost_usd_micro=0, deadline=1)
        gains.append(request.candidate_score_bps - request.baseline_score_bps)
    assert gains == [230, 20]


def test_the_known_answer() -> None:
    request = MintRequest(
        model_id="12345678901234567890",
        pipeline_run_id="eval-2026-single",
        baseline_score_bps=7800,
        candidate_score_bps=8100,
        max_cost_usd_micro=5_000_000,
        actual_cost_usd_micro=2_340_000,
        total_samples=1000,
        benchmark_spec_hash=keccak(text="spec-single-v1").hex(),
        dataset_hash="0123456789abcdef" * 4,
        attestation_hash="d12b65d6be0c2170d427589cc027d4988031dc23356a7f83ecf476fc712bb543",
        idempotency_key="1c19c341d6c99e7e7dbd68f767cdf7d0969688fed7e3d3fdd82711b29ea69a65",
        metric_name="accuracy",
        metric_family="proportion",
        baseline_commitment="aa" * 32,
        candidate_commitment="bb" * 32,
        deadline=4_102_444_800,
        contributors=(MintContributor(address="0x742d35cc6634c0532925a3b844bc9e7595f62341", weight_bps=10_000),),
    )
    asked = request_typed_data(request, chain_id=31337, contract="0x" + "11" * 20)
    assert asked.digest.hex() == "283623bbca1721c278ed4699a8b91003da9cc6a5a4d50dd64e18b00558c31e9a"
    assert idempotency_key(request.model_id, request.attestation_hash) == request.idempotency_key
    assert submit_call(request, []).startswith("0xaf829f8e")


@pytest.mark.parametrize(
    ("score", "points"), [(0.5, 5000), (0.00005, 0), (0.00015, 2), (0.123456, 1235), (1.0, 10_000)]
)
def test_scores_are_rounded_half_even(score: float, points: int) -> None:
    assert basis_points(to_millionths(score)) == points


def test_it_is_minted_once_and_the_receipt_says_how_much(anvil: Anvil, chained: Settings) -> None:
    contract = anvil.deploy_verifier([SIGNER_ADDRESS], tokens=10**18)
    own = client(chained, contract)
    shown = own.show(SIGNED)
    assert (shown.state, shown.tx_hash) == (ChainState.DRY_RUN, None)
    receipt = own.submit(SIGNED)
    assert (receipt.state, receipt.note) == (ChainState.ON_CHAIN, "minted")
    assert receipt.reward == shown.reward == str(230 * 10**18 // 100)
    assert own.submit(SIGNED) == own.show(SIGNED) == receipt
    paid = [balance(anvil, contract, address) for address in (ALICE, BOB, TREASURY)]
    assert sum(paid) == int(receipt.reward or "0")
    assert [round(part / sum(paid), 3) for part in paid] == [0.7, 0.2, 0.1]


def test_a_success_that_mints_nothing_is_reported_as_that(anvil: Anvil, chained: Settings) -> None:
    below = client(chained, anvil.deploy_verifier([SIGNER_ADDRESS], minimum=500))
    assert below.submit(SIGNED).note.startswith("taken, but it mints 0: the gain is below")
    dear = client(chained, anvil.deploy_verifier([SIGNER_ADDRESS]), cost=2_000_000, max_cost_usd=1)
    assert dear.submit(SIGNED).note.startswith("taken, but it mints 0: compiling cost more")
    assert dear.submit(SIGNED).reward == "0"


def head(anvil: Anvil, contract: str) -> str:
    data = encode_call("currentModelHead(uint256)", ["uint256"], [7])
    return str(anvil.rpc("eth_call", {"to": contract, "data": data}, "latest"))[2:]


def test_the_lineage_goes_on_from_what_was_compared_with(anvil: Anvil, chained: Settings) -> None:
    contract = anvil.deploy_verifier([SIGNER_ADDRESS], head=BASELINE)
    own = client(chained, contract)
    assert "is named as its parent" not in own.show(SIGNED).note
    own.submit(SIGNED)
    assert head(anvil, contract) == OPTIMIZED


def test_what_mints_nothing_does_not_move_the_head(anvil: Anvil, chained: Settings) -> None:
    contract = anvil.deploy_verifier([SIGNER_ADDRESS], head=BASELINE, minimum=500)
    client(chained, contract).submit(SIGNED)
    assert head(anvil, contract) == BASELINE


def test_another_head_is_named_as_the_parent_and_said(anvil: Anvil, chained: Settings) -> None:
    contract = anvil.deploy_verifier([SIGNER_ADDRESS], head="ab" * 32)
    shown = client(chained, contract).show(SIGNED)
    assert f"head 0x{'ab' * 8}… is named as its parent, though it was compared with 0x{BASELINE[:16]}…" in shown.note
    assert client(chained, contract).submit(SIGNED).note == "minted"
    assert head(anvil, contract) == OPTIMIZED


def test_who_insists_on_what_was_compared_is_refused_where_that_is_not_the_head(
    anvil: Anvil, chained: Settings
) -> None:
    own = client(chained, anvil.deploy_verifier([SIGNER_ADDRESS], head="ab" * 32), parent="compared")
    with pytest.raises(TelepromptError, match=rf"LineageParentMismatch\(7, 0x{'ab' * 32}, 0x{BASELINE}\)\); another"):
        own.submit(SIGNED)


def test_a_lineage_without_a_beginning_is_said_before_anything_is_signed(anvil: Anvil, chained: Settings) -> None:
    own = client(chained, anvil.deploy_verifier([SIGNER_ADDRESS], head=""))
    for attempt in (own.show, own.submit):
        with pytest.raises(TelepromptError, match=r"LineageNotSeeded\(7\)\); let the owner"):
            attempt(SIGNED)
    assert anvil.rpc("eth_getTransactionCount", SIGNER_ADDRESS, "latest") == "0x0"


def test_a_contract_without_lineage_has_no_head(anvil: Anvil) -> None:
    contract, _ = anvil.deploy_eas()
    assert DeltaVerifier(Node(anvil.url, chain_id=CHAIN_ID), contract).head("7") is None


def test_a_budget_that_is_used_up_is_named_with_the_way_out(anvil: Anvil, chained: Settings) -> None:
    contract = anvil.deploy_verifier([SIGNER_ADDRESS])
    anvil.transact(contract, encode_call("setBudget(uint256)", ["uint256"], [5]))
    with pytest.raises(TelepromptError, match=r"MintBudgetExceeded\(7, \d+, 5\)\); let the contract's admin top up"):
        client(chained, contract).submit(SIGNED)


def test_each_error_of_the_contract_is_shown_by_its_name_with_a_remedy() -> None:
    for signature, remedy in REMEDIES.items():
        name, _, types = signature.rstrip(")").partition("(")
        kinds = types.split(",") if types else []
        values = [{"uint256": 1, "address": ALICE, "bytes32": b"\1" * 32, "string": "x"}[kind] for kind in kinds]
        said = refusal(RevertedError(function_signature_to_4byte_selector(signature) + encode(kinds, values), ""))
        assert said.startswith(f"The DeltaVerifier refuses the request ({name}(")
        assert said.endswith(f"; {remedy}.")


def test_the_benchmark_is_named_as_the_contracts_own_clients_name_it() -> None:
    config = {"adapter": "delta_verifier", "chain_id": 1, "contract": TREASURY, "model_id": 7, "held_back_to": TREASURY}
    named = DeltaVerifierConfig.model_validate({**config, "benchmark_spec_id": "spec-single-v1"})
    request = build_request(SIGNED, named, actual_cost_usd_micro=0, deadline=1)
    assert request.benchmark_spec_hash == keccak(text="spec-single-v1").hex()


def test_a_request_that_expired_on_its_way_is_made_anew(
    anvil: Anvil, chained: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = anvil.deploy_verifier([SIGNER_ADDRESS], tokens=10**18)
    own = client(chained, contract, timeout_seconds=0.2, deadline_days=0.05)
    anvil.rpc("evm_setAutomine", False)
    with pytest.raises(UnsettledError):
        own.submit(SIGNED)
    anvil.rpc("evm_increaseTime", hex(2 * 3600))
    anvil.mine()
    with pytest.raises(TelepromptError, match="SignatureExpired"):
        own.submit(SIGNED)
    anvil.mine(2)  # it keeps its nonce until that failure is final
    anvil.rpc("evm_setAutomine", True)
    monkeypatch.setattr(
        "teleprompt.chain._delta_verifier_client.deadline_of", lambda now, _: int(now.timestamp()) + 9000
    )
    receipt = client(chained, contract).submit(SIGNED)
    assert (receipt.state, receipt.note) == (ChainState.ON_CHAIN, "minted")


def test_so_many_attesters_as_the_contract_asks_for_sign(anvil: Anvil, chained: Settings) -> None:
    others = tuple(local_signer(f"{i}{i}" * 32) for i in (2, 3))
    several = chained.model_copy(update={"cosigners": others})
    attesters = [signer.address for signer in client(several, ALICE).context.signers]
    contract = anvil.deploy_verifier(attesters, threshold=3)
    with pytest.raises(TelepromptError, match=r"InsufficientAttesterSignatures\(1, 3\)\); name more `cosigners`"):
        client(chained, contract).submit(SIGNED)
    assert client(several, contract).submit(SIGNED).note == "minted"


@pytest.mark.parametrize(
    ("attester", "changes", "problem"),
    [
        (SIGNER_ADDRESS, {"model_id": 8}, r"Model not registered\); register the model"),
        (ALICE, {}, "SignerNotAttester"),
        (SIGNER_ADDRESS, {"chain_id": 5}, "chain 31337, not 5"),
        (SIGNER_ADDRESS, {"held_back_to": None}, "walk-in is credited but has no address"),
    ],
)
def test_what_would_be_refused_is_not_begun(
    anvil: Anvil, chained: Settings, attester: str, changes: dict[str, Any], problem: str
) -> None:
    own = client(chained, anvil.deploy_verifier([attester]), **changes)
    for attempt in (own.show, own.submit):
        with pytest.raises(TelepromptError, match=problem):
            attempt(SIGNED)
    assert anvil.rpc("eth_getTransactionCount", SIGNER_ADDRESS, "latest") == "0x0"


def test_a_contract_with_another_digest_is_not_signed_for(anvil: Anvil, chained: Settings) -> None:
    own = client(chained, anvil.deploy_verifier([SIGNER_ADDRESS]))
    # Answers every call with 32 zero bytes.
    anvil.rpc("anvil_setCode", own.config.contract, "0x60206000f3")
    with pytest.raises(TelepromptError, match="of another version, so nothing is signed"):
        own.submit(SIGNED)


def people(count: int) -> Attestation:
    body = copy.deepcopy(BODY)
    weights = [1_000_000 // count + (1 if i < 1_000_000 % count else 0) for i in range(count)]
    body["contributors"] = [
        {
            "contributor_id": f"c{i:03}",
            "address": None,
            "weight": weight / 1e6,
            "trace_count": 1,
            "quarantine": "no_address",
        }
        for i, weight in enumerate(weights)
    ]
    for i, person in enumerate(body["contributors"]):
        person["address"] = _address(i)
    body["weighting_method"] = None
    body["credit"] = None
    body["optimization_metadata"]["trace_count"] = count
    body["data"] = None
    return Attestation.compose(body)


def _address(i: int) -> str:
    from eth_utils.address import to_checksum_address

    return str(to_checksum_address("0x" + (i + 1).to_bytes(20).hex()))


def test_weights_sum_to_ten_thousand_and_nobody_falls_to_nothing() -> None:
    for count in (1, 3, 7, 100):
        weights = [c.weight_bps for c in mint_contributors(people(count), None)]
        assert sum(weights) == 10_000
        assert min(weights) >= 1
    with pytest.raises(ConfigurationError, match="101 contributors cannot be paid by one request"):
        mint_contributors(people(101), None)


def test_a_share_that_the_attestation_says_to_divide_goes_to_nobody() -> None:
    body = json.loads(json.dumps(BODY))
    body["credit"]["unpayable"] = "share"
    with pytest.raises(ConfigurationError, match="walk-in is credited but has no address"):
        mint_contributors(Attestation.compose(body), None)  # it has two: to divide it would pay who wrote the second
    body["contributors"][2]["quarantine"] = "no_address"
    weights = {c.address: c.weight_bps for c in mint_contributors(Attestation.compose(body), None)}
    assert weights == {ALICE: 7778, BOB: 2222}


def test_what_another_request_in_the_same_transaction_minted_is_not_ours() -> None:
    def event(key: str, reward: int) -> Log:
        types = ["bytes32", "bytes32", "string", "string", "uint256", "uint256", "uint256", "string"]
        data = encode(types, [b"", b"", "m", "f", 1, 2, reward, "ok"])
        topics = (topic(ACCEPTED), "0x" + "0" * 64, f"0x{key}")
        return Log(address=ALICE, topics=topics, data=f"0x{data.hex()}", tx_hash="0x1", block_number=1)

    logs = [event("a" * 64, 999), event("b" * 64, 5)]
    assert minted(logs, ALICE, key="b" * 64, run_id="r").reward == "5"
    assert minted(logs, ALICE, key="c" * 64, run_id="r").note == "taken, but the contract reported nothing"
