"""The same document as an in-toto statement in a DSSE envelope, for supply-chain tools.

in-toto Statement v1 (the attested program's state is its subject, the document its predicate) in a DSSE v1 envelope,
signed with ECDSA over secp256k1 and SHA-256: `openssl` verifies it with the signer's public key.
"""

import base64
import hashlib
from typing import Any

from teleprompt.attest.document import Attestation
from teleprompt.encoding.canonical_json import canonical_json
from teleprompt.errors import ConfigurationError
from teleprompt.signing.recover import recover_public_key, split_signature
from teleprompt.signing.signer import Signer

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:teleprompt:attestation:1.0"


def statement(attestation: Attestation) -> dict[str, Any]:
    """The in-toto statement.

    Raises:
        ConfigurationError: the document does not name the program.
    """
    if attestation.program is None:
        raise ConfigurationError(
            "The attestation does not name its program's digest; it cannot be an in-toto statement."
        )
    info = attestation.model_info
    return {
        "_type": STATEMENT_TYPE,
        "subject": [
            {
                "name": f"{info.model_id}/{info.optimized_version}/state.json",
                "digest": {"sha256": attestation.program.optimized_digest},
            }
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": attestation.to_dict(),
    }


def envelope(attestation: Attestation, signer: Signer) -> dict[str, Any]:
    """The signed envelope; `keyid` is the signer's address."""
    payload = canonical_json(statement(attestation))
    signature = signer.sign(hashlib.sha256(pre_authentication(payload)).digest())
    return {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": signer.address, "sig": base64.b64encode(_der(signature)).decode()}],
    }


def public_key(attestation: Attestation, signer: Signer) -> str:
    """The signer's public key as PEM, for whoever verifies envelopes."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    digest = hashlib.sha256(pre_authentication(canonical_json(statement(attestation)))).digest()
    point = b"\x04" + recover_public_key(digest, signer.sign(digest))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), point)
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def pre_authentication(payload: bytes) -> bytes:
    """DSSE's PAE: what is signed."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def _der(signature: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    r, s, _ = split_signature(signature)
    return encode_dss_signature(r, s)
