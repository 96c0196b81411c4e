"""The independent check, docs/scripts/verify.js: it says of every file what `attest verify` says, code by code."""

import base64
import copy
import json
import random
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from teleprompt.attest.codes import Code, InvalidAttestationError
from teleprompt.attest.document import Attestation, content_hash, content_id
from teleprompt.attest.issue import serialize
from teleprompt.attest.load import load_attestation
from teleprompt.attest.proofs import RewardTree, check_proof, load_proof, prove_trace
from teleprompt.attest.published import serialize_list
from teleprompt.attest.signing import sign
from teleprompt.attest.trust_list_signing import sign_list
from teleprompt.attest.verify import verify_attestation
from teleprompt.attribution.trace_tree import trace_tree
from teleprompt.deltaone.verdict import Verdict
from teleprompt.encoding.canonical_json import digest_of
from teleprompt.encoding.merkle import MerkleTree, leaf_hash, word_of_address, word_of_int
from teleprompt.signing.recover import SECP256K1_ORDER
from teleprompt.signing.signer import open_signer
from tests import REPOSITORY
from tests.attest.comparisons import POLICY, VALID, alone, document_of, right_or_wrong
from tests.attest.documents import BODY, SIGNER, SIGNER_ADDRESS
from tests.attest.test_evidence import CONTRADICTIONS, with_evidence
from tests.attest.test_trust_list import a_list
from tests.stock_tools import NPM, needs, node_alone
from tests.support import ALICE, BOB, local_signer, trace_row

SCRIPT = REPOSITORY / "docs/scripts/verify.js"
STRANGER = open_signer(local_signer("22" * 32))
THIEF = "0x000000000000000000000000000000000000dEaD"
SECRET = "5a" * 32
TOTAL = 10**21
ROWS = [
    trace_row(trace_id=f"t{i}", contributor_address=address, score_e6=100_000 * i)
    for i, address in enumerate((ALICE, BOB, None, ALICE))
]
ROOT = trace_tree(ROWS, bytes.fromhex(SECRET)).root.hex()
SIGNED = sign(Attestation.compose({**BODY, "data": {**BODY["data"], "traces_root": ROOT}}), [SIGNER])
TWICE = sign(SIGNED, [STRANGER])
DOCUMENT: dict[str, Any] = json.loads(serialize(SIGNED))
REWARD: dict[str, Any] = RewardTree(SIGNED, TOTAL).prove("alice").model_dump(mode="json")
TRACE: dict[str, Any] = prove_trace(SIGNED, ROWS, SECRET, "t1").model_dump(mode="json")
OTHER_TRACE: dict[str, Any] = prove_trace(SIGNED, ROWS, SECRET, "t3").model_dump(mode="json")
UNOWNED_TRACE: dict[str, Any] = prove_trace(SIGNED, ROWS, SECRET, "t2").model_dump(mode="json")

Case = tuple[bytes, list[bytes]]
"""A document's file, and the files of proofs against it."""


def written(value: Any) -> bytes:
    return json.dumps(value).encode()


def we_say(case: Case, *, trusted: tuple[str, ...] = (SIGNER_ADDRESS,)) -> str:
    """The code of the first thing that is wrong."""
    data, proofs = case
    code = _code_of_document(data, trusted)
    if code is not Code.OK:
        return code
    try:
        for proof in proofs:
            check_proof(load_attestation(data)[0], load_proof(proof))
    except InvalidAttestationError as error:
        return error.code
    return code


@cache
def _code_of_document(data: bytes, trusted: tuple[str, ...]) -> Code:
    return verify_attestation(data, trusted_signers=trusted, require_signature=True).code


def script_says(cases: list[Case], *, trusted: tuple[str, ...] = (SIGNER_ADDRESS,)) -> list[str]:
    encoded = [
        {
            "document": base64.b64encode(data).decode(),
            "proofs": [base64.b64encode(proof).decode() for proof in proofs],
            "options": {"signers": trusted, "requireSignature": True},
        }
        for data, proofs in cases
    ]
    return [answer["code"] for answer in node_alone(NPM / "verify_many.js", str(SCRIPT), given=encoded)]


