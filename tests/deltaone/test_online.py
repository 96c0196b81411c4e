"""Two versions by what came of their calls."""

import numpy as np
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep

from teleprompt.config.gate import Claim
from teleprompt.deltaone.online import ObservedCall, compare_online, wilson
from teleprompt.deltaone.online_doubts import Doubt
from teleprompt.deltaone.online_report import OnlineReport
from teleprompt.deltaone.report import Verdict
from teleprompt.errors import TelepromptError
from teleprompt.records import MILLION


def calls(good: int, bad: int, *, missing: int = 0, per_key: int = 1) -> list[ObservedCall]:
    scores = [MILLION] * good + [0] * bad + [None] * missing
    return [ObservedCall(key=str(i // per_key), score_e6=score) for i, score in enumerate(scores)]


def compare(before: list[ObservedCall], after: list[ObservedCall], **changes):
    settings = {"threshold_e6": 10_000, "claim": Claim.SIGNIFICANT, "alpha": 0.05, **changes}
    return compare_online(before, after, versions=("1.0.0", "1.0.0-opt-bfs-20260101000000"), **settings)


def test_a_better_version_is_promoted_and_a_worse_one_rejected() -> None:
    better = compare(calls(300, 700), calls(400, 600))
    assert (better.verdict, better.evidence, better.delta_e6) == (Verdict.PROMOTE, Claim.PROVEN, 100_000)
    assert (better.test, better.interval) == ("fisher_exact", "newcombe")
    assert compare(calls(400, 600), calls(300, 700)).verdict is Verdict.REJECT
    assert compare(calls(30, 70), calls(33, 67)).verdict is Verdict.INCONCLUSIVE


def test_the_interval_is_newcombes() -> None:
    found = compare(calls(56, 14), calls(48, 32))
    low, high = confint_proportions_2indep(48, 80, 56, 70, method="newcomb", compare="diff")
    assert (found.ci_low_e6, found.ci_high_e6) == (round(low * MILLION), round(high * MILLION))


def test_missing_is_not_zero() -> None:
    found = compare(calls(300, 700, missing=100), calls(400, 600, missing=110))
    assert (found.verdict, found.delta_e6) == (Verdict.PROMOTE, 100_000)
    assert (found.baseline.missing, found.optimized.missing) == (100, 110)


def test_outcomes_that_are_missing_unequally_decide_nothing() -> None:
    """As when the new version's calls are too young, or their logging broke."""
    found = compare(calls(300, 700), calls(400, 600, missing=300))
    assert (found.verdict, found.evidence) == (Verdict.INCONCLUSIVE, None)
    assert found.blocked == "silence_differs: outcomes are missing unequally (300 and 0 calls without one)"


def test_calls_of_one_key_are_no_independent_evidence() -> None:
    loose = compare(calls(300, 700), calls(400, 600))
    tied = compare(calls(300, 700, per_key=100), calls(400, 600, per_key=100))
    assert (tied.optimized.keys, tied.test, tied.interval) == (10, "permutation", "delta_method_unseen")
    assert (loose.verdict, tied.verdict) == (Verdict.PROMOTE, Verdict.INCONCLUSIVE)


@pytest.mark.parametrize(("before", "after"), [([], []), (calls(5, 5), []), (calls(0, 0, missing=9), calls(3, 1))])
def test_nothing_to_compare_decides_nothing(before: list, after: list) -> None:
    found = compare(before, after)
    assert (found.verdict, found.delta_e6, found.p_value_e6) == (Verdict.INCONCLUSIVE, 0, MILLION)


def test_one_key_shows_nothing_and_a_bad_score_is_an_error() -> None:
    assert compare(calls(5, 5, per_key=10), calls(10, 0, per_key=10)).verdict is Verdict.INCONCLUSIVE
    with pytest.raises(TelepromptError, match=r"outside \[0, 1\]"):
        compare([ObservedCall("a", 2 * MILLION)], calls(1, 1))


def test_graded_outcomes_are_permuted_by_key() -> None:
    rng = np.random.default_rng(0)
    before = [ObservedCall(str(i), round(v * MILLION)) for i, v in enumerate(rng.beta(2, 5, 400))]
    after = [ObservedCall(str(i), round(v * MILLION)) for i, v in enumerate(rng.beta(3, 4, 400))]
    found = compare(before, after)
    assert (found.test, found.verdict) == ("permutation", Verdict.PROMOTE)
    assert found == compare(before, after)
    assert found.ci_low_e6 < found.delta_e6 < found.ci_high_e6


def test_wilson_at_its_ends() -> None:
    assert wilson(0, 10, alpha=0.05)[0] == 0
    assert wilson(10, 10, alpha=0.05)[1] == 1


def test_a_look_that_may_not_err_at_all_decides_nothing() -> None:
    found = compare(calls(0, 500), calls(500, 0), alpha=0.0)
    assert (found.verdict, found.delta_e6, found.ci_low_e6) == (Verdict.INCONCLUSIVE, MILLION, -MILLION)


def test_a_report_of_an_earlier_version_is_read() -> None:
    kept = compare(calls(3, 7), calls(4, 6)).model_dump(mode="json")
    del kept["blocked"]
    assert OnlineReport.model_validate({**kept, "missing_unequally": True}).blocked == Doubt.SILENCE_DIFFERS
    assert OnlineReport.model_validate({**kept, "missing_unequally": False}).blocked is None
