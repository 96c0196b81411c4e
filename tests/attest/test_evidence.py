"""What the figures of a document must fulfil: whoever made them up is told what contradicts what."""

import copy
import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from teleprompt.attest.codes import Code
from teleprompt.attest.document import content_hash, content_id
from teleprompt.attest.verify import Level, Verification, verify_attestation
from teleprompt.deltaone.online import fisher_p_value, newcombe
from teleprompt.deltaone.report import GatePolicy
from teleprompt.records import MILLION, to_millionths
from tests.attest.comparisons import (
    FISHER,
    MCNEMAR,
    OFF_POLICY,
    PERMUTATION,
    POLICY,
    SIGN,
    SIGN_FLIP,
    TRIAL,
    VALID,
    WEEKS,
    alone,
    document_of,
    graded,
    on_trial,
    right_or_wrong,
)

Document = dict[str, Any]
CALLS = {"n_baseline": 10**9 + 1, "keys_baseline": 10**9 + 1}


def forged(document: Document, **changes: Any) -> Document:
    """With other values, by path as `evidence__n`, and the hash and id that a forger gives it."""
    changed = copy.deepcopy({k: v for k, v in document.items() if k not in {"attestation_hash", "attestation_id"}})
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = changed
        for key in parents:
            place = place[key]
        place[last] = value
    changed["attestation_id"] = content_id(changed)
    return {**changed, "attestation_hash": content_hash(changed)}


def verified(document: Document) -> Verification:
    return verify_attestation(json.dumps(document).encode())


def with_evidence(document: Document, **fields: Any) -> Document:
    return forged(document, **{f"evidence__{name}": value for name, value in fields.items()})


def gaining(document: Document, before: float, after: float, **fields: Any) -> Document:
    """With other means, and the gain between them."""
    gain, metric = round((after - before) * MILLION), document["evidence"]["metric"]
    changed = with_evidence(document, delta_e6=gain, **fields)
    return forged(
        changed,
        performance__performance_delta=gain / MILLION,
        performance__baseline_metrics={metric: before},
        performance__optimized_metrics={metric: after},
    )


def small_trial() -> Document:
    """With the figures of five wins in two windows."""
    fields = {"wins": 5, "losses": 0, "ties": 195, "claim": "significant", "ci_low_e6": 9_000}
    return gaining(TRIAL, 0.4, 0.425, **fields)


@pytest.mark.parametrize("test", VALID)
def test_what_a_gate_finds_is_valid(test: str) -> None:
    assert VALID[test]["evidence"]["test"] == test
    assert verified(VALID[test]).code is Code.OK


