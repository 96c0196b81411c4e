"""Documents, proofs and bundles that every verifier refuses, each with its code."""

import copy
import json
from collections.abc import Iterator
from typing import Any

from dev.conformance.case import Case, Document, body, changed, rehashed, signed, without
from dev.conformance.valid import SECOND, TRUSTED
from teleprompt.attest.document import Attestation, content_hash
from teleprompt.attest.issue import serialize
from teleprompt.attest.proofs import RewardTree
from teleprompt.attest.signing import sign
from teleprompt.encoding.merkle import MerkleTree, leaf_hash, word_of_address, word_of_int
from teleprompt.records import MILLION
from teleprompt.signing.recover import SECP256K1_ORDER
from tests.attest.comparisons import FISHER, SIGN_FLIP, WEEKS, right_or_wrong
from tests.attest.comparisons import TRIAL as ON_TRIAL
from tests.attest.documents import BODY, DOCUMENT, SIGNED, SIGNER, SIGNER_ADDRESS
from tests.attest.test_bundle import TRIAL, TRIAL_SCORES, bundle, of_one_comparison
from tests.attest.test_bundle_calls import CALLS
from tests.attest.test_bundle_calls import DOCUMENT as OF_CALLS
from tests.attest.test_bundle_calls import bundle as bundle_of_calls
from tests.attest.test_evidence import CONTRADICTIONS, with_evidence
from tests.attest.test_verify_js import DOCUMENT as WITH_TREE
from tests.attest.test_verify_js import OTHER_TRACE, REWARD, THIEF, TOTAL, TRACE
from tests.support import ALICE, BOB

TEXT = serialize(SIGNED)
ALONE, ALONE_SCORES = of_one_comparison(right_or_wrong(30, 5, 20, 45))


def invalid_cases() -> Iterator[Case]:
    """In the order in which a verifier looks for what is wrong."""
    for name, code, data in _bytes():
        yield Case(name, code, data)
    yield Case("too-large", "TOO_LARGE", DOCUMENT, spaces=4 * 2**20)
    for name, document in _forms():
        yield Case(f"form-{name}", "BAD_SCHEMA", rehashed(document))
    yield Case("changed-content", "HASH_MISMATCH", changed("evidence", "n", to=1001))
    yield Case("changed-hash", "HASH_MISMATCH", changed("attestation_hash", to="0" * 64))
    yield Case("changed-id", "ID_MISMATCH", _with_id("0" * 12))
    for name, code, document in _contents():
        yield Case(name, code, rehashed(document))
    for i, (document, said) in enumerate(CONTRADICTIONS):
        yield Case(f"evidence-{i:02}-{_slug(said)}", "EVIDENCE_MISMATCH", document)
    yield from _signatures()
    yield from _expectations()
    for name, proof in _proofs():
        yield Case(f"proof-{name}", "PROOF_INVALID", WITH_TREE, files={"--proof": proof})
    for name, document, data in _bundles():
        yield Case(f"bundle-{name}", "BUNDLE_INVALID", document, files={"--bundle": data})


def _slug(said: str) -> str:
    return "-".join("".join(letter if letter.isalnum() else " " for letter in said.lower()).split())


def _bytes() -> list[tuple[str, str, bytes]]:
    return [
        ("empty", "NOT_JSON", b""),
        ("not-utf-8", "NOT_UTF8", TEXT.encode().replace(b"EmailDraft", b"EmailDraft\xff")),
        ("utf-16", "NOT_UTF8", TEXT.encode("utf-16")),
        ("byte-order-mark", "NOT_JSON", b"\xef\xbb\xbf" + TEXT.encode()),
        ("17-levels", "TOO_DEEP", b"[" * 17 + b"]" * 17),
        ("17-levels-that-do-not-end", "TOO_DEEP", b"[" * 17),
        ("16-levels", "BAD_SCHEMA", b"[" * 16 + b"]" * 16),
        ("cut-off", "NOT_JSON", TEXT.encode()[:-3]),
        ("two-documents", "NOT_JSON", TEXT.encode() * 2),
        ("comma-at-the-end", "NOT_JSON", b'{"a": 1,}'),
        ("comment", "NOT_JSON", b"/* */ {}"),
        ("line-break-in-a-text", "NOT_JSON", b'{"a": "\n"}'),
        ("unknown-escape", "NOT_JSON", b'{"a": "\\x41"}'),
        ("leading-zero", "NOT_JSON", b'{"a": 01}'),
        ("same-key-twice", "DUPLICATE_KEY", TEXT.replace("{", '{"attestation_id": "000000000000", ', 1).encode()),
        ("same-key-twice-escaped", "DUPLICATE_KEY", b'{"a": 1, "\\u0061": 2}'),
        ("same-key-twice-then-cut-off", "DUPLICATE_KEY", b'[{"a": 1, "a": 2}'),
        ("1001-keys", "TOO_LARGE", json.dumps({str(i): i for i in range(1001)}).encode()),
        ("not-a-number", "BAD_NUMBER", TEXT.replace("0.023", "NaN").encode()),
        ("infinity", "BAD_NUMBER", b'{"a": -Infinity}'),
        ("number-out-of-range", "BAD_NUMBER", TEXT.replace("15000", "1e400", 1).encode()),
        ("number-beyond-2-53", "BAD_NUMBER", TEXT.replace("15000", "9007199254740993", 1).encode()),
        ("negative-zero", "BAD_NUMBER", b'{"a": -0}'),
        ("number-of-26-digits", "BAD_NUMBER", b'{"a": 0.020000000000000000000000}'),
        ("a-list", "BAD_SCHEMA", b"[]"),
        ("null", "BAD_SCHEMA", b"null"),
    ]


