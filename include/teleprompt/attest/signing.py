"""Signing the hash as EIP-712 typed data, and recovering the signers strictly."""

from collections.abc import Iterable
from typing import Any

from teleprompt.attest.codes import Code, InvalidAttestationError
from teleprompt.attest.document import Attestation, Proof
from teleprompt.signing.recover import SignatureError, recover_address
from teleprompt.signing.signer import Signer
from teleprompt.signing.typed_data import TypedData

DOMAIN = {"name": "Teleprompt Attestation", "version": "1"}
TYPES = {
    "Attestation": [
        {"name": "attestationId", "type": "string"},
        {"name": "attestationHash", "type": "bytes32"},
        {"name": "modelId", "type": "string"},
        {"name": "optimizedVersion", "type": "string"},
        {"name": "signer", "type": "address"},
    ]
}


def sign(attestation: Attestation, signers: Iterable[Signer]) -> Attestation:
    """The attestation with a proof by each of the signers, beside those it has.

    Raises:
        ConfigurationError: a keystore does not open, or a signer signs with another key than it names.
        SignerUnavailableError: a signer outside does not sign.
    """
    proofs = {proof.signer: proof for proof in attestation.proofs}
    for signer in signers:
        signature = signer.sign_typed_data(typed_data_of(attestation, signer.address))
        proofs[signer.address] = Proof(type="eip712", signer=signer.address, signature=f"0x{signature.hex()}")
    ordered = tuple(sorted(proofs.values(), key=lambda proof: proof.signer.lower()))
    return attestation.model_copy(update={"proof": ordered[0] if len(ordered) == 1 else ordered or None})


def recover_signer(attestation: Attestation, proof: Proof) -> str:
    """The EIP-55 address whose key signed.

    Raises:
        InvalidAttestationError: `SIGNATURE_INVALID` for a malleable form (high s, v not 27 or 28) or none at all.
    """
    try:
        return recover_address(typed_data_of(attestation, proof.signer).digest, bytes.fromhex(proof.signature[2:]))
    except SignatureError as error:
        raise InvalidAttestationError(Code.SIGNATURE_INVALID, str(error)) from error


def typed_data_of(attestation: Attestation, signer: str) -> TypedData:
    """What `signer` signs. With the signer in it, nobody can find an address for a signature that he made up."""
    message: dict[str, Any] = {
        "signer": signer,
        "attestationId": attestation.attestation_id,
        "attestationHash": bytes.fromhex(attestation.attestation_hash),
        "modelId": attestation.model_info.model_id,
        "optimizedVersion": attestation.model_info.optimized_version,
    }
    return TypedData(DOMAIN, TYPES, message)