CONTRADICTIONS: list[tuple[Document, str]] = [
    (gaining(SIGN_FLIP, 0.4, 0.423, wins=1, losses=73, ties=226), "1 wins and 73 losses cannot give a gain of 2.3"),
    (with_evidence(SIGN_FLIP, compared="outcome"), "only an estimate off-policy is of the outcome"),
    (with_evidence(OFF_POLICY, compared="agreement"), "only an estimate off-policy is of the outcome"),
    (
        with_evidence(OFF_POLICY, losses=0, ties=600 - OFF_POLICY["evidence"]["wins"]),
        "needs calls with the answers of both programs",
    ),
    (with_evidence(OFF_POLICY, scores_digest="ab" * 32), "an estimate off-policy signs no scores"),
    (with_evidence(SIGN_FLIP, n=299), "do not add up to n"),
    (with_evidence(SIGN_FLIP, p_value_e6=9), "a resampled p is never as small"),
    (with_evidence(SIGN_FLIP, ci_high_e6=SIGN_FLIP["evidence"]["delta_e6"] + 1), "so few leave unseen"),
    (with_evidence(SIGN_FLIP, n_groups=3, p_value_e6=1000), "so few leave unseen"),
    (with_evidence(SIGN_FLIP, n_groups=3, interval="bca"), "so small a p does not come of 3 groups"),
    (with_evidence(SIGN_FLIP, ci_high_e6=20_000), "leaves out the gain"),
    (with_evidence(SIGN_FLIP, confidence_e6=MILLION, p_value_e6=0), "at a confidence of 1"),
    (with_evidence(SIGN_FLIP, confidence_e6=600_000), "at a confidence of 0.6"),
    (with_evidence(SIGN, wins=199, ties=1), "all gained the same"),
    (with_evidence(SIGN, p_value_e6=1), "p does not follow from n_groups"),
    (with_evidence(SIGN, ci_low_e6=SIGN["evidence"]["ci_low_e6"] - 9), "not follow from the gain and n_groups"),
    (with_evidence(SIGN, interval="degenerate"), "a degenerate interval is a point"),
    (with_evidence(MCNEMAR, p_value_e6=10), "p does not follow from wins and losses"),
    (with_evidence(MCNEMAR, n_groups=999), "n_groups is n"),
    (with_evidence(MCNEMAR, wins=61, ties=919), "61 wins and 20 losses in 1000 do not give a gain of 4 points"),
    (with_evidence(MCNEMAR, ci_low_e6=17_600), "the interval does not follow from wins, losses and n"),
    (with_evidence(MCNEMAR, ci_high_e6=62_400), "the interval does not follow from wins, losses and n"),
    (gaining(MCNEMAR, 0.4204, 0.4604), "a share of 1000 right answers is k / 1000"),
    (gaining(MCNEMAR, 0.019, 0.059), "do not lead from the right answers before to those after"),
    (gaining(MCNEMAR, 0.941, 0.981), "do not lead from the right answers before to those after"),
    (with_evidence(TRIAL, trial__number=8), "trial 8 of a year has a level of at most 0.003473"),
    (with_evidence(TRIAL, confidence_e6=999_000), "above the error that the confidence leaves"),
    (with_evidence(TRIAL, p_value_e6=5_000), "p is above the trial's level"),
    (with_evidence(TRIAL, trial__windows=201), "more windows than examples"),
    (with_evidence(TRIAL, trial__opened__start="2025-12-01T00:00:00Z"), "is no part of date_range"),
    (with_evidence(TRIAL, wins=5, losses=0, ties=195), "5 wins and 0 losses cannot give a gain of 17 points"),
    (with_evidence(small_trial(), p_value_e6=1), "so small a p does not come of 5 wins"),
    (with_evidence(TRIAL, ci_low_e6=160_000), "45 wins do not show a gain of at least 16 points"),
    (with_evidence(TRIAL, test="sign_flip", interval="bca_unseen"), "is that of a trial"),
    (with_evidence(FISHER, p_value_e6=4), "p does not follow from the means and the numbers of calls"),
    (with_evidence(FISHER, keys_baseline=999), "as many keys as calls"),
    (with_evidence(FISHER, keys_baseline=1001), "more keys than calls"),
    (with_evidence(FISHER, n_baseline=1500, keys_baseline=1500), "p does not follow"),
    (with_evidence(FISHER, n_baseline=1001, keys_baseline=1001), "a share of good outcomes is k / n"),
    (with_evidence(FISHER, ci_low_e6=58_300), "the interval does not follow from the means"),
    (with_evidence(FISHER, missing_baseline=60), "outcomes are missing unequally"),
    (with_evidence(FISHER, **CALLS), "more than 1,000,000,000 calls"),
    (with_evidence(FISHER, observed__end="2026-03-02T00:00:01Z"), "lies in the time that was observed"),
    (with_evidence(FISHER, observed__end="2026-02-09T00:00:00Z"), "the observed span is empty"),
    (with_evidence(PERMUTATION, keys_baseline=1), "one key is one observation"),
    (with_evidence(PERMUTATION, keys_baseline=2, keys_optimized=2, p_value_e6=50), "does not come of so few keys"),
    (with_evidence(PERMUTATION, ci_high_e6=PERMUTATION["evidence"]["ci_high_e6"] - 9), "not centred on the gain"),
    (with_evidence(PERMUTATION, keys_baseline=30), "so few keys leave unseen"),
    (with_evidence(PERMUTATION, p_value_e6=9), "a resampled p is never as small"),
    (with_evidence(WEEKS, weeks=4), "more weeks than were observed"),
    (with_evidence(WEEKS, keys_baseline=2, missing_baseline=0), "so few keys leave unseen"),
    (with_evidence(WEEKS, keys_optimized=1), "one key is one observation"),
    (with_evidence(WEEKS, ci_low_e6=WEEKS["evidence"]["delta_e6"] - 3_000), "so few keys leave unseen"),
    (with_evidence(WEEKS, test="permutation"), "weeks and test do not belong together"),
]  # fmt: skip
"""Documents, and what is said of them."""


