"""Keys have a history: a signature counts in its key's time, and what was revoked is refused."""

import copy
import json
from contextlib import nullcontext
from typing import Any

import pytest

from teleprompt.attest.codes import Code
from teleprompt.attest.document import Attestation
from teleprompt.attest.issue import serialize
from teleprompt.attest.signing import sign
from teleprompt.attest.trust_list import TrustList, load_trust_list
from teleprompt.attest.trust_list_signing import check_published, sign_list
from teleprompt.attest.verify import Verification, verify_attestation
from teleprompt.errors import ConfigurationError
from teleprompt.signing.signer import open_signer
from tests.attest.documents import BODY, SIGNED, SIGNER, SIGNER_ADDRESS
from tests.support import ALICE, local_signer

SECOND = open_signer(local_signer("22" * 32))
DECIDED = BODY["timestamp"]
BEFORE, AFTER = "2026-01-15T11:59:59Z", "2026-01-15T12:00:01Z"
TWICE = sign(SIGNED, [SECOND])
LIST: dict[str, Any] = {
    "list_type": "teleprompt_signers",
    "signers_version": "1.0",
    "number": 1,
    "published_at": "2026-02-01T00:00:00Z",
    "signers": [{"address": SIGNER_ADDRESS, "valid_from": "2026-01-01T00:00:00Z"}],
    "revoked_documents": [],
    "proof": [],
}


def a_list(*signers: dict[str, Any], revoked: tuple[str, ...] = (), number: int = 1) -> TrustList:
    documents = [{"attestation_hash": digest, "at": AFTER, "why": "wrong labels"} for digest in revoked]
    written = {**LIST, "signers": list(signers) or LIST["signers"], "revoked_documents": documents, "number": number}
    return load_trust_list(json.dumps(written).encode(), "signers.json")


def key(address: str = SIGNER_ADDRESS, *, since: str = "2026-01-01T00:00:00Z", **rest: Any) -> dict[str, Any]:
    return {"address": address, "valid_from": since, **rest}


def revoked(at: str, *documents: str) -> dict[str, Any]:
    return {"at": at, "why": "found in a repository", "documents": list(documents)}


def found(trust_list: TrustList, document: Attestation = SIGNED, **asked: Any) -> Verification:
    asked = {"trusted_signers": trust_list.addresses, **asked}
    return verify_attestation(serialize(document).encode(), trust_list=trust_list, **asked)


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (key(), Code.OK),
        (key(since=DECIDED), Code.OK),
        (key(since=AFTER), Code.SIGNER_OUT_OF_TIME),
        (key(valid_until=AFTER), Code.OK),
        (key(valid_until=DECIDED), Code.SIGNER_OUT_OF_TIME),
        (key(revoked=revoked(DECIDED)), Code.SIGNER_REVOKED),
        (key(revoked=revoked(BEFORE)), Code.SIGNER_REVOKED),
        (key(revoked=revoked(AFTER, SIGNED.attestation_hash)), Code.OK),
        (key(revoked=revoked(AFTER)), Code.SIGNER_REVOKED),
        (key(SECOND.address), Code.SIGNER_UNTRUSTED),
    ],
    ids=[
        "in its time", "from then on", "before its time", "until later", "until then", "revoked from then on",
        "revoked before", "known before it was revoked", "unknown before it was revoked, so maybe dated back",
        "of another key",
    ],
)  # fmt: skip
def test_a_signature_counts_in_its_keys_time(entry: dict[str, Any], code: Code) -> None:
    assert found(a_list(entry)).code is code


def test_what_is_said_of_a_revoked_key() -> None:
    said = found(a_list(key(revoked=revoked(BEFORE)))).detail
    assert said == f"{SIGNER_ADDRESS} was revoked (found in a repository), from {BEFORE} on"
    said = found(a_list(key(revoked=revoked(AFTER)))).detail
    assert said.endswith("and the document is not among those known before")
    assert found(a_list(key(valid_until=BEFORE))).detail.endswith(f"until {BEFORE}, and it is of {DECIDED}")


def test_a_revoked_document_is_refused_whoever_signed_it() -> None:
    unsigned = Attestation.compose(copy.deepcopy(BODY))
    for document in (SIGNED, TWICE, unsigned):
        refused = found(a_list(revoked=(document.attestation_hash,)), document, trusted_signers=())
        assert (refused.code, refused.detail) == (Code.DOCUMENT_REVOKED, f"it was revoked {AFTER} (wrong labels)")


def test_of_several_signers_those_in_their_time_count() -> None:
    lapsed = a_list(key(revoked=revoked(BEFORE)), key(SECOND.address))
    assert found(lapsed, TWICE).signers == (SECOND.address,)
    assert found(lapsed, TWICE, threshold=2).code is Code.SIGNER_REVOKED
    assert found(lapsed, TWICE, trusted_signers=[SIGNER_ADDRESS]).code is Code.SIGNER_REVOKED
    assert found(lapsed, TWICE, trusted_signers=[ALICE]).code is Code.SIGNER_REVOKED
    assert found(a_list(key(), key(SECOND.address)), TWICE, threshold=2).code is Code.OK


def test_a_list_refuses_without_anybody_being_trusted_and_adds_nobody() -> None:
    assert found(a_list(key(revoked=revoked(BEFORE))), trusted_signers=()).code is Code.SIGNER_REVOKED
    assert found(a_list(key(SECOND.address)), trusted_signers=()).code is Code.OK
    unsigned = Attestation.compose(copy.deepcopy(BODY))
    assert found(a_list(), unsigned, trusted_signers=()).code is Code.OK
    assert found(a_list(), unsigned).code is Code.SIGNATURE_MISSING


@pytest.mark.parametrize(
    "changes",
    [
        {"signers_version": "2.0"},
        {"extra": 1},
        {"number": 0},
        {"signers": [{**key(), "valid_until": None}]},
        {"signers": [key(SIGNER_ADDRESS.lower())]},
        {"signers": [key(since="2026-01-01")]},
        {"signers": [key(), key()]},
        {"revoked_documents": [{"attestation_hash": "0" * 63, "at": AFTER, "why": "x"}]},
        {"published_at": "2026-02-30T00:00:00Z"},
    ],
)
def test_a_file_that_is_no_list_is_the_verifiers_own_mistake(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="signers"):
        load_trust_list(json.dumps({**LIST, **changes}).encode(), "signers.json")
    with pytest.raises(ConfigurationError, match="no list of signers"):
        load_trust_list(b"{", "signers.json")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, None),
        ({"by": SIGNER_ADDRESS, "number": 3}, None),
        ({"by": ALICE}, f"not signed by {ALICE}, but by {SIGNER_ADDRESS}"),
        ({"number": 4}, "has the number 3, not 4 or more"),
    ],
)
def test_a_list_by_another_key_or_of_before_is_not_the_one_that_is_meant(
    asked: dict[str, Any], said: str | None
) -> None:
    listed = sign_list(a_list(number=3), [SIGNER])
    with nullcontext() if said is None else pytest.raises(ConfigurationError, match=said):
        check_published(listed, **asked)
    with pytest.raises(ConfigurationError, match="not signed by"):
        check_published(listed.model_copy(update={"number": 5}), **asked)


def test_its_digest_is_that_of_what_it_says() -> None:
    listed = a_list()
    resigned = listed.model_copy(update={"proof": SIGNED.proofs})
    assert resigned.digest == listed.digest
    assert listed.model_copy(update={"number": 2}).digest != listed.digest
    assert SIGNER.address == SIGNER_ADDRESS