def _forms() -> Iterator[tuple[str, Document]]:
    for name, path, value in (
        ("another-version", ("schema_version",), "1.1"),
        ("extra-field", ("extra",), 1),
        ("extra-field-inside", ("evidence", "extra"), 1),
        ("null-for-what-is-left-out", ("evidence",), None),
        ("whole-number-with-a-point", ("evidence", "n"), "POINT"),
        ("truth-for-a-number", ("contributors", 0, "trace_count"), True),
        ("number-for-truth", ("performance", "deltaone_achieved"), 1),
        ("text-for-a-number", ("contributors", 0, "weight"), "0.7"),
        ("seven-decimals", ("contributors", 0, "weight"), 0.7000001),
        ("negative-count", ("contributors", 0, "trace_count"), -1),
        ("address-in-lower-case", ("contributors", 0, "address"), ALICE.lower()),
        ("address-of-zero", ("contributors", 0, "address"), "0x" + "0" * 40),
        ("no-contributors", ("contributors",), []),
        ("day-that-is-none", ("timestamp",), "2026-02-30T00:00:00Z"),
        ("time-without-zone", ("timestamp",), "2026-01-15T12:00:00"),
        ("hour-24", ("timestamp",), "2026-01-15T24:00:00Z"),
        ("upper-case-digest", ("program", "code_digest"), "E" * 64),
        ("space-around-a-name", ("model_info", "model_id"), " EmailDraft"),
        ("unseen-letter", ("model_info", "model_id"), "Email\u200bDraft"),
        ("unseen-filler", ("model_info", "model_id"), "Email\u3164Draft"),
        ("unseen-mark", ("model_info", "model_id"), "EmailDraft\ufe0f"),
        ("letters-not-composed", ("model_info", "model_id"), "Cafe\u0301"),
        ("201-letters", ("model_info", "model_id"), "a" * 201),
        ("unknown-test", ("evidence", "test"), "astrology"),
        ("unknown-kind", ("evidence", "kind"), "hearsay"),
        ("verdict-that-is-none", ("evidence", "verdict"), "inconclusive"),
        ("confidence-of-a-half", ("evidence", "confidence_e6"), 500_000),
        ("missing-address", ("contributors", 2, "quarantine"), "lost"),
    ):
        yield name, changed(*path, to=1000.0 if value == "POINT" else value)
    for name, document, fields in (
        ("compared-with-nothing-known", SIGN_FLIP, {"compared": "users"}),
        ("compared-with-nothing", SIGN_FLIP, {"compared": None}),
        ("compared-in-production", FISHER, {"compared": "agreement"}),
        ("no-relatives", ON_TRIAL, {"trial__relatives": 0}),
        ("relatives-without-a-trial", SIGN_FLIP, {"relatives": 1}),
        ("missing-are-guessed", WEEKS, {"missing_are": "guessed"}),
        ("no-weeks", WEEKS, {"weeks": 0}),
    ):
        yield name, with_evidence(document, **fields)
    yield "missing-field", without("model_info", "optimization_strategy")
    yield "proof-is-a-list-of-one", changed("proof", to=[DOCUMENT["proof"]])


def _with_id(wrong: str) -> Document:
    """Hashed with an id that does not follow from the content."""
    content = {name: value for name, value in without("proof").items() if name != "attestation_hash"}
    content["attestation_id"] = wrong
    return {**content, "attestation_hash": content_hash(content)}