@pytest.mark.parametrize(("document", "said"), CONTRADICTIONS)
def test_figures_that_contradict_each_other_are_refused(document: Document, said: str) -> None:
    found = verified(document)
    assert (found.code, found.valid) == (Code.EVIDENCE_MISMATCH, False), found.detail
    assert said in found.detail


def test_more_examples_than_traces_that_were_used_for_the_gate_are_refused() -> None:
    used = {"train": 1100, "select": 1000, "gate": 400, "demos": 3}
    people = [{**MCNEMAR["contributors"][0], "used": used}]
    found = verified(forged(MCNEMAR, contributors=people))
    assert (found.code, found.detail) == (
        Code.EVIDENCE_MISMATCH,
        "1000 examples were compared, and only 400 traces were used for that",
    )


@pytest.mark.parametrize(
    ("timestamp", "code"),
    [
        ("1970-01-01T00:00:00Z", Code.BAD_DATES),
        ("2026-02-20T00:00:00Z", Code.BAD_DATES),
        ("2026-03-01T23:59:59.999Z", Code.BAD_DATES),
        ("2026-03-02T00:00:00.001Z", Code.OK),
        ("2099-12-31T00:00:00Z", Code.OK),
        ("2100-01-01T00:00:00Z", Code.BAD_DATES),
    ],
)
def test_a_document_is_written_after_its_window_and_not_in_another_age(timestamp: str, code: Code) -> None:
    assert verified(forged(MCNEMAR, timestamp=timestamp)).code is code


def test_a_window_of_another_age_is_refused_too() -> None:
    dates = {"start": "1970-01-01T00:00:00Z", "end": "1970-01-08T00:00:00Z"}
    old = forged(MCNEMAR, timestamp="1970-01-08T00:00:00Z", optimization_metadata__date_range=dates)
    assert verified(old).code is Code.BAD_DATES


@pytest.mark.parametrize(("before", "after", "code"), [(0.1, 999.1, Code.DELTA_MISMATCH), (0.5, 0.6, Code.OK)])
def test_without_evidence_nothing_backs_the_gain(before: float, after: float, code: Code) -> None:
    document = {k: v for k, v in MCNEMAR.items() if k != "evidence"}
    document["performance"] = {
        "deltaone_achieved": True,
        "performance_delta": round(after - before, 6),
        "baseline_metrics": {"reply_rate": before},
        "optimized_metrics": {"reply_rate": after},
    }
    found = verified(forged(document))
    assert found.code is code
    if found.valid:
        assert found.level is Level.UNBACKED
        assert found.detail.endswith("without evidence, so that nothing backs the gain")
        assert found.summary is not None
        assert (found.summary.evidence, found.summary.ci_low_e6) == ("none", None)


def test_millions_of_calls_are_told_by_six_decimals_as_well_as_they_can_be() -> None:
    """Three counts round to one share of three million; the figures are those of one of them, or between."""
    n, good = 3_000_000, (900_001, 907_001)
    low, high = newcombe((good[0], n), (good[1], n), alpha=0.05)
    p_value = fisher_p_value((good[0], n - good[0]), (good[1], n - good[1]))
    calls = {"n_baseline": n, "keys_baseline": n, "n_optimized": n, "keys_optimized": n, "threshold_e6": 2_000}
    found = {"ci_low_e6": to_millionths(low), "ci_high_e6": to_millionths(high), "p_value_e6": to_millionths(p_value)}
    large = gaining(FISHER, 0.3, 0.302334, **calls, **found, claim="significant")
    assert verified(large).code is Code.OK
    wrong = with_evidence(large, ci_low_e6=to_millionths(low) + 20)
    assert verified(wrong).detail == "the interval does not follow from the means and the numbers of calls"


