"""Our files as others' tools see them: npm's Merkle trees and eas-sdk, `openssl`, `jq` and `sha256sum`."""

import base64
import copy
import json
import subprocess
from pathlib import Path

import pytest

from teleprompt.attest.dsse import envelope, pre_authentication, public_key
from teleprompt.attest.eas_offchain import EasDomain, offchain_attestation
from teleprompt.attest.eas_schema import SCHEMA
from teleprompt.attest.issue import serialize
from teleprompt.attest.proofs import RewardTree
from teleprompt.attest.signing import DOMAIN as SIGNED_DOMAIN
from teleprompt.attest.signing import TYPES
from teleprompt.encoding.merkle import MerkleTree, leaf_hash, word_of_address, word_of_int
from tests.attest.documents import BODY, DOCUMENT, SIGNED, SIGNER
from tests.stock_tools import needs, node
from tests.support import ALICE, BOB

DOMAIN = EasDomain(chain_id=31337, contract="0x5FbDB2315678afecb367f032d93F642f64180aa3")


@pytest.mark.parametrize("count", [1, 2, 3, 8, 33])
def test_our_trees_are_openzeppelins(count: int) -> None:
    values = [["0x" + bytes([i]).hex().rjust(40, "a"), str(i * 10**20)] for i in range(count)]
    leaves = [leaf_hash(word_of_address(address) + word_of_int(int(amount))) for address, amount in values]
    tree = MerkleTree(leaves)
    theirs = node("merkle.js", {"values": values, "types": ["address", "uint256"]})
    assert theirs["root"] == f"0x{tree.root.hex()}"
    assert theirs["proofs"] == [[f"0x{sibling.hex()}" for sibling in tree.proof(leaf)] for leaf in leaves]


def test_openzeppelin_takes_our_reward_proofs_and_loads_our_tree() -> None:
    tree = RewardTree(SIGNED, 10**21)
    proofs = [tree.prove(who).model_dump(mode="json") for who in ("alice", BOB)]
    wrong = {**proofs[0], "leaf": [ALICE, str(7 * 10**20 + 1)]}
    theirs = node("merkle.js", {"proofs": [*proofs, wrong], "dump": tree.dump()})
    assert theirs["verified"] == [True, True, False]
    assert theirs["loaded"] == proofs[0]["root"]


def test_ethers_sees_who_signed() -> None:
    message = {
        "attestationId": SIGNED.attestation_id,
        "attestationHash": f"0x{SIGNED.attestation_hash}",
        "modelId": "EmailDraft",
        "optimizedVersion": BODY["model_info"]["optimized_version"],
        "signer": SIGNER.address,
    }
    signed = {"domain": SIGNED_DOMAIN, "types": TYPES, "signature": SIGNED.proofs[0].signature}
    assert node("typed_data.js", {**signed, "message": message}) == SIGNER.address
    assert node("typed_data.js", {**signed, "message": {**message, "modelId": "EmailDraff"}}) != SIGNER.address


def test_eas_sdk_takes_the_off_chain_attestation_and_no_changed_one() -> None:
    package = offchain_attestation(SIGNED, SIGNER, DOMAIN)
    assert package == offchain_attestation(SIGNED, SIGNER, DOMAIN)
    theirs = node("eas.js", {"attestation": package, "schema": SCHEMA})
    assert theirs["valid"] is True
    assert theirs["data"]["attestationHash"] == f"0x{SIGNED.attestation_hash}"
    assert (theirs["data"]["deltaE6"], theirs["data"]["modelId"]) == ("23000", "EmailDraft")
    changed = copy.deepcopy(package)
    changed["sig"]["message"]["time"] = str(int(changed["sig"]["message"]["time"]) + 1)
    assert node("eas.js", {"attestation": changed, "schema": SCHEMA})["valid"] is False


def test_openssl_verifies_the_envelope(tmp_path: Path) -> None:
    needs("openssl")
    sealed = envelope(SIGNED, SIGNER)
    payload = base64.b64decode(sealed["payload"])
    (tmp_path / "key.pem").write_text(public_key(SIGNED, SIGNER))
    (tmp_path / "sig").write_bytes(base64.b64decode(sealed["signatures"][0]["sig"]))

    def verified(data: bytes) -> bool:
        (tmp_path / "signed").write_bytes(pre_authentication(data))
        command = ["openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "sig", "signed"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0

    assert verified(payload)
    assert not verified(payload.replace(b"EmailDraft", b"EmailDrafT"))
    statement = json.loads(payload)
    assert statement["predicate"]["attestation_hash"] == SIGNED.attestation_hash
    assert statement["subject"][0]["digest"]["sha256"] == BODY["program"]["optimized_digest"]


def test_jq_and_sha256sum_give_the_hash(tmp_path: Path) -> None:
    needs("jq")
    file = tmp_path / "attestation.json"
    file.write_text(serialize(SIGNED))
    command = f"jq -cSj 'del(.attestation_hash, .proof)' {file} | sha256sum"
    found = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True).stdout
    assert found.split()[0] == DOCUMENT["attestation_hash"]