def _contents() -> Iterator[tuple[str, str, Document]]:
    for name, code, path, value in (
        ("empty-window", "BAD_DATES", ("optimization_metadata", "date_range", "end"), "2026-01-01T00:00:00Z"),
        ("decided-before-the-end", "BAD_DATES", ("timestamp",), "2026-01-14T23:59:59.999Z"),
        ("decided-in-2100", "BAD_DATES", ("timestamp",), "2100-01-01T00:00:00Z"),
        ("same-version", "SAME_PROGRAM", ("model_info", "baseline_version"), BODY["model_info"]["optimized_version"]),
        ("same-state", "SAME_PROGRAM", ("program", "baseline_digest"), "d" * 64),
        ("gain-is-not-the-difference", "DELTA_MISMATCH", ("performance", "performance_delta"), 0.024),
        ("metrics-differ", "DELTA_MISMATCH", ("performance", "baseline_metrics", "other"), 0.5),
        ("metric-is-missing", "DELTA_MISMATCH", ("performance", "baseline_metrics"), {}),
        ("deltaone-is-denied", "BELOW_THRESHOLD", ("performance", "deltaone_achieved"), False),
        ("gain-differs-from-evidence", "EVIDENCE_MISMATCH", ("evidence", "delta_e6"), 24_000),
        ("claims-too-much", "EVIDENCE_MISMATCH", ("evidence", "claim"), "proven"),
        ("weights-do-not-sum-to-1", "WEIGHTS_SUM", ("contributors", 0, "weight"), 0.6),
        ("same-contributor-twice", "DUPLICATE_CONTRIBUTOR", ("contributors", 0, "contributor_id"), "bob"),
        ("same-address-twice", "DUPLICATE_CONTRIBUTOR", ("contributors", 0, "address"), BOB),
        ("unknown-method", "WEIGHTS_SUM", ("weighting_method",), "goodwill"),
        ("value-is-missing", "WEIGHTS_SUM", ("weighting_method",), "group_shapley"),
        ("above-the-cap", "WEIGHTS_SUM", ("credit", "cap_e6"), 500_000),
        ("no-address-and-no-reason", "QUARANTINE_MISMATCH", ("contributors", 1, "address"), None),
        ("address-and-quarantine", "QUARANTINE_MISMATCH", ("contributors", 2, "address"), SIGNER_ADDRESS),
        ("traces-do-not-add-up", "COUNT_MISMATCH", ("optimization_metadata", "trace_count"), 14_999),
        ("parts-do-not-add-up", "COUNT_MISMATCH", ("contributors", 0, "used", "gate"), 3_999),
        ("more-demonstrations-than-traces", "COUNT_MISMATCH", ("contributors", 0, "used", "demos"), 4_501),
        ("tree-of-other-traces", "COUNT_MISMATCH", ("data", "traces_count"), 14_999),
    ):
        yield name, code, changed(*path, to=value)
    yield "root-without-count", "COUNT_MISMATCH", without("data", "traces_count")
    swapped = changed("contributors", 1, "weight", to=0.7, of=changed("contributors", 0, "weight", to=0.2))
    yield "weights-of-each-other", "WEIGHTS_SUM", swapped
    fallen = body(evidence={**BODY["evidence"], "threshold_e6": 30_000})
    fallen["performance"]["deltaone_achieved"] = False
    yield "below-its-threshold", "BELOW_THRESHOLD", signed(fallen)


def _signatures() -> Iterator[Case]:
    own, signature = DOCUMENT["proof"], bytes.fromhex(DOCUMENT["proof"]["signature"][2:])
    high = (SECP256K1_ORDER - int.from_bytes(signature[32:64])).to_bytes(32, "big")
    two = json.loads(serialize(sign(SIGNED, [SECOND])))["proof"]
    wrong = {
        "high-s": {**own, "signature": f"0x{(signature[:32] + high + bytes([55 - signature[64]])).hex()}"},
        "v-of-0-or-1": {**own, "signature": f"0x{(signature[:64] + bytes([signature[64] - 27])).hex()}"},
        "zeros": {**own, "signature": f"0x{bytes(65).hex()}"},
        "of-another-digest": {**own, "signature": f"0x{SIGNER.sign(bytes(32)).hex()}"},
        "of-another-signer": {**own, "signer": SECOND.address},
        "in-descending-order": two[::-1],
        "twice-the-same": [two[0]] * 2,
    }
    for name, proof in wrong.items():
        yield Case(f"signature-{name}", "SIGNATURE_INVALID", changed("proof", to=proof))
    yield Case(
        "signature-of-other-content", "SIGNATURE_INVALID", rehashed(changed("data", "snapshot_digest", to="f" * 64))
    )
    yield Case("signature-is-missing", "SIGNATURE_MISSING", without("proof"), ("--require-signature",))
    yield Case(
        "signature-of-the-trusted-is-missing", "SIGNATURE_MISSING", without("proof"), ("--signer", SIGNER_ADDRESS)
    )
    yield Case("signed-by-a-stranger", "SIGNER_UNTRUSTED", signed(BODY, SECOND), TRUSTED)
    yield Case(
        "signed-once-of-two", "SIGNATURES_TOO_FEW", DOCUMENT, (*TRUSTED, "--signer", SECOND.address, "--threshold", "2")
    )
    yield Case("signed-once-of-any-two", "SIGNATURES_TOO_FEW", DOCUMENT, ("--threshold", "2"))


