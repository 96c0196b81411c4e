"""The one rule for what a difference with its interval shows, and what follows; offline and in production."""

from enum import StrEnum

from teleprompt.config.gate import Claim


class Verdict(StrEnum):
    """What the gate says."""

    PROMOTE = "promote"
    REJECT = "reject"
    INCONCLUSIVE = "inconclusive"


def evidence_of(*, delta_e6: int, low_e6: int, p_value: float, threshold_e6: int, alpha: float) -> Claim | None:
    """What is shown: `significant` is an estimate of at least the threshold with the interval above 0 and p <= alpha,
    `proven` is that with the whole interval at or above the threshold."""
    if delta_e6 < threshold_e6 or p_value > alpha or low_e6 <= 0:
        return None
    return Claim.PROVEN if low_e6 >= threshold_e6 else Claim.SIGNIFICANT


def verdict_of(evidence: Claim | None, *, high_e6: int, threshold_e6: int, claim: Claim) -> Verdict:
    """Promote what shows the claim, reject where the whole interval lies below the threshold."""
    if evidence is Claim.PROVEN or (evidence is not None and claim is Claim.SIGNIFICANT):
        return Verdict.PROMOTE
    return Verdict.REJECT if high_e6 < threshold_e6 else Verdict.INCONCLUSIVE
