"""The verdict on a candidate: a pure function of paired scores."""

from collections.abc import Sequence

from teleprompt.config.gate import Claim
from teleprompt.config.outcome import Direction
from teleprompt.deltaone.paired import (
    compare_pairs,
    effective_sd,
    examples_needed,
    minimum_detectable_effect,
)
from teleprompt.deltaone.report import GatePolicy, GateReport
from teleprompt.deltaone.scores import check_scores, mean_e6
from teleprompt.deltaone.verdict import evidence_of, verdict_of
from teleprompt.records import MILLION, from_millionths, to_millionths


def decide(
    baseline: Sequence[int], optimized: Sequence[int], *, groups: Sequence[str] | None = None, policy: GatePolicy
) -> GateReport:
    """Compare the scores, in millionths, of two programs on the same examples in the same order.

    Examples of one of the `groups` are not independent of each other; by default all are.

    The verdict is that of `verdict_of`. Deterministic.

    Raises:
        TelepromptError: no example, unequal lengths, or a score that is no whole number in [0, 1,000,000].
    """
    check_scores(baseline, optimized, groups)
    if groups is None:
        groups = [str(i) for i in range(len(baseline))]
    sign = 1 if policy.direction is Direction.HIGHER else -1
    gains = [sign * (after - before) for before, after in zip(baseline, optimized, strict=True)]
    binary = {*baseline, *optimized} <= {0, MILLION}
    comparison = compare_pairs(gains, groups, binary=binary, alpha=policy.alpha)
    baseline_e6, optimized_e6 = mean_e6(baseline), mean_e6(optimized)
    delta_e6 = sign * (optimized_e6 - baseline_e6)
    low_e6, high_e6 = to_millionths(comparison.low), to_millionths(comparison.high)
    enough = sum(gains) >= policy.threshold_e6 * len(gains)  # a mean that is rounded up to the threshold is below it
    evidence = evidence_of(
        delta_e6=delta_e6 if enough else min(delta_e6, policy.threshold_e6 - 1),
        low_e6=low_e6,
        p_value=comparison.p_value,
        threshold_e6=policy.threshold_e6,
        alpha=policy.alpha,
    )
    sd = effective_sd(gains, groups)
    per_group = len(baseline) / len(set(groups))
    goal = from_millionths(_goal_e6(delta_e6, policy))
    needed = examples_needed(sd=sd, difference=goal, alpha=policy.alpha, per_group=per_group)
    return GateReport(
        verdict=verdict_of(evidence, high_e6=high_e6, threshold_e6=policy.threshold_e6, claim=policy.claim),
        evidence=evidence,
        policy=policy,
        n=len(baseline),
        n_groups=len(set(groups)),
        baseline_e6=baseline_e6,
        optimized_e6=optimized_e6,
        delta_e6=delta_e6,
        ci_low_e6=low_e6,
        ci_high_e6=high_e6,
        p_value_e6=to_millionths(comparison.p_value),
        test=comparison.test,
        interval=comparison.interval,
        wins=sum(gain > 0 for gain in gains),
        losses=sum(gain < 0 for gain in gains),
        ties=sum(gain == 0 for gain in gains),
        sd_e6=to_millionths(sd),
        mde_e6=to_millionths(
            minimum_detectable_effect(sd=sd, n=len(baseline), alpha=policy.alpha, per_group=per_group)
        ),
        examples_needed=max(0, needed - len(baseline)),
    )


def _goal_e6(delta_e6: int, policy: GatePolicy) -> int:
    """The difference that more examples would have to show: from 0, or to prove the threshold from there."""
    beyond = delta_e6 - policy.threshold_e6
    if policy.claim is Claim.PROVEN and beyond > 0:
        return beyond
    return max(policy.threshold_e6, delta_e6)
