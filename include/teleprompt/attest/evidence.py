"""Whether the figures of `evidence` can be what a gate found."""

from include.teleprompt.attest.codes import Code, InvalidAttestationError
from include.teleprompt.attest.document import Evidence
from include.teleprompt.deltaone.paired import mcnemar_p_value, sign_p_value
from include.teleprompt.records import MILLION, to_millionths

_INTERVAL_OF_TEST = {"mcnemar_exact": "bonett_price", "sign_flip": "bca", "sign": "degenerate"}


def check_evidence(evidence: Evidence, *, delta_e6: int, trace_count: int) -> None:
    """Check the figures against each other; exact tests are computed anew from the counts.

    Raises:
        InvalidAttestationError: `EVIDENCE_MISMATCH`, with what contradicts what.
    """
    strongest = "proven" if evidence.ci_low_e6 >= evidence.threshold_e6 else "significant"
    rules = {
        "delta_e6 is not performance_delta": evidence.delta_e6 == delta_e6,
        "wins, losses and ties do not add up to n": evidence.wins + evidence.losses + evidence.ties == evidence.n,
        "a gain needs a win": evidence.wins > 0,
        "more examples than traces": evidence.n_groups <= evidence.n <= trace_count,
        "the interval is upside down": evidence.ci_low_e6 <= evidence.ci_high_e6,
        "the interval is not above 0": evidence.ci_low_e6 > 0,
        f"the interval shows {strongest!r}": evidence.claim == strongest,
        "p is above alpha": evidence.p_value_e6 <= MILLION - evidence.confidence_e6,
        "test and interval do not belong together": _INTERVAL_OF_TEST[evidence.test] == evidence.interval,
        "p does not follow from the counts": evidence.p_value_e6 == _exact_p_value_e6(evidence),
    }
    for contradiction, holds in rules.items():
        if not holds:
            raise InvalidAttestationError(Code.EVIDENCE_MISMATCH, contradiction)


def _exact_p_value_e6(evidence: Evidence) -> int:
    """The p-value that the counts give; for the resampled test, which they do not fix, the stated one."""
    match evidence.test:
        case "mcnemar_exact":
            return to_millionths(mcnemar_p_value(evidence.wins, evidence.losses))
        case "sign":
            return to_millionths(sign_p_value(evidence.n_groups))
        case _:
            return evidence.p_value_e6
