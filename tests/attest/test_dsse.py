"""DSSE envelopes by P-256, Ed25519 and secp256k1: what other tools' parsers take, and what is read back."""

import base64
import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope as SSlibEnvelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey
from sigstore import dsse as sigstore_dsse
from sigstore.hashes import Hashed
from sigstore_models.common.v1 import HashAlgorithm

from teleprompt.attest.codes import InvalidAttestationError
from teleprompt.attest.dsse import envelope, public_key, read_envelope
from teleprompt.errors import ConfigurationError
from teleprompt.signing.message_key import Algorithm, MessageKey, write_message_key
from teleprompt.signing.signer import Signer
from tests.attest.documents import BODY, DOCUMENT, SIGNED, SIGNER

By = Signer | MessageKey


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, By]:
    folder = tmp_path_factory.mktemp("keys")
    made = {kind.value: write_message_key(folder / kind, folder / f"{kind}.password", kind) for kind in Algorithm}
    return {**made, "secp256k1": SIGNER}


@pytest.fixture(params=["p256", "ed25519", "secp256k1"])
def by(request: pytest.FixtureRequest, keys: dict[str, By]) -> By:
    return keys[request.param]


def check(sealed: dict[str, Any], *pems: str) -> str:
    found = read_envelope(json.dumps(sealed).encode())
    assert found is not None
    assert json.loads(found.document) == DOCUMENT
    return found.check(pems)


def code(sealed: dict[str, Any], *pems: str) -> str:
    try:
        check(sealed, *pems)
    except InvalidAttestationError as error:
        return error.code.value
    return "OK"


def pem_of(by: By) -> list[str]:
    """What a verifier has to be given; a signature of secp256k1 tells its address."""
    return [by.pem] if isinstance(by, MessageKey) else []


def test_it_is_read_back(by: By) -> None:
    sealed = envelope(SIGNED, by)
    assert check(sealed, *pem_of(by)).startswith("envelope signed by")
    assert len(sealed["signatures"]) == 1


def test_a_changed_payload_or_signature_is_refused(by: By) -> None:
    sealed = envelope(SIGNED, by)
    payload = base64.b64decode(sealed["payload"])
    spaced = {**sealed, "payload": base64.b64encode(payload + b" ").decode()}
    assert code(spaced, *pem_of(by)) == "SIGNATURE_INVALID"
    (one,) = sealed["signatures"]
    broken = bytearray(base64.b64decode(one["sig"]))
    broken[-1] ^= 1
    changed = {**sealed, "signatures": [{**one, "sig": base64.b64encode(broken).decode()}]}
    assert code(changed, *pem_of(by)) == "SIGNATURE_INVALID"


def test_another_key_is_refused(keys: dict[str, By]) -> None:
    p256, ed25519 = keys["p256"], keys["ed25519"]
    assert code(envelope(SIGNED, p256), *pem_of(ed25519)) == "SIGNER_UNTRUSTED"
    assert code(envelope(SIGNED, SIGNER), *pem_of(ed25519)) == "SIGNER_UNTRUSTED"
    assert code(envelope(SIGNED, p256), *pem_of(ed25519), *pem_of(p256)) == "OK"
    assert check(envelope(SIGNED, p256)).endswith("by a key that you did not name, and that was not checked")
    stranger = envelope(SIGNED, SIGNER)
    stranger["signatures"][0]["keyid"] = "0x1563915e194D8CfBA1943570603F7606A3115508"
    assert code(stranger) == "SIGNATURE_INVALID"
    with pytest.raises(ConfigurationError, match="no PEM"):
        check(envelope(SIGNED, p256), "no key")


def test_a_key_is_found_whatever_the_envelope_calls_it(keys: dict[str, By]) -> None:
    sealed = envelope(SIGNED, keys["p256"])
    sealed["signatures"][0]["keyid"] = "ours"
    assert code(sealed, *pem_of(keys["p256"])) == "OK"
    del sealed["signatures"][0]["keyid"]
    assert code(sealed, *pem_of(keys["p256"])) == "OK"


def restated(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    sealed = envelope(SIGNED, SIGNER)
    inner = json.loads(base64.b64decode(sealed["payload"]))
    change(inner)
    return {**sealed, "payload": base64.b64encode(json.dumps(inner).encode()).decode()}


@pytest.mark.parametrize(
    "change",
    [
        lambda inner: inner.update(_type="https://in-toto.io/Statement/v0.1"),
        lambda inner: inner.update(predicateType="https://slsa.dev/provenance/v1"),
        lambda inner: inner.update(predicate=[]),
        lambda inner: inner["subject"][0]["digest"].update(sha256="0" * 64),
        lambda inner: inner["subject"].append(inner["subject"][0]),
        lambda inner: inner.update(subject=[]),
    ],
)
def test_a_statement_of_something_else_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    assert code(restated(change)) == "BAD_SCHEMA"


def test_what_is_no_envelope_is_left_to_who_reads_documents() -> None:
    assert read_envelope(json.dumps(DOCUMENT).encode()) is None
    assert read_envelope(b"{") is None


@pytest.mark.parametrize("kind", ["p256", "ed25519"])
def test_securesystemslib_verifies_it(keys: dict[str, By], kind: str) -> None:
    """It does not know secp256k1."""
    sealed = envelope(SIGNED, keys[kind])
    (name,) = [one["keyid"] for one in sealed["signatures"]]
    key = SSlibKey.from_crypto(load_pem_public_key(public_key(SIGNED, keys[kind]).encode()), keyid=name)
    assert list(SSlibEnvelope.from_dict(copy.deepcopy(sealed)).verify([key], 1)) == [name]
    changed = {**sealed, "payload": base64.b64encode(base64.b64decode(sealed["payload"]) + b" ").decode()}
    with pytest.raises(VerificationError):
        SSlibEnvelope.from_dict(changed).verify([key], 1)


def test_sigstore_verifies_it(keys: dict[str, By]) -> None:
    """It knows keys of P-256 alone."""
    sealed = envelope(SIGNED, keys["p256"])
    public = load_pem_public_key(public_key(SIGNED, keys["p256"]).encode())
    read = sigstore_dsse.Envelope._from_json(json.dumps(sealed).encode())
    payload = sigstore_dsse._verify(public, read)
    statement = sigstore_dsse.Statement(payload)
    digest = Hashed(algorithm=HashAlgorithm.SHA2_256, digest=bytes.fromhex(BODY["program"]["optimized_digest"]))
    assert statement._matches_digest(digest)
    assert json.loads(payload)["predicate"] == DOCUMENT
