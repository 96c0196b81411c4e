"""The verdict on a candidate: a pure function of paired scores."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from include.teleprompt.config.gate import Claim
from include.teleprompt.deltaone.paired import (
    PairedComparison,
    compare_pairs,
    effective_sd,
    examples_needed,
    minimum_detectable_effect,
)
from include.teleprompt.errors import TelepromptError
from include.teleprompt.evaluate.score import mean_e6
from include.teleprompt.records import MILLION, Millionths, Record, from_millionths, to_millionths


class Verdict(StrEnum):
    """What the gate says."""

    PROMOTE = "promote"
    REJECT = "reject"
    INCONCLUSIVE = "inconclusive"


class GatePolicy(Record):
    """What has to be shown."""

    threshold_e6: Annotated[int, Field(gt=0, lt=MILLION)]
    claim: Claim
    alpha: Annotated[float, Field(gt=0, lt=0.5)]


class Decision(Record):
    """The verdict with everything that it rests on. Scores and differences are millionths."""

    verdict: Verdict
    evidence: Claim | None
    """The strongest claim that was shown."""
    policy: GatePolicy
    n: int
    n_groups: int
    """Independent groups that the examples belong to."""
    baseline_e6: Millionths
    optimized_e6: Millionths
    delta_e6: Millionths
    """`optimized_e6 - baseline_e6`; the number that is compared with the threshold and attested."""
    ci_low_e6: Millionths
    ci_high_e6: Millionths
    p_value_e6: Millionths
    test: str
    interval: str
    wins: int
    losses: int
    ties: int
    mde_e6: int
    """Difference that so many pairs would show with 80 % power."""
    examples_needed: int
    """Further pairs for 80 % power to see the larger of the threshold and the measured gain."""

    @property
    def reason(self) -> str:
        """The verdict in one sentence."""
        figures = (
            f"{self.delta_e6 / 1e4:+.2f} points [{self.ci_low_e6 / 1e4:+.2f}, {self.ci_high_e6 / 1e4:+.2f}] "
            f"on {self.n} sealed examples"
        )
        threshold = f"{self.policy.threshold_e6 / 1e4:g} points"
        match self.verdict:
            case Verdict.PROMOTE:
                return f"{figures}: at least {threshold}, {self.evidence}."
            case Verdict.REJECT:
                return f"{figures}: the whole interval lies below {threshold}."
            case Verdict.INCONCLUSIVE:
                return f"{figures}: not decided; about {self.examples_needed} more examples would be needed."


def decide(
    baseline: Sequence[int], optimized: Sequence[int], *, groups: Sequence[str] | None = None, policy: GatePolicy
) -> Decision:
    """Compare the scores, in millionths, of two programs on the same examples in the same order.

    Examples of one of the `groups` are not independent of each other; by default all are.

    Promote: the claim of the policy is shown. `significant` is an estimate of at least the threshold with the
    interval above 0 and p <= alpha; `proven` is the whole interval at or above the threshold. Reject: the whole
    interval lies below the threshold. Otherwise inconclusive. Deterministic.

    Raises:
        TelepromptError: no example, unequal lengths, or a score outside [0, 1].
    """
    if not baseline or len(baseline) != len(optimized):
        raise TelepromptError(
            f"The gate needs the same examples for both programs, at least one "
            f"(got {len(baseline)} and {len(optimized)}); collect more traces or raise `split.gate`."
        )
    if groups is None:
        groups = [str(i) for i in range(len(baseline))]
    if any(not 0 <= score <= MILLION for score in (*baseline, *optimized)):
        raise TelepromptError("A score is outside [0, 1]; correct the program's metric.")
    differences = [b - a for a, b in zip(baseline, optimized, strict=True)]
    binary = {*baseline, *optimized} <= {0, MILLION}
    comparison = compare_pairs(differences, groups, binary=binary, alpha=policy.alpha)
    baseline_e6, optimized_e6 = mean_e6(baseline), mean_e6(optimized)
    delta_e6 = optimized_e6 - baseline_e6
    evidence = _evidence(comparison, delta_e6, policy)
    sd = effective_sd(differences, groups)
    goal = from_millionths(max(policy.threshold_e6, delta_e6))
    needed = examples_needed(sd=sd, difference=goal, alpha=policy.alpha)
    return Decision(
        verdict=_verdict(evidence, comparison, policy),
        evidence=evidence,
        policy=policy,
        n=len(baseline),
        n_groups=len(set(groups)),
        baseline_e6=baseline_e6,
        optimized_e6=optimized_e6,
        delta_e6=delta_e6,
        ci_low_e6=to_millionths(comparison.low),
        ci_high_e6=to_millionths(comparison.high),
        p_value_e6=to_millionths(comparison.p_value),
        test=comparison.test,
        interval=comparison.interval,
        wins=sum(d > 0 for d in differences),
        losses=sum(d < 0 for d in differences),
        ties=sum(d == 0 for d in differences),
        mde_e6=to_millionths(minimum_detectable_effect(sd=sd, n=len(baseline), alpha=policy.alpha)),
        examples_needed=max(0, needed - len(baseline)),
    )


def _evidence(comparison: PairedComparison, delta_e6: int, policy: GatePolicy) -> Claim | None:
    if delta_e6 < policy.threshold_e6 or comparison.p_value > policy.alpha:
        return None
    low_e6 = to_millionths(comparison.low)
    if low_e6 >= policy.threshold_e6:
        return Claim.PROVEN
    return Claim.SIGNIFICANT if low_e6 > 0 else None


def _verdict(evidence: Claim | None, comparison: PairedComparison, policy: GatePolicy) -> Verdict:
    if evidence is Claim.PROVEN or (evidence is not None and policy.claim is Claim.SIGNIFICANT):
        return Verdict.PROMOTE
    if to_millionths(comparison.high) < policy.threshold_e6:
        return Verdict.REJECT
    return Verdict.INCONCLUSIVE
