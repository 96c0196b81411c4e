"""The independent check of a recompute bundle: the same figures, and the same refusals."""

import base64
import copy
import json
import random
from typing import Any

import pytest

from teleprompt.attest.bundle import BundleScores, check_bundle, recompute
from teleprompt.attest.codes import InvalidAttestationError
from teleprompt.attest.document import Attestation
from teleprompt.attest.verify import verify_attestation
from teleprompt.config.gate import Claim
from teleprompt.config.trial import Returning
from teleprompt.deltaone.trial_policy import TrialPolicy
from teleprompt.deltaone.verdict import Verdict
from tests.attest.comparisons import document_of, graded, on_trial, right_or_wrong
from tests.attest.test_bundle import (
    ALONE,
    ALONE_SCORES,
    TRIAL,
    TRIAL_SCORES,
    bundle,
    of_a_trial,
    of_one_comparison,
    scores,
)
from tests.attest.test_evidence import with_evidence
from tests.attest.test_verify_js import SCRIPT, written
from tests.stock_tools import NPM, node_alone

Document = dict[str, Any]
GENUINE: dict[str, tuple[Document, BundleScores]] = {
    "mcnemar": (ALONE, ALONE_SCORES),
    "sign": of_one_comparison([(400_000, 500_000)] * 200, per_unit=3),
    "trial": (TRIAL, TRIAL_SCORES),
    "trial of one window": of_a_trial([right_or_wrong(40, 6, 30, 24)]),
    "long trial": of_a_trial([graded(40, gain=0.02, seed=seed) for seed in range(40)], per_unit=3),
}
RESAMPLED = of_one_comparison(graded(300, gain=0.1, seed=1), per_unit=3)


def script_says(cases: list[tuple[Document | None, Any]]) -> list[tuple[str, str]]:
    """Code and what is said of the bundle, for each document and bundle."""
    encoded = [
        {"bundle": base64.b64encode(written(data)).decode()}
        | ({} if document is None else {"document": base64.b64encode(written(document)).decode()})
        for document, data in cases
    ]
    answers = node_alone(NPM / "verify_many.js", str(SCRIPT), given=encoded)
    return [(answer["code"], answer["checks"][-1]["text"]) for answer in answers]


def we_say(document: Document, data: Any) -> str:
    found = verify_attestation(written(document))
    try:
        check_bundle(Attestation.model_validate(document), written(data))
    except InvalidAttestationError as error:
        return error.code
    return found.code


@pytest.mark.parametrize("name", GENUINE)
def test_the_evidence_is_made_anew(name: str) -> None:
    document, kept = GENUINE[name]
    data = bundle(document, kept)
    assert we_say(document, data) == "OK"
    (beside,), (alone,) = script_says([(document, data)]), script_says([(None, data)])
    assert beside == alone
    assert beside[0] == "OK"
    assert beside[1].startswith("each figure of the evidence, made anew")


def test_what_was_resampled_is_said_not_to_be_made_anew() -> None:
    ((code, said),) = script_says([(RESAMPLED[0], bundle(*RESAMPLED))])
    assert code == "OK"
    assert "p and interval were resampled" in said


def test_changed_scores_and_policies_are_refused_by_both() -> None:
    cases: list[tuple[Document, Any]] = []
    for document, kept in GENUINE.values():
        genuine = bundle(document, kept)
        for place, value in (
            (("windows", 0, "examples", 3, 3), 123_456),
            (("windows", 0, "examples", 3, 0), "0" * 64),
            (("windows", 0, "examples", 3, 1), ["another"]),
            (("windows", 0, "examples", 3), None),
            (("windows", 0, "examples"), []),
            (("windows", 0, "start"), "2025-01-01T00:00:00Z"),
            (("policy", "claim"), "proven"),
            (("policy", "extra"), 1),
            (("windows",), []),
        ):
            changed = copy.deepcopy(genuine)
            inner: Any = changed["scores"]
            for key in place[:-1]:
                inner = inner[key]
            inner[place[-1]] = value
            cases.append((document, changed))
        cases += [
            (document, {**genuine, "bundle_version": "2.0"}),
            (document, {**genuine, "attestation": {**genuine["attestation"], "attestation_hash": "0" * 64}}),
            (document, []),
            (document, None),
        ]
    assert {we_say(*case) for case in cases} == {"BUNDLE_INVALID"}
    assert {code for code, _ in script_says(cases)} == {"BUNDLE_INVALID"}


