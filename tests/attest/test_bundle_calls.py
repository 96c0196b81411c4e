"""The recompute bundle of calls in production: a stranger makes the comparison within weeks anew."""

import copy
import json
import random
from datetime import timedelta
from typing import Any

import pytest

from teleprompt.attest.bundle import bundle_of, check_bundle
from teleprompt.attest.bundle_calls import BundleCalls, recompute_calls
from teleprompt.attest.codes import Code, InvalidAttestationError
from teleprompt.attest.document import Attestation
from teleprompt.attest.verify import verify_attestation
from teleprompt.config.production import MissingOutcomes
from teleprompt.deltaone.online_policy import OnlinePolicy
from teleprompt.deltaone.online_report import OnlineDecision
from teleprompt.encoding.canonical_json import sha256_hex
from teleprompt.records import MILLION
from tests.attest.comparisons import BODY, DECIDED, document_of_calls, week
from tests.attest.test_verify_js_bundle import script_says

Document = dict[str, Any]


def some_calls(*, missing: MissingOutcomes = MissingOutcomes.AT_RANDOM) -> tuple[Document, BundleCalls]:
    """Two weeks of 400 keys, whose challenger does twice as well, and what is attested of it."""
    rng = random.Random(1)
    since = week(1).start
    rows = []
    for number in range(1200):
        unit = number % 400
        outcome = None if number % 61 == 0 else int(rng.random() < (0.6 if unit % 2 else 0.3)) * MILLION
        at = since + timedelta(days=14) * rng.random()
        digest = sha256_hex(str(number).encode())
        rows.append((digest, unit, bool(unit % 2), 500_000, round(at.timestamp() * 1000), outcome))
    policy = OnlinePolicy(level=0.0026784375000000003, missing=missing)
    kept = BundleCalls(policy=policy, since=since, until=since + timedelta(days=14), calls=tuple(sorted(rows)))
    info = BODY["model_info"]
    report = recompute_calls(kept, (info["baseline_version"], info["optimized_version"]))
    span = week(1).model_copy(update={"end": kept.until})
    return document_of_calls(OnlineDecision(report=report, observed=span, decided_at=DECIDED), kept), kept


DOCUMENT, CALLS = some_calls()


def bundle(document: Document, calls: BundleCalls) -> Document:
    return bundle_of(Attestation.model_validate(document), calls)


def refused(document: Document, data: Document) -> str:
    with pytest.raises(InvalidAttestationError) as caught:
        check_bundle(Attestation.model_validate(document), json.dumps(data).encode())
    assert caught.value.code is Code.BUNDLE_INVALID
    return str(caught.value)


@pytest.mark.parametrize("missing", MissingOutcomes)
def test_the_evidence_is_made_anew(missing: MissingOutcomes) -> None:
    document, calls = some_calls(missing=missing)
    assert verify_attestation(json.dumps(document).encode()).code is Code.OK
    found = check_bundle(Attestation.model_validate(document), json.dumps(bundle(document, calls)).encode())
    assert found.in_words == "promote, and each figure of the evidence, from 1180 calls of 400 keys"


def test_another_verifier_knows_the_calls_and_says_what_it_does_not_make_anew() -> None:
    ((code, said),) = script_says([(DOCUMENT, bundle(DOCUMENT, CALLS))])
    assert code == "OK"
    assert "its 1200 calls are those that are signed; the figures that they give only" in said


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("calls", 3, 5), 123_456),
        (("calls", 3, 2), "champion"),
        (("calls", 3, 1), -1),
        (("calls", 3, 0), "0" * 64),
        (("calls", 3), None),
        (("calls",), []),
        (("policy", "missing"), "bounds"),
        (("policy", "level"), 0.02),
        (("since",), "2025-01-01T00:00:00Z"),
    ],
)
def test_changed_calls_and_policies_are_refused_by_both(place: tuple[str | int, ...], value: Any) -> None:
    data = copy.deepcopy(bundle(DOCUMENT, CALLS))
    inner: Any = data["scores"]
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    refused(DOCUMENT, data)
    ((code, _),) = script_says([(DOCUMENT, data)])
    assert code == "BUNDLE_INVALID"


@pytest.mark.parametrize("name", ["delta_e6", "p_value_e6", "n_optimized", "keys_baseline", "missing_optimized"])
def test_figures_that_the_calls_do_not_give_are_refused(name: str) -> None:
    body = {key: value for key, value in DOCUMENT.items() if key not in {"attestation_hash", "attestation_id"}}
    body = copy.deepcopy(body)
    body["evidence"][name] += 1
    document = Attestation.compose(body).to_dict()
    assert f"the scores give another {name}" in refused(document, bundle(document, CALLS))


def test_a_bundle_of_calls_shows_nothing_of_sealed_examples() -> None:
    data = bundle(DOCUMENT, CALLS)
    data["scores"] = {"policy": {"alpha": 0.05, "claim": "significant", "threshold_e6": 10_000}, "windows": []}
    assert "the bundle's scores." in refused(DOCUMENT, data)