def _expectations() -> Iterator[Case]:
    yield Case("another-program", "PROGRAM_UNEXPECTED", DOCUMENT, ("--program", "Shelves"))
    yield Case("another-version", "VERSION_UNEXPECTED", DOCUMENT, ("--version", "1.0.0"))
    yield Case("another-state", "STATE_UNEXPECTED", DOCUMENT, files={"--state": b"{}"})
    yield Case("too-old", "TOO_OLD", DOCUMENT, ("--after", "2026-01-15T12:00:01Z"))
    unbacked = signed(body(evidence=None, performance=_reply_rates()))
    yield Case("evidence-is-missing", "EVIDENCE_MISSING", unbacked, ("--require-evidence",))
    yield Case("untrusted-before-unexpected", "SIGNER_UNTRUSTED", DOCUMENT, ("--signer", ALICE, "--program", "Shelves"))


def _reply_rates() -> dict[str, Any]:
    rates = {"baseline_metrics": {"reply_rate": 0.1}, "optimized_metrics": {"reply_rate": 0.12}}
    return {"deltaone_achieved": True, "performance_delta": 0.02, **rates}


def _proofs() -> Iterator[tuple[str, Any]]:
    stolen = leaf_hash(word_of_address(THIEF) + word_of_int(TOTAL))
    yield "that-is-none", DOCUMENT
    yield "that-is-no-json", b"{"
    yield "of-another-attestation", {**REWARD, "attestation_hash": "0" * 64}
    yield (
        "with-a-tree-of-its-own",
        {**REWARD, "root": f"0x{MerkleTree([stolen]).root.hex()}", "proof": [], "leaf": [THIEF, str(TOTAL)]},
    )
    yield "of-anothers-reward", {**REWARD, "leaf": [BOB, REWARD["leaf"][1]]}
    yield "of-twice-the-total", {**REWARD, "total": str(2 * TOTAL)}
    more = RewardTree(Attestation.model_validate(WITH_TREE), TOTAL + 1).prove("alice").model_dump(mode="json")
    yield "of-another-total", {**more, "total": str(TOTAL)}
    yield "with-a-sibling-less", {**TRACE, "proof": TRACE["proof"][:-1]}
    yield "of-another-trace", {**TRACE, "trace": OTHER_TRACE["trace"], "salt": OTHER_TRACE["salt"]}
    yield "with-anothers-salt", {**TRACE, "salt": OTHER_TRACE["salt"]}
    yield "of-another-score", {**TRACE, "leaf": [*TRACE["leaf"][:2], "999999"]}
    yield "with-65-siblings", {**TRACE, "proof": ["0x" + "0" * 64] * 65}


def _bundles() -> Iterator[tuple[str, Document, Any]]:
    for name, path, value in (
        ("with-another-score", ("windows", 0, "examples", 70, 3), MILLION),
        (
            "with-an-example-less",
            ("windows", 0, "examples"),
            TRIAL_SCORES.model_dump(mode="json")["windows"][0]["examples"][1:],
        ),
        ("with-another-policy", ("policy", "alpha"), 0.2),
        ("without-windows", ("windows",), []),
    ):
        data = copy.deepcopy(bundle(ALONE, ALONE_SCORES))
        place: Any = data["scores"]
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        yield name, ALONE, data
    changed = copy.deepcopy(bundle_of_calls(OF_CALLS, CALLS))
    changed["scores"]["calls"][7][5] = MILLION // 2
    yield "with-another-outcome", OF_CALLS, changed
    yield "of-another-document", ALONE, bundle(TRIAL, TRIAL_SCORES)
    yield "of-a-document-that-signs-no-scores", FISHER, bundle(ALONE, ALONE_SCORES)
    another_p = with_evidence(TRIAL, p_value_e6=TRIAL["evidence"]["p_value_e6"] + 1)
    yield "that-gives-another-p", another_p, bundle(another_p, TRIAL_SCORES)
    another_end = with_evidence(TRIAL, ci_low_e6=TRIAL["evidence"]["ci_low_e6"] - 1)
    yield "that-gives-another-interval", another_end, bundle(another_end, TRIAL_SCORES)
