"""Signing the hash as EIP-712 typed data, and recovering the signer strictly."""

from typing import Any

from include.teleprompt.attest.codes import Code, InvalidAttestationError
from include.teleprompt.attest.document import Attestation, Proof
from include.teleprompt.config.settings import SignerConfig
from include.teleprompt.errors import ConfigurationError

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
SECP256K1_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


def signer_address(signer: SignerConfig) -> str:
    """The EIP-55 address of the signer's key.

    Raises:
        ConfigurationError: the password does not open the keystore.
    """
    from eth_account import Account

    return str(Account.from_key(_private_key(signer)).address)


def sign(attestation: Attestation, signer: SignerConfig) -> Attestation:
    """The attestation with a proof by the key in `signer`'s keystore.

    Raises:
        ConfigurationError: the password does not open the keystore.
    """
    from eth_account import Account

    key = _private_key(signer)
    own_address = str(Account.from_key(key).address)
    signed = Account.sign_typed_data(key, DOMAIN, TYPES, _message(attestation, own_address))
    proof = Proof(type="eip712", signer=own_address, signature="0x" + bytes(signed.signature).hex())
    return attestation.model_copy(update={"proof": proof})


def recover_signer(attestation: Attestation, proof: Proof) -> str:
    """The EIP-55 address whose key signed.

    Raises:
        InvalidAttestationError: `SIGNATURE_INVALID` for a malleable form (high s, v not 27 or 28) or none at all.
    """
    from eth_account import Account
    from eth_account.messages import encode_typed_data

    signature = bytes.fromhex(proof.signature[2:])
    s, v = int.from_bytes(signature[32:64]), signature[64]
    if v not in {27, 28} or not 0 < s <= SECP256K1_HALF_ORDER:
        raise InvalidAttestationError(Code.SIGNATURE_INVALID, "not in canonical form (v 27 or 28, low s)")
    try:
        signable = encode_typed_data(DOMAIN, TYPES, _message(attestation, proof.signer))
        return str(Account.recover_message(signable, signature=signature))
    except Exception as error:
        raise InvalidAttestationError(Code.SIGNATURE_INVALID, "no key can have made it") from error


def _private_key(signer: SignerConfig) -> bytes:
    from eth_account import Account

    try:
        return bytes(Account.decrypt(signer.keystore, signer.password.get_secret_value()))
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            "The password does not open the signer's keystore; correct the `teleprompt_signer` connection."
        ) from error


def _message(attestation: Attestation, signer: str) -> dict[str, Any]:
    """What is signed. With the signer in it, nobody can find an address for a signature that he made up."""
    return {
        "signer": signer,
        "attestationId": attestation.attestation_id,
        "attestationHash": bytes.fromhex(attestation.attestation_hash),
        "modelId": attestation.model_info.model_id,
        "optimizedVersion": attestation.model_info.optimized_version,
    }
