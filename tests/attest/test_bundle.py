"""The recompute bundle: a stranger makes the evidence anew from salted digests and scores."""

import copy
import json
from collections.abc import Sequence
from typing import Any

import pytest

from teleprompt.attest.bundle import (
    BundleScores,
    BundleWindow,
    bundle_of,
    check_bundle,
    recompute,
)
from teleprompt.attest.codes import Code, InvalidAttestationError
from teleprompt.attest.document import Attestation
from teleprompt.attest.verify import verify_attestation
from teleprompt.attribution.trace_tree import trace_id_digest
from teleprompt.config.gate import Claim
from teleprompt.deltaone.report import GatePolicy
from teleprompt.deltaone.trial_policy import TrialPolicy
from teleprompt.encoding.canonical_json import sha256_hex
from teleprompt.errors import ConfigurationError, TelepromptError
from teleprompt.records import MILLION
from tests.attest.comparisons import FISHER, MCNEMAR, POLICY, Pairs, document_of, graded, on_trial, right_or_wrong, week
from tests.attest.test_evidence import forged, gaining, with_evidence

Document = dict[str, Any]


def scores(windows: Sequence[Pairs], policy: TrialPolicy | GatePolicy, *, per_unit: int = 1) -> BundleScores:
    """Of these windows, one a week; of a comparison on its own without a time."""
    spans = [week(w) if isinstance(policy, TrialPolicy) else None for w in range(len(windows))]
    return BundleScores(
        policy=policy,
        windows=tuple(
            BundleWindow(
                start=span and span.start,
                end=span and span.end,
                examples=tuple(
                    (sha256_hex(f"{w}/{i}".encode()), (f"{w}/{i // per_unit}",), *pair) for i, pair in enumerate(pairs)
                ),
            )
            for w, (span, pairs) in enumerate(zip(spans, windows, strict=True))
        ),
    )


def of_one_comparison(pairs: Pairs, *, per_unit: int = 1) -> tuple[Document, BundleScores]:
    kept = scores([pairs], POLICY, per_unit=per_unit)
    return document_of(recompute(kept), scores=kept), kept


def of_a_trial(windows: Sequence[Pairs], *, per_unit: int = 1) -> tuple[Document, BundleScores]:
    report, trial = on_trial(windows, per_unit=per_unit)
    kept = scores(windows, trial.opening.policy, per_unit=per_unit)
    return document_of(report, trial, kept), kept


ALONE, ALONE_SCORES = of_one_comparison(right_or_wrong(60, 20, 400, 520))
TRIAL, TRIAL_SCORES = of_a_trial([graded(60, gain=0.1, seed=1), graded(90, gain=0.3, seed=2)], per_unit=2)


def bundle(document: Document, kept: BundleScores) -> Document:
    return bundle_of(Attestation.model_validate(document), kept)


def refused(document: Document, data: Document) -> str:
    with pytest.raises(InvalidAttestationError) as caught:
        check_bundle(Attestation.model_validate(document), json.dumps(data).encode())
    assert caught.value.code is Code.BUNDLE_INVALID
    return str(caught.value)


@pytest.mark.parametrize(
    ("document", "kept", "said"),
    [
        (ALONE, ALONE_SCORES, "promote, and each figure of the evidence, from the scores of 1000 examples"),
        (*of_one_comparison(graded(300, gain=0.1, seed=1), per_unit=3), "from the scores of 300 examples"),
        (*of_one_comparison([(400_000, 500_000)] * 200), "from the scores of 200 examples"),
        (TRIAL, TRIAL_SCORES, "from the scores of 150 examples in 2 windows"),
        (*of_a_trial([right_or_wrong(40, 6, 30, 24)]), "from the scores of 100 examples"),
    ],
    ids=["mcnemar", "sign flip", "sign", "trial", "trial of one window"],
)
def test_the_evidence_is_made_anew(document: Document, kept: BundleScores, said: str) -> None:
    assert verify_attestation(json.dumps(document).encode()).code is Code.OK
    found = check_bundle(Attestation.model_validate(document), json.dumps(bundle(document, kept)).encode())
    assert said in found.in_words


def test_a_bundle_holds_digests_and_scores_and_nothing_else() -> None:
    example = bundle(TRIAL, TRIAL_SCORES)["scores"]["windows"][0]["examples"][0]
    assert [type(value) for value in example] == [str, list, int, int]


