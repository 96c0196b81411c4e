"""Find an attestation on EAS with web3 alone; none of this project's code is used.

    python find_on_eas.py NODE_URL EAS_CONTRACT ATTESTATION_FILE ATTESTER [FROM_BLOCK]

Prints each attestation of the document. Exit status 0: one at least is valid. 1: all are revoked, or there is none.
"""

import json
import sys

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


def main(url: str, contract: str, file: str, attester: str, from_block: str = "0") -> int:
    with open(file, encoding="utf-8") as stream:
        document = json.load(stream)
    web3 = Web3(Web3.HTTPProvider(url))
    eas = web3.eth.contract(address=Web3.to_checksum_address(contract), abi=ABI)
    schema_uid = Web3.keccak(SCHEMA.encode() + bytes(20) + b"\x01")
    attested = Web3.keccak(text="Attested(address,address,bytes32,bytes32)")
    topics = [attested, None, "0x" + attester[2:].lower().rjust(64, "0"), schema_uid]
    found = []
    for log in web3.eth.get_logs({"address": contract, "topics": topics, "fromBlock": int(from_block)}):
        held = eas.functions.getAttestation(log["data"]).call()
        revoked_at, data = held[4], held[9]
        if data[:32].hex() == document["attestation_hash"]:
            state = f"revoked at {revoked_at}" if revoked_at else "valid"
            print(f"0x{held[0].hex()} in block {log['blockNumber']}: {state}")
            found.append(state)
    if not found:
        print("not found")
    return 0 if "valid" in found else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
