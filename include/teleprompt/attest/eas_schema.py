"""What EAS is told of a document, on the chain and off it."""

from typing import Any

from teleprompt.attest.document import Attestation
from teleprompt.records import to_millionths

SCHEMA = (
    "bytes32 attestationHash,string attestationId,string modelId,string optimizedVersion,int64 deltaE6,"
    "bytes32 tracesRoot,uint64 tracesCount"
)
DATA_TYPES = tuple(field.split(" ")[0] for field in SCHEMA.split(","))
ZERO_ADDRESS = "0x" + "0" * 40


def schema_uid() -> bytes:
    """`keccak256(schema ‖ resolver ‖ revocable)`: without resolver, revocable."""
    from eth_utils.crypto import keccak

    return bytes(keccak(SCHEMA.encode() + bytes(20) + b"\x01"))


def attested_data(attestation: Attestation) -> bytes:
    """The ABI-encoded fields of `SCHEMA`."""
    from eth_abi.abi import encode

    return bytes(encode(DATA_TYPES, _values(attestation)))


def _values(attestation: Attestation) -> list[Any]:
    data = attestation.data
    return [
        bytes.fromhex(attestation.attestation_hash),
        attestation.attestation_id,
        attestation.model_info.model_id,
        attestation.model_info.optimized_version,
        to_millionths(attestation.performance.performance_delta),
        bytes.fromhex(data.traces_root) if data and data.traces_root else bytes(32),
        attestation.optimization_metadata.trace_count,
    ]
