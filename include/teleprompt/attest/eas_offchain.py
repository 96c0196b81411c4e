"""The same document as an off-chain EAS attestation, version 2: signed for a chain's contract, sent nowhere."""

from datetime import datetime
from typing import Any

from teleprompt.attest.document import Attestation
from teleprompt.attest.eas_schema import ZERO_ADDRESS, attested_data, schema_uid
from teleprompt.records import Record
from teleprompt.signing.signer import Signer
from teleprompt.signing.typed_data import TypedData

VERSION = 2
CONTRACT_VERSION = "1.4.0"
"""Of the EAS contract that the domain names."""

TYPES = {
    "Attest": [
        {"name": "version", "type": "uint16"},
        {"name": "schema", "type": "bytes32"},
        {"name": "recipient", "type": "address"},
        {"name": "time", "type": "uint64"},
        {"name": "expirationTime", "type": "uint64"},
        {"name": "revocable", "type": "bool"},
        {"name": "refUID", "type": "bytes32"},
        {"name": "data", "type": "bytes"},
        {"name": "salt", "type": "bytes32"},
    ]
}


class EasDomain(Record):
    """The contract that the attestation is meant for."""

    chain_id: int
    contract: str


def offchain_attestation(attestation: Attestation, signer: Signer, domain: EasDomain) -> dict[str, Any]:
    """The package that `eas-sdk` verifies: `{"sig": {…}, "signer": "0x…"}`; the same document gives the same bytes."""
    message = {
        "version": VERSION,
        "schema": schema_uid(),
        "recipient": ZERO_ADDRESS,
        "time": int(datetime.fromisoformat(attestation.timestamp).timestamp()),
        "expirationTime": 0,
        "revocable": True,
        "refUID": bytes(32),
        "data": attested_data(attestation),
        "salt": bytes.fromhex(attestation.attestation_hash),
    }
    eip712 = {"name": "EAS Attestation", "version": CONTRACT_VERSION, "chainId": domain.chain_id,
              "verifyingContract": domain.contract}  # fmt: skip
    signature = signer.sign_typed_data(TypedData(eip712, TYPES, message))
    return {
        "sig": {
            "version": VERSION,
            "uid": f"0x{_uid(message).hex()}",
            "domain": {**eip712, "chainId": str(domain.chain_id)},
            "primaryType": "Attest",
            "types": TYPES,
            "message": {key: _plain(value) for key, value in message.items()},
            "signature": {
                "r": f"0x{signature[:32].hex()}",
                "s": f"0x{signature[32:64].hex()}",
                "v": signature[64],
            },
        },
        "signer": signer.address,
    }


def _uid(message: dict[str, Any]) -> bytes:
    """Keccak over the packed fields, as the SDK computes it for version 2."""
    from eth_abi.packed import encode_packed
    from eth_utils.crypto import keccak

    return bytes(
        keccak(
            encode_packed(
                [
                    "uint16",
                    "bytes",
                    "address",
                    "address",
                    "uint64",
                    "uint64",
                    "bool",
                    "bytes32",
                    "bytes",
                    "bytes32",
                    "uint32",
                ],
                [
                    VERSION,
                    f"0x{message['schema'].hex()}".encode(),
                    message["recipient"],
                    ZERO_ADDRESS,
                    message["time"],
                    message["expirationTime"],
                    message["revocable"],
                    message["refUID"],
                    message["data"],
                    message["salt"],
                    0,
                ],
            )
        )
    )


def _plain(value: Any) -> Any:
    """JSON of a message's field; 64-bit numbers as texts, for languages whose numbers are floats."""
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and value != VERSION else value
