"""Whether the figures of `evidence` can be what a gate found."""

from datetime import datetime

from teleprompt.attest.codes import Code, InvalidAttestationError
from teleprompt.attest.document import OfflineEvidence, OnlineEvidence
from teleprompt.deltaone.paired import allowing_for_the_unseen, mcnemar_p_value, sign_p_value
from teleprompt.records import MILLION, to_millionths

TRIAL_TEST = "betting_mixture"
_INTERVALS_OF_TEST = {
    "mcnemar_exact": {"bonett_price"},
    "sign_flip": {"bca_unseen", "bca"},
    "sign": {"unseen", "degenerate"},
    "betting_mixture": {"confidence_sequence"},
    "fisher_exact": {"newcombe"},
    "permutation": {"delta_method_unseen"},
}


def check_evidence(evidence: OfflineEvidence | OnlineEvidence, *, delta_e6: int, trace_count: int) -> None:
    """Check the figures against each other; exact tests are computed anew from the counts.

    Raises:
        InvalidAttestationError: `EVIDENCE_MISMATCH`, with what contradicts what.
    """
    strongest = "proven" if evidence.ci_low_e6 >= evidence.threshold_e6 else "significant"
    rules = {
        "delta_e6 is not performance_delta": evidence.delta_e6 == delta_e6,
        "the interval is upside down": evidence.ci_low_e6 <= evidence.ci_high_e6,
        "the interval is not above 0": evidence.ci_low_e6 > 0,
        f"the interval shows {strongest!r}": evidence.claim == strongest,
        "p is above alpha": evidence.p_value_e6 <= MILLION - evidence.confidence_e6,
        "test and interval do not belong together": evidence.interval in _INTERVALS_OF_TEST[evidence.test],
        **(_offline_rules(evidence, trace_count) if evidence.kind == "offline" else _online_rules(evidence)),
    }
    for contradiction, holds in rules.items():
        if not holds:
            raise InvalidAttestationError(Code.EVIDENCE_MISMATCH, contradiction)


def _offline_rules(evidence: OfflineEvidence, trace_count: int) -> dict[str, bool]:
    return {
        "wins, losses and ties do not add up to n": evidence.wins + evidence.losses + evidence.ties == evidence.n,
        "a gain needs a win": evidence.wins > 0,
        "more examples than traces": evidence.n_groups <= evidence.n <= trace_count,
        "the interval does not allow for what so few leave unseen": _allows_for_the_unseen(evidence),
        **_trial_rules(evidence),
        "p does not follow from the counts": evidence.p_value_e6 == _exact_p_value_e6(evidence),
        "the gain does not follow from the counts": evidence.test != "mcnemar_exact" or _is_share_of_wins(evidence),
    }


def _trial_rules(evidence: OfflineEvidence) -> dict[str, bool]:
    trial = evidence.trial
    known = {"a test that adds up over windows is that of a trial": (trial is None) == (evidence.test != TRIAL_TEST)}
    if trial is None:
        return known
    return {
        **known,
        "p is above the trial's level": evidence.p_value_e6 <= trial.level_e6,
        "more windows than examples": trial.windows <= evidence.n,
        "the opening window is empty": datetime.fromisoformat(trial.opened.start)
        < datetime.fromisoformat(trial.opened.end),
    }


def _online_rules(evidence: OnlineEvidence) -> dict[str, bool]:
    return {
        "more keys than calls": evidence.keys_baseline <= evidence.n_baseline
        and evidence.keys_optimized <= evidence.n_optimized,
        "the observed span is empty": datetime.fromisoformat(evidence.observed.start)
        < datetime.fromisoformat(evidence.observed.end),
    }


def _is_share_of_wins(evidence: OfflineEvidence) -> bool:
    """McNemar's test is of single examples that are right or wrong."""
    gain_e6 = (evidence.wins - evidence.losses) / evidence.n * MILLION
    return evidence.n_groups == evidence.n and abs(evidence.delta_e6 - gain_e6) <= 1


def _allows_for_the_unseen(evidence: OfflineEvidence) -> bool:
    """Groups of one size are assumed; larger ones would only widen the interval."""
    if not evidence.interval.endswith("unseen"):
        return True
    alpha = (MILLION - evidence.confidence_e6) / MILLION
    delta = evidence.delta_e6 / MILLION
    lowest, _ = allowing_for_the_unseen(delta, groups=evidence.n_groups, largest=1.0, alpha=alpha)
    return evidence.ci_low_e6 <= to_millionths(lowest) + 2


def _exact_p_value_e6(evidence: OfflineEvidence) -> int:
    """The p-value that the counts give; for the resampled test, which they do not fix, the stated one."""
    match evidence.test:
        case "mcnemar_exact":
            return to_millionths(mcnemar_p_value(evidence.wins, evidence.losses))
        case "sign":
            return to_millionths(sign_p_value(evidence.n_groups))
        case _:
            return evidence.p_value_e6