def test_what_returns_in_a_later_window_is_known_again_by_all_that_it_shares() -> None:
    first, second = TRIAL_SCORES.windows
    (trace, (unit,), *pair), *others = second.examples
    known = (trace, (unit, first.examples[0][1][0]), *pair)
    returning = TRIAL_SCORES.model_copy(
        update={"windows": (first, second.model_copy(update={"examples": (known, *others)}))}
    )
    assert recompute(TRIAL_SCORES).n - recompute(returning).n == 2  # the whole unit


def test_a_changed_score_is_not_the_one_that_is_signed() -> None:
    changed = copy.deepcopy(bundle(ALONE, ALONE_SCORES))
    changed["scores"]["windows"][0]["examples"][70][3] = MILLION
    assert "the bundle's scores are not those that are signed" in refused(ALONE, changed)
    loose = copy.deepcopy(bundle(TRIAL, TRIAL_SCORES))
    loose["scores"]["policy"]["level"] = 0.2
    assert "not those that are signed" in refused(TRIAL, loose)


@pytest.mark.parametrize(
    ("document", "kept", "differs"),
    [
        (gaining(ALONE, 0.421, 0.461), ALONE_SCORES, "baseline_metrics, optimized_metrics"),
        (with_evidence(TRIAL, p_value_e6=TRIAL["evidence"]["p_value_e6"] + 1), TRIAL_SCORES, "p_value_e6"),
        (with_evidence(TRIAL, ci_low_e6=TRIAL["evidence"]["ci_low_e6"] - 1), TRIAL_SCORES, "ci_low_e6"),
        (with_evidence(TRIAL, trial__windows=3), TRIAL_SCORES, "trial"),
        (with_evidence(TRIAL, trial__level_e6=12_499), TRIAL_SCORES, "trial"),
        (with_evidence(TRIAL, n_groups=76), TRIAL_SCORES, "n_groups"),
    ],
)
def test_invented_figures_do_not_follow_from_the_scores_that_are_signed_with_them(
    document: Document, kept: BundleScores, differs: str
) -> None:
    assert f"the scores give another {differs}" in refused(document, bundle(document, kept))


def test_scores_that_promote_nothing_show_no_promotion() -> None:
    kept = scores([right_or_wrong(30, 30, 470, 470)], POLICY)
    document = with_evidence(ALONE, scores_digest=kept.digest)
    assert "another verdict, claim, delta_e6" in refused(document, bundle(document, kept))


def test_a_bundle_is_of_one_document() -> None:
    other = forged(ALONE, timestamp="2026-03-02T00:00:01Z")
    assert "of another document" in refused(other, bundle(ALONE, ALONE_SCORES))
    assert "the document signs no scores" in refused(MCNEMAR, bundle(ALONE, ALONE_SCORES))
    assert "the document signs no scores" in refused(FISHER, bundle(ALONE, ALONE_SCORES))
    with pytest.raises(ConfigurationError, match="signs no scores"):
        bundle(MCNEMAR, ALONE_SCORES)
    with pytest.raises(TelepromptError, match="are not those that it signs"):
        bundle(ALONE, TRIAL_SCORES)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scores": {}}, "scores.policy"),
        ({"bundle_version": "2.0"}, "bundle_version"),
        ({"answers": []}, "Extra inputs"),
    ],
)
def test_what_is_no_bundle_is_refused(change: Document, said: str) -> None:
    assert said in refused(ALONE, {**bundle(ALONE, ALONE_SCORES), **change})


def test_scores_out_of_range_and_windows_without_a_time_show_nothing() -> None:
    data = bundle(ALONE, ALONE_SCORES)
    high = copy.deepcopy(data)
    high["scores"]["windows"][0]["examples"][0][2] = MILLION + 1
    assert "scores.windows.0.examples.0.2" in refused(ALONE, high)
    timeless = TRIAL_SCORES.model_copy(
        update={"windows": tuple(w.model_copy(update={"start": None, "end": None}) for w in TRIAL_SCORES.windows)}
    )
    document = with_evidence(TRIAL, scores_digest=timeless.digest)
    assert "has a start and an end" in refused(document, bundle(document, timeless))
    empty = BundleScores(
        policy=GatePolicy(threshold_e6=1, claim=Claim.PROVEN, alpha=0.05),
        windows=(BundleWindow(start=None, end=None, examples=()),),
    )
    document = with_evidence(ALONE, scores_digest=empty.digest)
    assert "the scores show nothing" in refused(document, bundle(document, empty))


def test_an_owner_finds_his_trace_by_the_salt_of_its_proof() -> None:
    assert trace_id_digest("ab" * 32, "t1") == sha256_hex(b'{"salt":"' + b"ab" * 32 + b'","trace_id":"t1"}')