def assert_both_say_the_same(cases: list[Case]) -> list[str]:
    """What both say."""
    ours, theirs = [we_say(case) for case in cases], script_says(cases)
    differ = [(we, they, case) for we, they, case in zip(ours, theirs, cases, strict=True) if we != they]
    assert not differ, f"{len(differ)} of {len(cases)}, the first: {differ[0]}"
    return ours


def assert_both_refuse(cases: list[Case]) -> None:
    assert "OK" not in assert_both_say_the_same(cases)


def assert_most_are_refused(cases: list[Case]) -> None:
    assert assert_both_say_the_same(cases).count("OK") < 0.1 * len(cases)


def rehashed(document: dict[str, Any]) -> dict[str, Any]:
    """With hash and id as they follow from the content, and the proof that was there."""
    body = {k: v for k, v in document.items() if k not in {"proof", "attestation_hash", "attestation_id"}}
    body["attestation_id"] = content_id(body)
    return {**body, "attestation_hash": content_hash(body), **{k: document[k] for k in {"proof"} & document.keys()}}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths to all values below a JSON value."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*path, key)
        yield from places(inner, (*path, key))


def others(value: Any) -> list[Any]:
    """Values that might stand in its place."""
    near: list[Any] = [None, True, 0, 1, "", [], {}, [value], f"{value}0", str(value).upper(), str(value).lower()]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        near += [value + 1, value - 0.000001, -value, str(value)]
    if isinstance(value, str) and value.startswith("0x"):
        near += [THIEF, value[:-1], value + "\n", " " + value, "0x" + value[2:].upper(), value[:-1] + "0"]
    if isinstance(value, list):
        near += [value[::-1], value[:-1], value + value[:1]]
    return [other for other in near if other != value or type(other) is not type(value)]


