"""Proofs from somebody else: only the leaf that was signed for is accepted, in the one way it is written."""

import copy
import json
from typing import Any

import pytest

from teleprompt.attest.codes import Code, InvalidAttestationError
from teleprompt.attest.proofs import RewardTree, check_proof, load_proof
from tests.attest.documents import SIGNED
from tests.support import ALICE

TOTAL = 10**21
PROOF: dict[str, Any] = RewardTree(SIGNED, TOTAL).prove("alice").model_dump(mode="json")


def refused(proof: dict[str, Any] | bytes) -> None:
    data = proof if isinstance(proof, bytes) else json.dumps(proof).encode()
    with pytest.raises(InvalidAttestationError) as error:
        check_proof(SIGNED, load_proof(data))
    assert error.value.code is Code.PROOF_INVALID


def test_it_says_what_is_due() -> None:
    assert check_proof(SIGNED, load_proof(json.dumps(PROOF).encode())) == (
        f"{7 * 10**20} of {TOTAL} base units are due to {ALICE}"
    )


@pytest.mark.parametrize(
    ("place", "written"),
    [
        (0, "ZZ" + ALICE[2:]),
        (0, ALICE.lower()),
        (0, f"  {ALICE}\n"),
        (0, "0x" + "0" * 24 + ALICE[2:]),
        (1, "7_00000000000000000000"),
        (1, "\u0667" + "0" * 20),
        (1, "0700000000000000000000"),
        (1, "700000000000000000000\n"),
    ],
)
def test_a_leaf_is_written_in_one_way(place: int, written: str) -> None:
    proof = copy.deepcopy(PROOF)
    proof["leaf"][place] = written
    refused(proof)


@pytest.mark.parametrize("total", ["+1000000000000000000000", " 1000000000000000000000", "1e21", "-1", ""])
def test_a_total_is_written_in_one_way(total: str) -> None:
    refused({**PROOF, "total": total})


def test_no_key_stands_twice() -> None:
    refused(b'{"total": "1",' + json.dumps(PROOF).encode()[1:])
