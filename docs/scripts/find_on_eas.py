"""Find an attestation on EAS with web3 and rfc8785 alone; none of this project's code is used.

    pip install web3 rfc8785
    python find_on_eas.py NODE_URL EAS_CONTRACT ATTESTATION_FILE ATTESTER [FROM_BLOCK]

What is looked for follows from the file's content, not from the hash that it states. Prints each attestation of the
document. Exit status 0: ATTESTER attested this document, and one attestation at least is valid. 1: the file was
changed, all are revoked, or there is none.
"""

import hashlib
import json
import sys

import rfc8785
from web3 import Web3

SCHEMA = (
    "bytes32 attestationHash,string attestationId,string modelId,string optimizedVersion,int64 deltaE6,"
    "bytes32 tracesRoot,uint64 tracesCount"
)
ATTESTATION = [
    "uid:bytes32",
    "schema:bytes32",
    "time:uint64",
    "expirationTime:uint64",
    "revocationTime:uint64",
    "refUID:bytes32",
    "recipient:address",
    "attester:address",
    "revocable:bool",
    "data:bytes",
]
ABI = [
    {
        "name": "getAttestation",
        "type": "function",
        "stateMutability": "view",
        "inputs": [{"name": "uid", "type": "bytes32"}],
        "outputs": [
            {
                "name": "",
                "type": "tuple",
                "components": [dict(zip(("name", "type"), field.split(":"), strict=True)) for field in ATTESTATION],
            }
        ],
    }
]


def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def sha256(document: dict, *without: str) -> str:
    return hashlib.sha256(rfc8785.dumps({k: v for k, v in document.items() if k not in without})).hexdigest()


def attested_values(document: dict) -> tuple:
    data = document.get("data", {})
    return (
        bytes.fromhex(document["attestation_hash"]),
        document["attestation_id"],
        document["model_info"]["model_id"],
        document["model_info"]["optimized_version"],
        round(document["performance"]["performance_delta"] * 10**6),
        bytes.fromhex(data.get("traces_root", "00" * 32)),
        document["optimization_metadata"]["trace_count"],
    )


def main(url: str, contract: str, file: str, attester: str, from_block: str = "0") -> int:
    with open(file, encoding="utf-8") as stream:
        document = json.load(stream, object_pairs_hook=once)
    if document["attestation_hash"] != sha256(document, "attestation_hash", "proof"):
        print("changed: the content is not what was hashed")
        return 1
    web3 = Web3(Web3.HTTPProvider(url))
    eas = web3.eth.contract(address=Web3.to_checksum_address(contract), abi=ABI)
    schema_uid = Web3.keccak(SCHEMA.encode() + bytes(20) + b"\x01")
    attested = Web3.keccak(text="Attested(address,address,bytes32,bytes32)")
    topics = [attested, None, "0x" + attester[2:].lower().rjust(64, "0"), schema_uid]
    found = []
    for log in web3.eth.get_logs({"address": contract, "topics": topics, "fromBlock": int(from_block)}):
        held = eas.functions.getAttestation(log["data"]).call()
        if (held[1], held[7].lower()) != (schema_uid, attester.lower()):
            continue
        revoked_at, values = held[4], web3.codec.decode([field.split()[0] for field in SCHEMA.split(",")], held[9])
        if tuple(values) == attested_values(document):
            state = f"revoked at {revoked_at}" if revoked_at else "valid"
            print(f"0x{held[0].hex()} in block {log['blockNumber']}: {state}")
            found.append(state)
    if not found:
        print("not found")
    return 0 if "valid" in found else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