def mutations(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each value replaced, each key removed, and one added to each object."""
    for path in places(value):
        parent: Any = value
        for key in path[:-1]:
            parent = parent[key]
        for other in others(parent[path[-1]]):
            yield _changed(value, path, lambda place, key, other=other: place.__setitem__(key, other))
        yield _changed(value, path, lambda place, key: place.__delitem__(key))
        if isinstance(parent[path[-1]], dict):
            yield _changed(value, (*path, "extra"), lambda place, key: place.__setitem__(key, 1))
    yield {**value, "extra": 1}


def _changed(value: Any, path: tuple[Any, ...], change: Callable[[Any, Any], object]) -> Any:
    result = copy.deepcopy(value)
    place = result
    for key in path[:-1]:
        place = place[key]
    change(place, path[-1])
    return result


def test_genuine_files_are_taken_by_both() -> None:
    unspaced = serialize(SIGNED).encode()
    reordered = json.dumps(dict(reversed(DOCUMENT.items())), indent=7).encode()
    proofs = [written(proof) for proof in (REWARD, TRACE, OTHER_TRACE, UNOWNED_TRACE)]
    others = [RewardTree(SIGNED, total).prove("bob").model_dump(mode="json") for total in (7, 99_999_999, 2**255)]
    cases: list[Case] = [
        (unspaced, proofs),
        (reordered, [*map(written, others)]),
        (serialize(TWICE).encode(), proofs),
    ]
    assert set(assert_both_say_the_same(cases)) == {"OK"}


def test_credit_that_is_shared_gives_the_same_tree() -> None:
    body = copy.deepcopy(BODY)
    body["credit"]["unpayable"] = "share"
    body["contributors"][2]["quarantine"] = "no_address"
    body["contributors"][2]["contributor_id"] = "\U0001f600"
    shared = sign(Attestation.compose(body), [SIGNER])
    proofs = [RewardTree(shared, total).prove("bob").model_dump(mode="json") for total in (10, 1001, TOTAL + 1)]
    case = (serialize(shared).encode(), [written(proof) for proof in proofs])
    assert assert_both_say_the_same([case]) == ["OK"]


def test_every_change_of_the_document_is_refused() -> None:
    changed = list(mutations(DOCUMENT))
    kept = [(written(document), []) for document in changed]
    assert_most_are_refused(kept)
    assert_most_are_refused([(written(rehashed(document)), []) for document in changed if _has_content(document)])


def _has_content(document: dict[str, Any]) -> bool:
    return document.get("attestation_hash") == DOCUMENT["attestation_hash"]


def test_every_other_signature_is_refused() -> None:
    own, signature = DOCUMENT["proof"], bytes.fromhex(DOCUMENT["proof"]["signature"][2:])
    two = json.loads(serialize(TWICE))["proof"]
    high = (SECP256K1_ORDER - int.from_bytes(signature[32:64])).to_bytes(32, "big")
    flipped = bytes([55 - signature[64]])
    odd = [
        signature[:32] + high + flipped,
        signature[:64] + bytes([signature[64] - 27]),
        signature[:64] + bytes([signature[64] + 8]),
        signature[:64],
        signature[:32] + bytes([signature[32] | (signature[64] - 27) << 7]) + signature[33:64],  # EIP-2098
        bytes(65),
        STRANGER.sign(bytes(32)),
    ]
    proofs: list[Any] = [
        None, [], {}, [own], [own, own], two[::-1], [two[0]] * 2, [*two, two[1]], [two, two], "signed",
        [{**own, "signer": two[0]["signer"]}, own],
        *({**own, "signature": f"0x{data.hex()}"} for data in odd),
        {**own, "signature": own["signature"].upper()}, {**own, "signer": own["signer"].lower()},
        {**own, "extra": 1}, {**own, "type": "eip191"}, {"signer": own["signer"], "signature": own["signature"]},
    ]  # fmt: skip
    cases: list[Case] = [(written({**DOCUMENT, "proof": proof}), []) for proof in proofs]
    cases.append((written({k: v for k, v in DOCUMENT.items() if k != "proof"}), []))
    assert_both_refuse(cases)


def test_a_stranger_who_signs_what_he_made_up_is_not_the_one_who_is_trusted() -> None:
    forged = Attestation.compose({**BODY, "timestamp": "2026-01-16T12:00:00Z"})
    case: Case = (serialize(sign(forged, [STRANGER])).encode(), [])
    assert assert_both_say_the_same([case]) == ["SIGNER_UNTRUSTED"]
    assert (we_say(case, trusted=()), script_says([case], trusted=())) == ("OK", ["OK"])


def test_bytes_that_parsers_read_in_more_than_one_way_are_refused() -> None:
    text = serialize(SIGNED)
    twice = text.replace("{", '{"attestation_id": "000000000000", ', 1)
    escaped = text.replace("{", '{"attestation_i\\u0064": "000000000000", ', 1)
    cases: list[Case] = [
        (data, [])
        for data in (
            b"", b"null", b"[]", b'"x"', twice.encode(), escaped.encode(), b"\xef\xbb\xbf" + text.encode(),
            text.encode() + b"{}", text.encode("utf-16"), text.replace("EmailDraft", "EmailDraft\ufffd").encode(),
            text.encode().replace(b"EmailDraft", b"EmailDraft\xff"),
            text.replace("0.023", "0.02300000000000000000000000").encode(), text.replace("0.023", "NaN").encode(),
            text.replace("15000", "15000.0e400").encode(), text.replace("15000", "9007199254740993").encode(),
            text.replace("EmailDraft", "EmailDraft\\ud800").encode(), b"[" * 100_000, b" " * 2**22 + text.encode(),
        )
    ]  # fmt: skip
    assert_both_refuse(cases)


@pytest.mark.parametrize("proof", [REWARD, TRACE, UNOWNED_TRACE], ids=["reward", "trace", "trace without address"])
def test_every_change_of_a_proof_is_refused(proof: dict[str, Any]) -> None:
    document = written(DOCUMENT)
    assert_most_are_refused([(document, [written(changed)]) for changed in mutations(proof)])


def test_forged_proofs_that_hold_in_themselves_are_refused() -> None:
    stolen = leaf_hash(word_of_address(THIEF) + word_of_int(TOTAL))
    other = sign(Attestation.compose({**BODY, "timestamp": "2026-01-16T12:00:00Z"}), [SIGNER])
    theirs = RewardTree(other, TOTAL).prove("alice").model_dump(mode="json")
    proofs: list[dict[str, Any]] = [
        {**REWARD, "root": f"0x{MerkleTree([stolen]).root.hex()}", "proof": [], "leaf": [THIEF, str(TOTAL)]},
        {**REWARD, "leaf": [BOB, REWARD["leaf"][1]]},
        {**REWARD, "total": str(2 * TOTAL)},
        {**REWARD, **RewardTree(SIGNED, TOTAL + 1).prove("alice").model_dump(mode="json"), "total": str(TOTAL)},
        {**REWARD, "leaf": [THIEF, "0"], "proof": []},
        {**theirs, "attestation_hash": "0" * 64},
        {**TRACE, "type": "reward", "total": str(TOTAL)},
        {**TRACE, "salt": OTHER_TRACE["salt"]},
        {**TRACE, "trace": OTHER_TRACE["trace"]},
        {**TRACE, "trace": OTHER_TRACE["trace"], "salt": OTHER_TRACE["salt"]},
        {**TRACE, "leaf": OTHER_TRACE["leaf"]},
        {**TRACE, "leaf": [OTHER_TRACE["leaf"][0], *TRACE["leaf"][1:]]},
        {**UNOWNED_TRACE, "trace": {**UNOWNED_TRACE["trace"], "contributor_address": "0x" + "0" * 40}},
        _self_made(TRACE, contributor_address=THIEF),
        _self_made(TRACE, inputs={"question": "mine"}),
    ]
    cases = [(written(DOCUMENT), [written(proof)]) for proof in proofs]
    cases.append((written(DOCUMENT), [written(REWARD)[:-1] + b', "total": "1"}']))
    cases.append((written(DOCUMENT), [written(REWARD), written(proofs[0])]))
    cases.append((serialize(other).encode(), [written(REWARD)]))
    without = sign(Attestation.compose({k: v for k, v in BODY.items() if k != "data"}), [SIGNER])
    stray = {**TRACE, "attestation_hash": without.attestation_hash, "root": "0xundefined"}
    cases.append((serialize(without).encode(), [written(stray)]))
    assert_both_refuse(cases)


def _self_made(proof: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A proof of a trace of one's own, with a tree of one's own over it."""
    trace = {**proof["trace"], **changes}
    digest = digest_of({"salt": proof["salt"], "trace": trace})
    address, score = trace["contributor_address"], trace["score_e6"]
    leaf = leaf_hash(bytes.fromhex(digest) + word_of_address(address) + word_of_int(score))
    made = {"trace": trace, "leaf": [f"0x{digest}", address, str(score)], "root": f"0x{leaf.hex()}", "proof": []}
    return {**proof, **made}


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["a.json", "p.json"], 0, f"signed by {SIGNER_ADDRESS}, whom you did not name"),
        (["--signer", SIGNER_ADDRESS, "a.json", "p.json"], 0, "base units are due to"),
        (["--signer", ALICE, "--signer", SIGNER_ADDRESS, "a.json"], 0, f"valid: OK (signed by {SIGNER_ADDRESS})"),
        (["--signer", ALICE, "a.json"], 1, "INVALID: SIGNER_UNTRUSTED"),
        (["--signer", SIGNER_ADDRESS, "--signer", ALICE, "--threshold", "2", "a.json"], 1, "SIGNATURES_TOO_FEW"),
        (["--program", "EmailDraft", "--after", "2026-01-15T12:00:00Z", "a.json"], 0, "program, after: as you expect"),
        (["--program", "Shelves", "a.json"], 1, "INVALID: PROGRAM_UNEXPECTED"),
        (["--state", "p.json", "a.json"], 1, "INVALID: STATE_UNEXPECTED"),
        (["--json", "a.json"], 0, '"level":"signed"'),
        (["u.json"], 1, "INVALID: SIGNATURE_MISSING"),
        (["--unsigned", "u.json"], 0, "not signed: consistent in itself, but anyone could write it"),
        (["p.json"], 1, "INVALID: BAD_SCHEMA"),
        (["--signer", ALICE, "--threshold", "0", "a.json"], 2, "a threshold is 1 or more"),
        (["--signer", ALICE, "--threshold", "none", "a.json"], 2, "a threshold is 1 or more"),
        (["--signer", "0x1", "a.json"], 2, "0x1 is no address"),
        (["--after", "yesterday", "a.json"], 2, "a time looks like"),
        (["--signers", "p.json", "a.json"], 2, "this is no list of signers"),
        (["--signers", "s.json", "a.json"], 0, "it was not revoked"),
        (["--signers", "s.json", "--list-signer", SIGNER_ADDRESS, "--list-number", "3", "a.json"], 0, "valid: OK"),
        (["--signers", "s.json", "--list-signer", ALICE, "a.json"], 2, f"is not signed by {ALICE}, but by"),
        (["--signers", "s.json", "--list-number", "4", "a.json"], 2, "has the number 3, not 4 or more"),
        (["--signers", "s.json", "--list-number", "some", "a.json"], 2, "a number is 1 or more"),
        (["nothing.json"], 2, "no such file"),
        ([], 2, "node verify.js"),
    ],
)
def test_the_command(tmp_path: Path, arguments: list[str], status: int, said: str) -> None:
    needs("node")
    (tmp_path / "a.json").write_text(serialize(SIGNED))
    (tmp_path / "u.json").write_bytes(written({k: v for k, v in DOCUMENT.items() if k != "proof"}))
    (tmp_path / "p.json").write_bytes(written(REWARD))
    (tmp_path / "s.json").write_text(serialize_list(sign_list(a_list(number=3), [SIGNER])))
    command = ["node", str(SCRIPT), *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    assert said in done.stdout + done.stderr


def test_what_a_file_holds_writes_no_lines_of_its_own(tmp_path: Path) -> None:
    needs("node")
    proof = {**TRACE, "trace": {**TRACE["trace"], "trace_id": "t1\nok    Signature  signed by a friend\x1b[2J"}}
    (tmp_path / "a.json").write_bytes(written({**DOCUMENT, "\nok    Signature": 1}))
    (tmp_path / "p.json").write_bytes(written(proof))
    command = ["node", str(SCRIPT), "a.json", "p.json"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    assert "\x1b" not in said
    assert "friend" not in said.replace("\\n", "")


def _signed(document: dict[str, Any]) -> Case:
    """As somebody signs it whom the verifier trusts."""
    body = {k: v for k, v in document.items() if k not in {"attestation_id", "attestation_hash"}}
    return serialize(sign(Attestation.compose(body), [SIGNER])).encode(), []


def test_evidence_of_each_kind_is_taken_by_both() -> None:
    assert set(assert_both_say_the_same([_signed(document) for document in VALID.values()])) == {"OK"}


def test_figures_that_contradict_each_other_are_refused_by_both() -> None:
    said = assert_both_say_the_same([_signed(document) for document, _ in CONTRADICTIONS])
    assert set(said) == {"EVIDENCE_MISMATCH"}


@pytest.mark.parametrize("test", VALID)
def test_every_change_that_is_signed_anew_is_judged_alike(test: str) -> None:
    """By a signer who is trusted and lies, so that only the figures can tell."""
    genuine = json.loads(_signed(VALID[test])[0])
    changed = [one for one in mutations(genuine) if one.get("attestation_hash") == genuine["attestation_hash"]]
    assert_most_are_refused([_signed_if_possible(document) for document in changed])


def _signed_if_possible(document: dict[str, Any]) -> Case:
    try:
        return _signed(document)
    except ValueError:  # it is of no form that anybody here would sign
        return written(rehashed(document)), []


def test_figures_next_to_the_right_ones_are_judged_alike() -> None:
    """Exact tests and intervals, computed by two programs in floating point, to the last millionth."""
    draw = random.Random(11)
    cases = []
    for _ in range(60):
        wins = draw.randrange(20, 400)
        losses = draw.randrange(wins // 3)
        pairs = right_or_wrong(wins, losses, draw.randrange(800), draw.randrange(800))
        report = alone(pairs, policy=POLICY.model_copy(update={"alpha": draw.uniform(0.001, 0.2)}))
        if report.verdict is not Verdict.PROMOTE:
            continue
        document = document_of(report)
        name = draw.choice(["p_value_e6", "ci_low_e6", "ci_high_e6"])
        near = [document["evidence"][name] + step for step in (-1, 0, 1)]
        cases += [_signed_if_possible(with_evidence(document, **{name: value})) for value in near]
    said = assert_both_say_the_same(cases)
    assert 20 < said.count("OK") < 0.6 * len(said)
