"""The same document as an in-toto statement in a DSSE envelope, for supply-chain tools, and read back from one.

in-toto Statement v1 (the attested program's state is its subject, the document its predicate) in a DSSE v1 envelope
with one signature, as sigstore's parser wants it: by a message key (P-256 or Ed25519, which supply-chain tools know),
or by the signer (ECDSA over secp256k1 and SHA-256), which `openssl` verifies.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from teleprompt.attest.codes import Code, InvalidAttestationError
from teleprompt.attest.document import Attestation
from teleprompt.attest.load import strict_json
from teleprompt.encoding.canonical_json import canonical_json
from teleprompt.errors import ConfigurationError
from teleprompt.signing.message_key import MessageKey, is_signature, key_id, read_public
from teleprompt.signing.recover import SignatureError, recover_address, recover_public_key, split_signature
from teleprompt.signing.signer import Signer

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:teleprompt:attestation:1.0"
FIELDS = frozenset({"payload", "payloadType", "signatures"})
MOST_SIGNATURES = 20


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


def envelope(attestation: Attestation, by: Signer | MessageKey) -> dict[str, Any]:
    """The signed envelope; `keyid` is the signer's address, or the SHA-256 of the message key."""
    payload = canonical_json(statement(attestation))
    message = pre_authentication(payload)
    if isinstance(by, MessageKey):
        name, signature = key_id(by.public), by.sign(message)
    else:
        name, signature = by.address, _der(by.sign(hashlib.sha256(message).digest()))
    return {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": name, "sig": base64.b64encode(signature).decode()}],
    }


def public_key(attestation: Attestation, by: Signer | MessageKey) -> str:
    """The public key as PEM, for whoever verifies envelopes."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    if isinstance(by, MessageKey):
        return by.pem
    digest = hashlib.sha256(pre_authentication(canonical_json(statement(attestation)))).digest()
    point = b"\x04" + recover_public_key(digest, by.sign(digest))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), point)
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def pre_authentication(payload: bytes) -> bytes:
    """DSSE's PAE: what is signed."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


@dataclass(frozen=True)
class ReadEnvelope:
    """An envelope that was read; its signatures are not checked yet."""

    payload: bytes
    signatures: tuple[tuple[str, bytes], ...]
    """Of each what it names as its key, and its bytes."""
    document: bytes
    """The document in it."""

    def check(self, keys: Sequence[str]) -> str:
        """Check the signatures; in words who signed.

        Args:
            keys: public keys as PEM, of P-256 or Ed25519, one of which must have signed; without any of them only a
                signature of an address (secp256k1) can be checked, which tells its key.

        Raises:
            InvalidAttestationError: `SIGNATURE_INVALID` where one is not by the key that it names, `SIGNER_UNTRUSTED`
                where none of the keys signed.
            ConfigurationError: a key is none.
        """
        named = {key_id(key): key for key in map(read_public, keys)}
        found = [self._signed_by(name, signature, named) for name, signature in self.signatures]
        if named and not any(name in named for name, _ in found):
            raise InvalidAttestationError(Code.SIGNER_UNTRUSTED, "none of the keys that were named signed the envelope")
        return f"envelope {' and '.join(said for _, said in found)}"

    def _signed_by(
        self, name: str, signature: bytes, keys: "dict[str, Ed25519PublicKey | EllipticCurvePublicKey]"
    ) -> tuple[str, str]:
        message = pre_authentication(self.payload)
        if name.startswith("0x"):
            if name not in _addresses(hashlib.sha256(message).digest(), signature):
                raise InvalidAttestationError(Code.SIGNATURE_INVALID, f"the envelope is not signed by {name}")
            return name, f"signed by {name}"
        own = keys.get(name)
        if own is not None and not is_signature(own, message, signature):
            raise InvalidAttestationError(Code.SIGNATURE_INVALID, "the envelope is not signed by the key that it names")
        for known, key in keys.items():  # others name keys in other ways
            if is_signature(key, message, signature):
                return known, f"signed by the key {known[:16]}"
        return "", "signed by a key that you did not name, and that was not checked"


def read_envelope(data: bytes) -> ReadEnvelope | None:
    """The envelope in `data`; None where it is something else, such as the document itself.

    Raises:
        InvalidAttestationError: `BAD_SCHEMA` where it holds no statement of ours, or that of another program state.
    """
    try:
        read = strict_json(data)
    except InvalidAttestationError:
        return None  # whoever reads a document says what is wrong with it
    if not isinstance(read, dict) or read.keys() != FIELDS:
        return None
    signatures = read["signatures"]
    if read["payloadType"] != PAYLOAD_TYPE or not isinstance(signatures, list):
        raise _no_statement("its payload is no in-toto statement")
    if not 0 < len(signatures) <= MOST_SIGNATURES:
        raise InvalidAttestationError(Code.SIGNATURE_MISSING, "the envelope has no signature, or too many")
    payload = _bytes(read["payload"])
    inner = strict_json(payload)
    types = (inner.get("_type"), inner.get("predicateType")) if isinstance(inner, dict) else None
    if types != (STATEMENT_TYPE, PREDICATE_TYPE):
        raise _no_statement("its statement is of another type")
    document = inner.get("predicate")
    named = (document.get("program") or {}).get("optimized_digest") if isinstance(document, dict) else None
    subjects = inner.get("subject")
    if not isinstance(subjects, list) or [_digest(one) for one in subjects] != [named] or named is None:
        raise _no_statement("its subject is another program state than the document's")
    return ReadEnvelope(
        payload=payload,
        signatures=tuple(_signature(one) for one in signatures),
        document=json.dumps(document, ensure_ascii=False).encode(),
    )


def _signature(value: Any) -> tuple[str, bytes]:
    if not isinstance(value, dict) or not isinstance(value.get("keyid", ""), str):
        raise _no_statement("a signature has another form")
    return value.get("keyid", ""), _bytes(value.get("sig"))


def _digest(subject: Any) -> Any:
    digest = subject.get("digest") if isinstance(subject, dict) else None
    return digest.get("sha256") if isinstance(digest, dict) else None


def _bytes(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise _no_statement("something in it is no base64") from None


def _no_statement(why: str) -> InvalidAttestationError:
    return InvalidAttestationError(Code.BAD_SCHEMA, f"the envelope holds no attestation: {why}")


def _addresses(digest: bytes, signature: bytes) -> set[str]:
    """Whose signature of secp256k1 it can be: DER does not tell which of two points it began from."""
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    found = set()
    try:
        r, s = decode_dss_signature(signature)
        for v in (27, 28):
            found.add(recover_address(digest, r.to_bytes(32) + s.to_bytes(32) + bytes([v])))
    except (SignatureError, ValueError, OverflowError):
        return found
    return found


def _der(signature: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    r, s, _ = split_signature(signature)
    return encode_dss_signature(r, s)
