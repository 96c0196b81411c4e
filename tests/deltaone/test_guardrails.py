"""A gain that is paid with something else is no gain."""

import pytest

from teleprompt.config.gate import Claim, Guardrail
from teleprompt.deltaone.guardrails import check_guardrails
from teleprompt.deltaone.report import GatePolicy, Verdict
from teleprompt.deltaone.scores import ScoredAnswer, Usage
from teleprompt.gate.comparison import ComparedAnswer, verdict_on
from teleprompt.records import MILLION

POLICY = GatePolicy(threshold_e6=10_000, claim=Claim.SIGNIFICANT, alpha=0.05)


def answer(
    score: float = 1.0, *, polite: float | None = None, latency: float = 1.0, failed: bool = False
) -> ScoredAnswer:
    return ScoredAnswer(
        score_e6=round(score * MILLION),
        parts_e6={} if polite is None else {"polite": round(polite * MILLION)},
        failure="ValueError" if failed else None,
        usage=None if failed else Usage(latency_us=round(latency * 1e6), tokens=100, cost_e6=None),
    )


def check(guardrail: Guardrail, before: list[ScoredAnswer], after: list[ScoredAnswer]):
    (found,) = check_guardrails([guardrail], before, after)
    return found


@pytest.mark.parametrize(
    ("tolerance", "after", "holds"),
    [(0.0, 1.0, True), (0.0, 1.1, False), ("10%", 1.1, True), ("10%", 1.100001, False), (0.2, 1.2, True)],
)
def test_a_mean_may_get_worse_by_what_is_tolerated(tolerance: float | str, after: float, holds: bool) -> None:
    guardrail = Guardrail(metric="latency_seconds", tolerance=tolerance)
    assert check(guardrail, [answer()] * 3, [answer(latency=after)] * 3).holds is holds


def test_of_a_score_higher_is_better_if_the_file_says_so() -> None:
    guardrail = Guardrail(metric="polite", direction="higher", tolerance=0.05)
    assert check(guardrail, [answer(polite=0.9)] * 2, [answer(polite=0.85)] * 2).holds
    worse = check(guardrail, [answer(polite=0.9)] * 2, [answer(polite=0.8)] * 2)
    assert not worse.holds
    assert worse.reason == "polite 0.9 -> 0.8, at least 0.85 is tolerated"


@pytest.mark.parametrize("metric", ["polite", "cost_usd"])
def test_a_missing_value_does_not_hold(metric: str) -> None:
    found = check(Guardrail(metric=metric), [answer(), answer(polite=1)], [answer(polite=1), answer(polite=1)])
    assert not found.holds
    assert found.reason.startswith(f"{metric} is missing on ")


def test_failures_are_a_metric_of_their_own_and_bend_no_other() -> None:
    before, after = [answer(), answer(latency=9)], [answer(), answer(failed=True)]
    assert check(Guardrail(metric="latency_seconds"), before, after).holds  # the one that both answered
    assert not check(Guardrail(metric="failure_rate"), before, after).holds
    assert check(Guardrail(metric="failure_rate", tolerance=0.5), before, after).holds


def test_where_nothing_was_answered_nothing_holds() -> None:
    assert not check(Guardrail(metric="tokens"), [answer(failed=True)], [answer()]).holds


def test_a_breach_rejects_a_proven_gain_and_is_named() -> None:
    answers = [
        ComparedAnswer(trace_id=str(i), unit=str(i), baseline=answer(0), optimized=answer(1, latency=2))
        for i in range(50)
    ]
    free = verdict_on(answers, POLICY, ())
    guarded = verdict_on(answers, POLICY, (Guardrail(metric="latency_seconds", tolerance="50%"),))
    assert (free.verdict, guarded.verdict, guarded.evidence) == (Verdict.PROMOTE, Verdict.REJECT, Claim.PROVEN)
    assert "a guardrail does not hold (latency_seconds 1 -> 2, at most 1.5 is tolerated)" in guarded.reason
    assert guarded.model_copy(update={"verdict": free.verdict, "guardrails": ()}) == free
