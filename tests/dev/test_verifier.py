"""The verifier for everybody: what is built is current, and its primitives are those of the libraries that we use."""

import hashlib
import random
import re
from typing import Any

import pytest

from dev.verifier import build
from teleprompt.encoding.addresses import AddressError, checksum_address
from teleprompt.encoding.canonical_json import canonical_json
from teleprompt.encoding.keccak import keccak_256
from teleprompt.signing.recover import SECP256K1_ORDER, SignatureError, recover_address
from teleprompt.signing.signer import open_signer
from tests.stock_tools import NPM, node_alone
from tests.support import ALICE, local_signer

DRAW = random.Random(7)


@pytest.mark.parametrize("file", build.outputs(), ids=lambda file: str(file.relative_to(build.REPOSITORY)))
def test_what_is_built_is_current(file: Any) -> None:
    assert file.read_text() == build.outputs()[file], "run `make reference`"


def test_page_and_script_are_the_same_code() -> None:
    script, *pages = build.outputs().values()
    (core,) = re.findall(r"// ==== refusal\.mjs\n.*?(?=\n// ---- the command)", script, flags=re.DOTALL)
    assert len(core) > 50_000
    assert all(core in page for page in pages)


def test_two_modules_with_one_name_are_not_joined(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, text in {
        "verify": 'import { one } from "./other.mjs";\nconst two = one;\n',
        "other": "const two = 1;\n",
    }.items():
        (tmp_path / f"{module}.mjs").write_text(text)
    monkeypatch.setattr(build, "SOURCES", tmp_path)
    with pytest.raises(ValueError, match="use the names two"):
        build.outputs()


@pytest.fixture(scope="module")
def given() -> dict[str, Any]:
    """Inputs of each primitive."""
    signer = open_signer(local_signer())
    digests = [DRAW.randbytes(32) for _ in range(40)]
    genuine = [(digest, signer.sign(digest)) for digest in digests]
    high = [(digest, _with_high_s(signature)) for digest, signature in genuine[:5]]
    odd = [(digest, DRAW.randbytes(64) + bytes([DRAW.choice([26, 27, 28, 29])])) for digest in digests]
    edges = [
        (digests[0], r.to_bytes(32, "big") + s.to_bytes(32, "big") + b"\x1b")
        for r in (0, 1, 5, SECP256K1_ORDER - 1, SECP256K1_ORDER, 2**256 - 1)
        for s in (0, 1, SECP256K1_ORDER // 2, SECP256K1_ORDER // 2 + 1, SECP256K1_ORDER)
    ]
    lower = [f"0x{DRAW.randbytes(20).hex()}" for _ in range(40)]
    return {
        "texts": [DRAW.randbytes(length).hex() for length in [*range(300), 1000, 5000]],
        "signatures": [(digest.hex(), signature.hex()) for digest, signature in [*genuine, *high, *odd, *edges]],
        "addresses": [
            *lower, *map(checksum_address, lower), ALICE, ALICE.upper().replace("0X", "0x"), ALICE.swapcase(),
            ALICE[:-1], f"{ALICE}\n", f" {ALICE}", "", "0x" + "0" * 40, f"0X{ALICE[2:]}", ALICE[:-1] + "G",
        ],
        "values": [
            [0.1, 1e21, 1e-7, 5e-324, 1.7976931348623157e308, 333333333.3333333, -0.0],
            [9007199254740991, 1e15, 123456.789],
            {"\u20ac": 1, "\r": 2, "1": 3, "\x80": 4, "\u00f6": 5, "\U0001f600": 6, "\ufb33": 7},
            {"text": "\u20ac$\x0f\nA'\"\\/</script>\u2028\x7f"}, [], {}, None, True,
        ],
    }  # fmt: skip


@pytest.fixture(scope="module")
def found(given: dict[str, Any]) -> Any:
    return node_alone(NPM / "primitives.mjs", str(build.SOURCES), given=given)


def _with_high_s(signature: bytes) -> bytes:
    high = SECP256K1_ORDER - int.from_bytes(signature[32:64])
    return signature[:32] + high.to_bytes(32, "big") + bytes([55 - signature[64]])


def test_its_digests(given: dict[str, Any], found: Any) -> None:
    texts = [bytes.fromhex(text) for text in given["texts"]]
    assert found["sha256"] == [hashlib.sha256(text).hexdigest() for text in texts]
    assert found["keccak"] == [keccak_256(text).hex() for text in texts]


def test_whom_it_sees_as_signer(given: dict[str, Any], found: Any) -> None:
    ours = [_recovered(bytes.fromhex(digest), bytes.fromhex(text)) for digest, text in given["signatures"]]
    assert found["signers"] == ours
    assert 40 < ours.count("SIGNATURE_INVALID") < len(ours) - 45


def _recovered(digest: bytes, signature: bytes) -> str:
    try:
        return recover_address(digest, signature)
    except SignatureError:
        return "SIGNATURE_INVALID"


def test_which_addresses_it_takes(given: dict[str, Any], found: Any) -> None:
    assert found["addresses"] == [_address(text) for text in given["addresses"]]


def _address(text: str) -> str | None:
    try:
        return checksum_address(text)
    except AddressError:
        return None


def test_its_canonical_form(given: dict[str, Any], found: Any) -> None:
    assert found["canonical"] == [canonical_json(value).decode() for value in given["values"]]
