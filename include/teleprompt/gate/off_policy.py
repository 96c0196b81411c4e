"""Comparing two programs by the outcomes of sealed calls in which chance chose the answer."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from teleprompt.deltaone.decide_off_policy import decide_off_policy
from teleprompt.deltaone.off_policy_calls import ExploredCall
from teleprompt.deltaone.off_policy_report import OffPolicyPolicy, OffPolicyReport
from teleprompt.deltaone.report import GatePolicy, GateReport
from teleprompt.gate.trial_fold import ComparedAnswer, ExploredAnswer
from teleprompt.records import MILLION, to_millionths
from teleprompt.traces.grouping import components
from teleprompt.traces.in_production import Propensity
from teleprompt.traces.row import TraceRow
from teleprompt.traces.snapshot import Snapshot

if TYPE_CHECKING:
    from teleprompt.gate.comparison import PairScores

POWER = 2.8
"""Standard errors that a difference must be to be seen four times in five, at a two-sided error of 5 %."""
FAILED = "failed"
LOST = (
    "missing_outcome", "uncounted_outcome", "partial_outcome", "outcome_not_a_number", "outcome_out_of_range",
    "missing_output", "nested_output", "unreadable_value", "truncated",
)  # fmt: skip
"""Reasons of the quarantine that may have to do with the answer: what remains is not what chance gave."""


def cannot_estimate(snapshot: Snapshot, pair: "PairScores") -> str | None:
    """Why the outcome of these programs cannot be estimated from the window; None where it can."""
    lost = {reason: count for reason in LOST if (count := snapshot.quarantined.get(reason, 0))}
    if lost:
        named = ", ".join(f"{reason} {count}" for reason, count in lost.items())
        return (
            f"not decided, outcomes_missing: {sum(lost.values())} calls of the window cannot be used ({named}), and of "
            "explored answers a few can be most; say what silence means (`outcome.missing: impute`), or log them whole"
        )
    failed = sum(answer.failure is not None for answer in (*pair.baseline.answers, *pair.optimized.answers))
    if failed:
        return (
            f"not decided, answers_failed: {failed} calls of the two programs failed, and nobody knows what comes of it"
        )
    return None


def with_exploration(
    answers: Sequence[ComparedAnswer],
    pair: "PairScores",
    rows: Sequence[TraceRow],
    propensities: Mapping[str, Propensity],
) -> list[ComparedAnswer]:
    """The answers with what chance gave; `pair` is of the `rows`, in their order.

    Calls of one key are of one unit, whatever else they have in common.
    """
    both = zip(pair.logged, pair.baseline.answers, pair.optimized.answers, strict=True)
    said = {
        row.trace_id: (logged, before.answer or FAILED, after.answer or FAILED)
        for row, (logged, before, after) in zip(rows, both, strict=True)
    }
    number = {name: i for i, name in enumerate(sorted({name for names in said.values() for name in names}))}
    outcomes = {row.trace_id: row.score_e6 for row in rows}
    drawn = [propensities.get(answer.trace_id, Propensity(None, None)) for answer in answers]
    joined = components(
        [
            [answer.unit, *([] if one.key is None else [f"key:{one.key}"])]
            for answer, one in zip(answers, drawn, strict=True)
        ],
        [],
    )
    explored = []
    for answer, one, root in zip(answers, drawn, joined, strict=True):
        given, champion, candidate = (number[name] for name in said[answer.trace_id])
        own = ExploredAnswer(
            given=given,
            champion=champion,
            candidate=candidate,
            propensity_e6=None if one.probability is None else to_millionths(one.probability),
            outcome_e6=outcomes[answer.trace_id],
        )
        explored.append(answer.model_copy(update={"explored": own, "unit": root}))
    return explored


def off_policy_report(answers: Sequence[ComparedAnswer], policy: GatePolicy) -> OffPolicyReport:
    """What explored answers show; a pure function of them. An answer's unit is the key that it belongs to."""
    calls = [
        ExploredCall(
            key=answer.unit,
            answer=str(one.given),
            propensity=None if one.propensity_e6 is None else one.propensity_e6 / MILLION,
            champion=str(one.champion),
            candidate=str(one.candidate),
            outcome=one.outcome_e6 / MILLION,
        )
        for answer in answers
        if (one := answer.explored) is not None
    ]
    return decide_off_policy(
        calls,
        OffPolicyPolicy(level=policy.alpha / 2, threshold=policy.threshold_e6 / MILLION, claim=policy.claim),
        versions=("the champion", "the candidate"),
    )


def off_policy_verdict(answers: Sequence[ComparedAnswer], policy: GatePolicy) -> GateReport:
    """The same as the gate reports it.

    A call counts as a win where the candidate's answer was given and the champion's was not, and as a loss the other
    way round; all others as ties.
    """
    found = off_policy_report(answers, policy)
    wins, losses = found.optimized.matched, found.baseline.matched
    error_e6 = (found.ci_high_e6 - found.ci_low_e6) / 4  # about one standard error
    goal_e6 = max(policy.threshold_e6, abs(found.delta_e6))
    needed = round(found.calls * (POWER * error_e6 / goal_e6) ** 2)
    return GateReport(
        verdict=found.verdict,
        evidence=found.evidence,
        policy=policy,
        n=found.calls,
        n_groups=found.keys,
        baseline_e6=found.baseline.mean_e6 or 0,
        optimized_e6=found.optimized.mean_e6 or 0,
        delta_e6=found.delta_e6,
        ci_low_e6=found.ci_low_e6,
        ci_high_e6=found.ci_high_e6,
        p_value_e6=found.p_value_e6,
        test=found.test,
        interval=found.interval,
        wins=wins,
        losses=losses,
        ties=found.calls - wins - losses,
        sd_e6=round(error_e6 * found.calls**0.5),
        mde_e6=min(MILLION, round(POWER * error_e6)),
        examples_needed=max(0, needed - found.calls),
        pending=f"not decided, {found.blocked}" if found.blocked else None,
    )
