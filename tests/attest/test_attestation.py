"""Composing, signing and verifying documents, and refusing changed ones."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from teleprompt import OptimizationAttestationService
from teleprompt.attest.codes import Code
from teleprompt.attest.document import Attestation, content_hash, content_id
from teleprompt.attest.issue import serialize
from teleprompt.attest.signing import sign, typed_data_of
from teleprompt.attest.verify import Level, verify_attestation
from teleprompt.errors import ConfigurationError
from teleprompt.signing.recover import recover_address
from teleprompt.signing.signer import open_signer
from tests.attest.documents import BODY, DOCUMENT, SIGNED, SIGNER, SIGNER_ADDRESS
from tests.support import ALICE, BOB, local_signer


def leaves(value: Any, path: tuple = ()) -> Iterator[tuple]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from leaves(inner, (*path, key))
    if not isinstance(value, (dict, list)):
        yield path


def changed(document: dict, path: tuple, value: Any) -> dict:
    result = copy.deepcopy(document)
    place = result
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return result


def rehashed(document: dict) -> bytes:
    """The document as a forger without a key would write it: consistent hash and id, no proof."""
    forged = {k: v for k, v in document.items() if k not in {"proof", "attestation_hash", "attestation_id"}}
    forged["attestation_id"] = content_id(forged)
    forged["attestation_hash"] = content_hash(forged)
    return json.dumps(forged).encode()


def code(data: bytes | dict, **options: Any) -> Code:
    return verify_attestation(json.dumps(data).encode() if isinstance(data, dict) else data, **options).code


def test_a_signed_document_is_valid_and_names_its_signer() -> None:
    result = verify_attestation(serialize(SIGNED).encode(), trusted_signers=[SIGNER_ADDRESS])
    assert (result.valid, result.level, result.code, result.signers) == (True, Level.SIGNED, Code.OK, (SIGNER_ADDRESS,))


def test_the_same_facts_give_the_same_bytes() -> None:
    assert serialize(sign(Attestation.compose(copy.deepcopy(BODY)), [SIGNER])) == serialize(SIGNED)


def test_white_space_and_key_order_are_no_changes() -> None:
    reordered = dict(reversed(DOCUMENT.items()))
    assert code(json.dumps(reordered, indent=7).encode()) is Code.OK


@pytest.mark.parametrize("path", list(leaves(DOCUMENT)), ids=lambda path: ".".join(map(str, path)))
@given(data=st.data())
def test_any_change_of_any_leaf_is_refused(path: tuple, data: st.DataObject) -> None:
    original = DOCUMENT
    for key in path:
        original = original[key]
    other = data.draw(
        st.one_of(
            st.none(), st.booleans(), st.integers(-(10**6), 10**6), st.floats(allow_nan=False, allow_infinity=False),
            st.text(max_size=10), st.just([]), st.just({}), st.just(f"{original}0"), st.just(str(original).upper()),
        )
    )  # fmt: skip
    if other == original and isinstance(other, bool) is isinstance(original, bool):
        return  # 1 and 1.0 are one number in JSON
    assert code(changed(DOCUMENT, path, other)) is not Code.OK


@pytest.mark.parametrize(
    "section", [(), ("model_info",), ("performance",), ("evidence",), ("contributors", 0), ("proof",)]
)
def test_added_and_removed_keys_are_refused(section: tuple) -> None:
    place = DOCUMENT
    for key in section:
        place = place[key]
    for key in place:
        if (*section, key) == ("proof",):
            continue  # without its proof the document is hash-only, see below
        without = copy.deepcopy(DOCUMENT)
        inner = without
        for part in section:
            inner = inner[part]
        del inner[key]
        assert code(without) is not Code.OK
    assert code(changed(DOCUMENT, (*section, "extra"), 1)) is Code.BAD_SCHEMA


def test_without_proof_it_is_hash_only_and_a_required_signature_is_missed() -> None:
    stripped = {k: v for k, v in DOCUMENT.items() if k != "proof"}
    assert verify_attestation(json.dumps(stripped).encode()).level is Level.HASH_ONLY
    assert code(stripped, require_signature=True) is Code.SIGNATURE_MISSING
    assert code(stripped, trusted_signers=[SIGNER_ADDRESS]) is Code.SIGNATURE_MISSING


def test_trusted_signers_come_from_the_verifier() -> None:
    assert code(DOCUMENT, trusted_signers=[ALICE]) is Code.SIGNER_UNTRUSTED
    with pytest.raises(ConfigurationError, match="Trusted signer"):
        code(DOCUMENT, trusted_signers=["0x1"])


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("performance", "performance_delta"), 0.024, Code.DELTA_MISMATCH),
        (("performance", "baseline_metrics"), {}, Code.DELTA_MISMATCH),
        (("performance", "deltaone_achieved"), False, Code.BELOW_THRESHOLD),
        (("evidence", "delta_e6"), 24_000, Code.EVIDENCE_MISMATCH),
        (("evidence", "n"), 99, Code.EVIDENCE_MISMATCH),
        (("evidence", "n_groups"), 101, Code.EVIDENCE_MISMATCH),
        (("evidence", "ci_high_e6"), 1_000, Code.EVIDENCE_MISMATCH),
        (("evidence", "ci_low_e6"), 10_000, Code.EVIDENCE_MISMATCH),
        (("evidence", "test"), "mcnemar_exact", Code.EVIDENCE_MISMATCH),
        (("evidence", "test"), "astrology", Code.BAD_SCHEMA),
        (("evidence", "p_value_e6"), -1, Code.BAD_SCHEMA),
        (("evidence", "confidence_e6"), 0, Code.BAD_SCHEMA),
        (("evidence", "threshold_e6"), -1_000_000, Code.BAD_SCHEMA),
        (("performance", "baseline_metrics", "other"), 0.5, Code.DELTA_MISMATCH),
        (("optimization_metadata", "date_range", "end"), "2026-01-01T00:00:00Z", Code.BAD_DATES),
        (("model_info", "baseline_version"), "1.0.0-opt-bfs-20260115120000", Code.SAME_PROGRAM),
        (("program", "baseline_digest"), "d" * 64, Code.SAME_PROGRAM),
        (("contributors",), [], Code.BAD_SCHEMA),
        (("evidence",), None, Code.BAD_SCHEMA),
        (("evidence", "claim"), "proven", Code.EVIDENCE_MISMATCH),
        (("evidence", "p_value_e6"), 60_000, Code.EVIDENCE_MISMATCH),
        (("contributors", 0, "weight"), 0.6, Code.WEIGHTS_SUM),
        (("contributors", 0, "contributor_id"), "bob", Code.DUPLICATE_CONTRIBUTOR),
        (("contributors", 0, "address"), BOB, Code.DUPLICATE_CONTRIBUTOR),
        (("contributors", 0, "trace_count"), 1, Code.WEIGHTS_SUM),
        (("optimization_metadata", "trace_count"), 14_999, Code.COUNT_MISMATCH),
        (("contributors", 0, "used", "gate"), 3_999, Code.COUNT_MISMATCH),
        (("contributors", 0, "used", "demos"), 4_501, Code.COUNT_MISMATCH),
        (("data", "traces_count"), 14_999, Code.COUNT_MISMATCH),
        (("contributors", 2, "quarantine"), None, Code.BAD_SCHEMA),
        (("contributors", 1, "address"), None, Code.QUARANTINE_MISMATCH),
        (("contributors", 2, "address"), "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A", Code.QUARANTINE_MISMATCH),
        (("credit", "cap_e6"), 500_000, Code.WEIGHTS_SUM),
        (("weighting_method",), "group_shapley", Code.WEIGHTS_SUM),
        (("weighting_method",), "goodwill", Code.WEIGHTS_SUM),
        (("contributors", 0, "address"), ALICE.lower(), Code.BAD_SCHEMA),
        (("contributors", 0, "weight"), 0.7000001, Code.BAD_SCHEMA),
        (("timestamp",), "2026-02-30T00:00:00Z", Code.BAD_SCHEMA),
        (("timestamp",), "2026-01-15T12:00:00", Code.BAD_SCHEMA),
        (("timestamp",), "2026-01-15 12:00:00Z", Code.BAD_SCHEMA),
        (("model_info", "model_id"), " EmailDraft", Code.BAD_SCHEMA),
        (("model_info", "model_id"), "a\u200bb", Code.BAD_SCHEMA),
    ],
)
def test_a_forged_document_must_at_least_agree_with_itself(path: tuple, value: Any, expected: Code) -> None:
    assert code(rehashed(changed(DOCUMENT, path, value))) is expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", Code.NOT_JSON),
        (b"\xff", Code.NOT_UTF8),
        (b"\xef\xbb\xbf{}", Code.NOT_JSON),
        (b"{}{}", Code.NOT_JSON),
        (b"[" * 100_000, Code.TOO_DEEP),
        (b" " * (4 * 2**20 + 1), Code.TOO_LARGE),
        (b'{"a": 1, "\\u0061": 2}', Code.DUPLICATE_KEY),
        (b'{"a": NaN}', Code.BAD_NUMBER),
        (b'{"a": 1e400}', Code.BAD_NUMBER),
        (b'{"a": 9007199254740993}', Code.BAD_NUMBER),
        (b'{"a": ' + b"9" * 5000 + b"}", Code.BAD_NUMBER),
        (b'{"a": -0}', Code.BAD_NUMBER),
        (b'{"a": 0.20308300000000000000000000001}', Code.BAD_NUMBER),
        (b'{"contributors": [' + b"{}," * 1_000_000 + b"{}]}", Code.BAD_SCHEMA),
        (b"{" + b",".join(b'"k%d": 1' % i for i in range(2000)) + b"}", Code.TOO_LARGE),
        (b'{"timestamp": "2026-01-15\\ud80012:00:00Z"}', Code.BAD_SCHEMA),
        (b"[]", Code.BAD_SCHEMA),
        (b'"text"', Code.BAD_SCHEMA),
        (b"null", Code.BAD_SCHEMA),
        (b'{"attestation_id": "\\ud800"}', Code.BAD_SCHEMA),
    ],
)
def test_hostile_bytes_get_a_code(data: bytes, expected: Code) -> None:
    assert code(data) is expected


def test_a_negative_gain_is_no_promotion() -> None:
    forged = changed(DOCUMENT, ("performance", "optimized_metrics", "agreement"), 0.1)
    forged = changed(forged, ("performance", "performance_delta"), -0.034)
    forged = changed(forged, ("performance", "deltaone_achieved"), False)
    assert code(rehashed(changed(forged, ("evidence", "delta_e6"), -34_000))) is Code.BELOW_THRESHOLD


def test_a_threshold_below_one_would_let_everybody_in() -> None:
    with pytest.raises(ConfigurationError, match="at least 1"):
        verify_attestation(serialize(SIGNED).encode(), trusted_signers=[SIGNER_ADDRESS], threshold=0)


def test_weights_must_follow_from_the_counts() -> None:
    swapped = changed(changed(DOCUMENT, ("contributors", 0, "weight"), 0.2), ("contributors", 1, "weight"), 0.7)
    assert code(rehashed(swapped)) is Code.WEIGHTS_SUM


def test_the_senders_words_write_no_line_of_their_own() -> None:
    result = verify_attestation(json.dumps({"x\nvalid: OK (signed)\x1b[2J" + "y" * 9999: 0}).encode())
    assert result.code is Code.BAD_SCHEMA
    assert "\n" not in result.detail
    assert len(result.detail) <= 200


def test_an_address_made_up_for_an_old_signature_does_not_fit() -> None:
    """Any bytes recover to some address; with the signer in the message it cannot be named afterwards."""
    forged = json.loads(rehashed(changed(DOCUMENT, ("data", "snapshot_digest"), "f" * 64)))
    document = Attestation.model_validate(forged)
    signature = bytes.fromhex(DOCUMENT["proof"]["signature"][2:])
    named = SIGNER_ADDRESS
    for _ in range(3):
        named = recover_address(typed_data_of(document, named).digest, signature)
        forged["proof"] = {**DOCUMENT["proof"], "signer": named}
        assert code(forged, require_signature=True) is Code.SIGNATURE_INVALID


def test_a_malleable_twin_of_the_signature_is_refused() -> None:
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    signature = bytes.fromhex(DOCUMENT["proof"]["signature"][2:])
    s, v = int.from_bytes(signature[32:64]), signature[64]
    twin = signature[:32] + (order - s).to_bytes(32) + bytes([55 - v])
    zero_based = signature[:64] + bytes([v - 27])
    for forged in (twin, zero_based):
        assert code(changed(DOCUMENT, ("proof", "signature"), "0x" + forged.hex())) is Code.SIGNATURE_INVALID


SECOND = open_signer(local_signer("22" * 32))
THIRD = open_signer(local_signer("33" * 32))


def test_so_many_of_the_trusted_signers_as_asked_for_must_have_signed() -> None:
    document = json.loads(serialize(sign(Attestation.compose(BODY), [THIRD, SIGNER, SECOND])))
    assert [proof["signer"] for proof in document["proof"]] == sorted(
        [SIGNER.address, SECOND.address, THIRD.address], key=str.lower
    )
    both = [SIGNER.address, SECOND.address]
    assert code(document, trusted_signers=both, threshold=2) is Code.OK
    assert code(document, trusted_signers=both, threshold=3) is Code.SIGNATURES_TOO_FEW
    assert code(DOCUMENT, trusted_signers=both, threshold=2) is Code.SIGNATURES_TOO_FEW
    assert code(DOCUMENT, threshold=2) is Code.SIGNATURES_TOO_FEW
    twice = {**document, "proof": [document["proof"][0]] * 3}
    assert code(twice, threshold=3) is Code.SIGNATURE_INVALID
    assert code({**document, "proof": document["proof"][::-1]}) is Code.SIGNATURE_INVALID
    one_broken = changed(document, ("proof", 1, "signature"), document["proof"][0]["signature"])
    assert code(one_broken, trusted_signers=[document["proof"][0]["signer"]]) is Code.SIGNATURE_INVALID


def test_signing_later_adds_a_proof_and_changes_nothing_else() -> None:
    later = sign(SIGNED, [SECOND])
    assert later.attestation_hash == SIGNED.attestation_hash
    assert {proof.signer for proof in later.proofs} == {SIGNER.address, SECOND.address}


def test_weights_by_value_follow_from_the_values() -> None:
    body = copy.deepcopy(BODY) | {"weighting_method": "group_shapley", "credit": {"unpayable": "share"}}
    for person, value in zip(body["contributors"], (70_000, 30_000, -5_000), strict=True):
        person.update(value_e6=value, error_e6=4_000, weight=max(0, value) / 100_000)
    document = Attestation.compose(body).to_dict()
    assert code(document) is Code.OK
    assert code(rehashed(changed(document, ("contributors", 0, "value_e6"), 71_000))) is Code.WEIGHTS_SUM
    without_error = copy.deepcopy(document)
    del without_error["contributors"][1]["error_e6"]
    assert code(rehashed(without_error)) is Code.WEIGHTS_SUM


def test_a_wrong_password_is_a_clear_error() -> None:
    wrong = open_signer(local_signer().model_copy(update={"password": SecretStr("other")}))
    with pytest.raises(ConfigurationError, match="does not open"):
        sign(SIGNED, [wrong])


def service_facts() -> dict[str, Any]:
    performance = {
        **BODY["performance"],
        "baseline_metrics": {"reply_rate": 0.134, "click_rate": 0.089},
        "optimized_metrics": {"reply_rate": 0.157, "click_rate": 0.095},
    }
    return {
        "model_info": BODY["model_info"],
        "performance_data": performance,
        "optimization_metadata": BODY["optimization_metadata"]
        | {"trace_count": 15_000, "date_range": {"start": "2024-01-01T00:00:00", "end": "2024-01-15T00:00:00"}},
        "contributors": [
            {"contributor_id": "alice", "address": ALICE, "weight": 0.7, "trace_count": 10500},
            {"contributor_id": "bob", "address": BOB, "weight": 0.3, "trace_count": 4500},
        ],
    }


def test_the_documents_own_example_is_made_verified_and_paid() -> None:
    service = OptimizationAttestationService()
    attestation = service.create_attestation(**service_facts())
    assert service.verify_attestation(attestation).valid
    assert service.calculate_rewards(attestation, total_reward=1000.0) == {ALICE: 700.0, BOB: 300.0}


def test_an_address_of_the_document_is_refused_with_its_right_form() -> None:
    """As printed there it fails EIP-55's checksum; in lower case, which has none, it is taken."""
    printed = "0x742d35Cc6634C0532925a3b844Bc9e7595f62341"
    service, facts = OptimizationAttestationService(), service_facts()
    facts["contributors"][0]["address"] = printed
    with pytest.raises(ConfigurationError, match=f"{printed} fails its EIP-55 checksum; the right form is 0x742D35cc"):
        service.create_attestation(**facts)
    facts["contributors"][0]["address"] = printed.lower()
    assert service.verify_attestation(service.create_attestation(**facts)).valid


def test_the_service_refuses_facts_that_contradict_each_other() -> None:
    facts = service_facts()
    facts["performance_data"] = {**facts["performance_data"], "performance_delta": 0.5}
    with pytest.raises(ConfigurationError, match="DELTA_MISMATCH"):
        OptimizationAttestationService().create_attestation(**facts)


def test_no_reward_for_a_changed_attestation() -> None:
    service = OptimizationAttestationService()
    attestation = service.create_attestation(**service_facts())
    attestation["contributors"][0]["address"] = BOB
    with pytest.raises(ConfigurationError, match="HASH_MISMATCH"):
        service.calculate_rewards(attestation, total_reward=1000.0)
