"""Documents, proofs and bundles that every verifier takes."""

import json
from collections.abc import Iterator
from typing import Any

from dev.conformance.case import Case, body, signed, without
from teleprompt.attest.document import Attestation
from teleprompt.attest.issue import serialize
from teleprompt.attest.proofs import RewardTree
from teleprompt.signing.signer import open_signer
from tests.attest.comparisons import SIGN_FLIP, VALID
from tests.attest.documents import BODY, DOCUMENT, SIGNED, SIGNER, SIGNER_ADDRESS
from tests.attest.test_bundle import bundle
from tests.attest.test_bundle_calls import CALLS
from tests.attest.test_bundle_calls import DOCUMENT as OF_CALLS
from tests.attest.test_bundle_calls import bundle as bundle_of_calls
from tests.attest.test_evidence import with_evidence
from tests.attest.test_verify_js import DOCUMENT as WITH_TREE
from tests.attest.test_verify_js import REWARD, TRACE, UNOWNED_TRACE
from tests.attest.test_verify_js_bundle import GENUINE, RESAMPLED
from tests.support import local_signer

SECOND = open_signer(local_signer("22" * 32))
TRUSTED = ("--signer", SIGNER_ADDRESS, "--require-signature")
EXPECTED = ("--program", "EmailDraft", "--version", BODY["model_info"]["optimized_version"], "--after", "2026-01-15")


def valid_cases() -> Iterator[Case]:
    """All of them have the code OK."""
    for test, document in VALID.items():
        yield Case(f"evidence-{test}", "OK", signed(document), TRUSTED)
    yield Case("compared-by-reference", "OK", signed(with_evidence(SIGN_FLIP, compared="reference")), TRUSTED)
    yield from _documents()
    yield Case("proof-of-a-reward", "OK", WITH_TREE, files={"--proof": REWARD})
    yield Case("proof-of-a-trace", "OK", WITH_TREE, files={"--proof": TRACE})
    yield Case("proof-of-a-trace-without-an-address", "OK", WITH_TREE, files={"--proof": UNOWNED_TRACE})
    shared = signed(body(credit={"unpayable": "share"}, contributors=_with_walk_in_unpaid()))
    proof = RewardTree(Attestation.model_validate(shared), 1001).prove("bob").model_dump(mode="json")
    yield Case("proof-of-a-reward-where-shares-are-divided", "OK", shared, files={"--proof": proof})
    for name, (document, kept) in [*GENUINE.items(), ("resampled", RESAMPLED)]:
        yield Case(f"bundle-{name.replace(' ', '-')}", "OK", document, files={"--bundle": bundle(document, kept)})
    yield Case("bundle-of-calls", "OK", OF_CALLS, files={"--bundle": bundle_of_calls(OF_CALLS, CALLS)})


def _documents() -> Iterator[Case]:
    yield Case("signed", "OK", DOCUMENT, TRUSTED)
    yield Case("signed-by-somebody", "OK", DOCUMENT)
    yield Case("unsigned", "OK", without("proof"))
    yield Case("without-evidence", "OK", signed(_without_evidence()), TRUSTED)
    yield Case(
        "signed-twice", "OK", signed(BODY, SIGNER, SECOND), (*TRUSTED, "--signer", SECOND.address, "--threshold", "2")
    )
    yield Case("one-of-two-signers-is-trusted", "OK", signed(BODY, SIGNER, SECOND), TRUSTED)
    yield Case("trusted-in-lower-case", "OK", DOCUMENT, ("--signer", SIGNER_ADDRESS.lower()))
    yield Case("as-expected", "OK", DOCUMENT, EXPECTED)
    yield Case("decided-at-that-time", "OK", DOCUMENT, ("--after", "2026-01-15T12:00:00Z"))
    reordered = json.dumps(dict(reversed(DOCUMENT.items())), indent=7).encode()
    yield Case("other-order-and-white-space", "OK", reordered, TRUSTED)
    escaped = serialize(SIGNED).replace("EmailDraft", "Email\\u0044raft").encode()
    yield Case("escaped-letters", "OK", escaped, TRUSTED)
    yield Case("numbers-written-otherwise", "OK", serialize(SIGNED).replace("0.023", "2.3E-2").encode(), TRUSTED)
    yield Case(
        "names-of-all-scripts",
        "OK",
        signed(body(contributors=_named("\u6771\u4eac", "\U0001f600 \u00e9", "a|b"))),
        TRUSTED,
    )
    yield Case("keys-by-utf-16", "OK", signed(_with_metrics("\uff5e", "\U0001f600")), TRUSTED)
    yield Case("weights-by-value", "OK", signed(_by_value()), TRUSTED)
    yield Case("weights-by-quality-and-a-cap", "OK", signed(_by_quality()), TRUSTED)
    yield Case("without-what-may-be-left-out", "OK", signed(_least()), TRUSTED)


def _without_evidence() -> dict[str, Any]:
    performance = {
        "deltaone_achieved": True,
        "performance_delta": 0.02,
        "baseline_metrics": {"reply_rate": 0.1},
        "optimized_metrics": {"reply_rate": 0.12},
    }
    return body(evidence=None, performance=performance)


def _least() -> dict[str, Any]:
    people = [
        {name: person[name] for name in ("contributor_id", "address", "weight", "trace_count")}
        for person in BODY["contributors"]
    ]
    return body(contributors=people, weighting_method=None, credit=None, data=None, program=None)


def _named(*names: str) -> list[dict[str, Any]]:
    return [{**person, "contributor_id": name} for person, name in zip(BODY["contributors"], names, strict=True)]


def _with_metrics(*names: str) -> dict[str, Any]:
    more = dict.fromkeys(names, 0.5)
    metrics = {name: {**BODY["performance"][name], **more} for name in ("baseline_metrics", "optimized_metrics")}
    return body(performance={**BODY["performance"], **metrics})


def _by_value() -> dict[str, Any]:
    values = (70_000, 30_000, -5_000)
    people = [
        {**person, "value_e6": value, "error_e6": 4_000, "weight": max(0, value) / 100_000}
        for person, value in zip(BODY["contributors"], values, strict=True)
    ]
    return body(contributors=people, weighting_method="group_shapley", credit={"unpayable": "share"})


def _by_quality() -> dict[str, Any]:
    values, weights = (9_000_000_000, 500_000_001, 499_999_999), (0.6, 0.2, 0.2)
    people = [
        {**person, "value_e6": value, "weight": weight}
        for person, value, weight in zip(BODY["contributors"], values, weights, strict=True)
    ]
    return body(
        contributors=people, weighting_method="quality_weighted", credit={"unpayable": "hold_back", "cap_e6": 600_000}
    )


def _with_walk_in_unpaid() -> list[dict[str, Any]]:
    *paid, walk_in = BODY["contributors"]
    return [*paid, {**walk_in, "quarantine": "no_address"}]