def numbers(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to all numbers in a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return [path]
    return [found for key, inner in items for found in numbers(inner, (*path, key))]


FREE = {
    "relatives": "only the ledger knows how many there were",
    "optimization_time_seconds": "nothing else tells how long it took",
    "threshold_e6": "what was asked for; the gain reaches it, and the claim says whether the interval does",
    "metric_version": "that of who wrote it",
    "demos": "any of the traces to learn from",
}
"""Numbers that may be others without a contradiction."""
RESAMPLED = {
    "n_groups": "bounds p and interval, which it does not fix",
    "keys_baseline": "as n_groups",
    "keys_optimized": "as n_groups",
    "n_baseline": "at least as many as keys",
    "n_optimized": "at least as many as keys",
    "ci_low_e6": "above 0, and not above what counts allow",
    "ci_high_e6": "as ci_low_e6",
    "p_value_e6": "at most alpha, and not below what counts allow",
    "confidence_e6": "as p",
    "missing_baseline": "as unequal as chance allows",
    "missing_optimized": "as missing_baseline",
    "number": "its level is at most its share of the year's",
    "windows": "as many as examples at most",
    "level_e6": "between p and the number's share",
    "weeks": "no more than were observed",
}
"""Beside those, where resampling or bets were used, whose result counts only bound."""
ROUNDED = {"ci_low_e6", "ci_high_e6", "confidence_e6"}
"""Of these the last digit is what rounding left."""
FIXED = {"mcnemar_exact", "fisher_exact"}


@pytest.mark.parametrize("test", VALID)
@given(data=st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_other_number_is_refused_or_changes_nothing_that_matters(test: str, data: st.DataObject) -> None:
    document = VALID[test]
    path = data.draw(st.sampled_from(numbers(document)))
    changed = copy.deepcopy({k: v for k, v in document.items() if k not in {"attestation_hash", "attestation_id"}})
    place = changed
    for key in path[:-1]:
        place = place[key]
    old = place[path[-1]]
    near = st.sampled_from([old + 1, old - 1, old * 2, old // 2, 0, 1, MILLION, -old])
    new = data.draw(st.one_of(near, st.integers(0, 2 * MILLION), st.floats(0, 1).map(lambda x: round(x, 6))))
    if new == old:
        return
    place[path[-1]] = new
    if path[-1] in ROUNDED and abs(new - old) <= 1:
        return
    if verified(forged(changed)).valid:
        free = (
            FREE.keys() | {"missing_baseline", "missing_optimized"} if test in FIXED else FREE.keys() | RESAMPLED.keys()
        )
        assert path[-1] in free, f"{path}: {old} -> {new}"
        assert_it_is_possible(changed)


def assert_it_is_possible(document: Document) -> None:
    """What holds of every valid document, whatever was changed in it."""
    evidence, performance = document["evidence"], document["performance"]
    assert evidence["delta_e6"] == round(performance["performance_delta"] * MILLION) >= evidence["threshold_e6"]
    assert 0 < evidence["ci_low_e6"] <= evidence["delta_e6"] + 1 <= evidence["ci_high_e6"] + 2
    assert evidence["p_value_e6"] <= MILLION - evidence["confidence_e6"]
    if evidence["kind"] == "offline":
        units = evidence["n_groups"] if evidence["test"] == "betting_mixture" else evidence["n"]
        weighted = evidence["test"] == "off_policy_t"  # a call may stand for many
        assert weighted or evidence["delta_e6"] / MILLION <= evidence["wins"] / units + 1e-6
        assert evidence["n"] <= sum(person["used"]["gate"] for person in document["contributors"])


@pytest.mark.parametrize("seed", range(20))
def test_no_promotion_that_a_gate_gives_is_refused(seed: int) -> None:
    draw = random.Random(seed)
    n, gain = draw.choice([12, 60, 300]), draw.choice([0.08, 0.2, 0.5])
    policy = GatePolicy(**{**dict(POLICY), "alpha": draw.choice([0.05, 0.0123456, 0.3, 0.0000312])})
    wins = round(n * gain)
    binary = right_or_wrong(wins, wins // 9, n // 3, n - wins - wins // 9 - n // 3)
    draw.shuffle(binary)
    reports = [
        document_of(report)
        for pairs in (binary, graded(n, gain=gain, seed=seed))
        for report in (alone(pairs, policy=policy), alone(pairs, per_group=3, policy=policy))
        if report.verdict == "promote"
    ]
    windows = [graded(n, gain=gain * draw.choice([0.3, 1, 1.5]), seed=seed + w) for w in range(draw.choice([1, 3, 5]))]
    for scored in ([binary], [binary] * 3, windows):
        report, trial = on_trial(scored, number=draw.choice([1, 2, 4]), per_unit=draw.choice([1, 4]))
        if report.verdict == "promote":
            reports.append(document_of(report, trial))
    found = [verified(document) for document in reports]
    assert [one.detail for one in found if not one.valid] == []