@pytest.mark.parametrize(
    ("document", "kept"),
    [
        (with_evidence(TRIAL, p_value_e6=TRIAL["evidence"]["p_value_e6"] + 1), TRIAL_SCORES),
        (with_evidence(TRIAL, ci_low_e6=TRIAL["evidence"]["ci_low_e6"] - 1), TRIAL_SCORES),
        (with_evidence(TRIAL, trial__level_e6=TRIAL["evidence"]["trial"]["level_e6"] - 1), TRIAL_SCORES),
        (with_evidence(RESAMPLED[0], n_groups=101), RESAMPLED[1]),
        (with_evidence(RESAMPLED[0], wins=RESAMPLED[0]["evidence"]["wins"] - 1, ties=1), RESAMPLED[1]),
    ],
)
def test_figures_that_the_scores_do_not_give_are_refused_by_both(document: Document, kept: BundleScores) -> None:
    data = bundle(document, kept)
    assert verify_attestation(json.dumps(document).encode()).valid  # the figures alone could be true
    assert we_say(document, data) == "BUNDLE_INVALID"
    ((code, said),) = script_says([(document, data)])
    assert (code, said.startswith("the scores give another")) == ("BUNDLE_INVALID", True)


def drawn_trial(draw: random.Random) -> tuple[Document, BundleScores] | None:
    """A trial with any policy, in which units return; None where it does not promote."""
    policy = TrialPolicy(
        level=draw.choice([0.01, 0.025, 0.08]),
        threshold=draw.choice([0.01, 0.02]),
        claim=draw.choice([Claim.SIGNIFICANT, Claim.SIGNIFICANT, Claim.PROVEN]),
        first_look_share=draw.choice([0.0, 0.2, 0.5]),
        group_cap=draw.choice([1, 3, 16, 60]),
        returning=draw.choice(list(Returning)),
        horizon=draw.choice([3, 52]),
    )
    windows = [
        right_or_wrong(draw.randrange(20, 60), draw.randrange(8), draw.randrange(50), draw.randrange(50))
        if draw.random() < 0.5
        else graded(draw.randrange(20, 120), gain=0.15, seed=draw.randrange(1000))
        for _ in range(draw.randrange(1, 6))
    ]
    kept = _with_returning(scores(windows, policy, per_unit=draw.choice([1, 1, 2, 5])), draw)
    report = recompute(kept)
    if report.verdict is not Verdict.PROMOTE:
        return None
    _, trial = on_trial(windows)
    opening = trial.opening.model_copy(update={"policy": policy})
    return document_of(report, trial.model_copy(update={"opening": opening}), kept), kept


def _with_returning(kept: BundleScores, draw: random.Random) -> BundleScores:
    """With examples that share something with those of the first window."""
    known = [names[0] for _, names, _, _ in kept.windows[0].examples]
    later = [
        window.model_copy(
            update={
                "examples": tuple(
                    (trace, (*names, draw.choice(known)) if draw.random() < 0.1 else names, before, after)
                    for trace, names, before, after in window.examples
                )
            }
        )
        for window in kept.windows[1:]
    ]
    return kept.model_copy(update={"windows": (kept.windows[0], *later)})


def test_trials_of_all_kinds_have_the_same_figures() -> None:
    """Of two programs in floating point, to the last millionth: whatever a policy says, and whatever returns."""
    draw = random.Random(3)
    drawn = [found for _ in range(60) if (found := drawn_trial(draw)) and verify_attestation(written(found[0])).valid]
    cases = [(document, bundle(document, kept)) for document, kept in drawn]
    assert len(cases) > 30
    assert {we_say(*case) for case in cases} == {"OK"}
    assert {code for code, _ in script_says(cases)} == {"OK"}
