"""Whether the figures of `evidence` can be what a gate found."""

from collections.abc import Iterator

from teleprompt.attest._offline import offline_rules
from teleprompt.attest._online import online_rules
from teleprompt.attest._rules import Rule, points
from teleprompt.attest.codes import Code, InvalidAttestationError
from teleprompt.attest.document import Attestation, headline_metric
from teleprompt.attest.evidence import OfflineEvidence, OnlineEvidence
from teleprompt.records import MILLION, to_millionths

LEAST_CONFIDENCE_E6 = 625_000
"""No program file gives a lower one: a look gets at most three quarters of an alpha below 0.5, a trial at most 0.125
beside a `harm_level` below 0.25."""
_INTERVALS_OF_TEST = {
    "mcnemar_exact": {"bonett_price"},
    "sign_flip": {"bca_unseen", "bca"},
    "sign": {"unseen", "degenerate"},
    "betting_mixture": {"confidence_sequence"},
    "off_policy_t": {"off_policy_unseen"},
    "fisher_exact": {"newcombe"},
    "permutation": {"delta_method_unseen"},
    "delta_method": {"delta_method_unseen"},
}


def check_evidence(attestation: Attestation) -> None:
    """Check the figures against each other and the rest of the document, if there are any.

    Tests and intervals that counts fix are computed anew; those that they do not are held within what counts allow.

    Raises:
        InvalidAttestationError: `EVIDENCE_MISMATCH`, with the first contradiction in one sentence.
    """
    evidence = attestation.evidence
    if evidence is None:
        return
    for holds, contradiction in _rules(attestation, evidence):
        if not holds:
            raise InvalidAttestationError(Code.EVIDENCE_MISMATCH, contradiction)


def _rules(attestation: Attestation, evidence: OfflineEvidence | OnlineEvidence) -> Iterator[Rule]:
    """In this order, and each worked out only where those before it hold."""
    yield from _rules_of_all(evidence, to_millionths(attestation.performance.performance_delta))
    metric, performance = headline_metric(attestation), attestation.performance
    means_e6 = (
        to_millionths(performance.baseline_metrics[metric]),
        to_millionths(performance.optimized_metrics[metric]),
    )
    if evidence.kind == "offline":
        yield from offline_rules(attestation, evidence, means_e6)
    else:
        yield from online_rules(attestation, evidence, means_e6)


def _rules_of_all(evidence: OfflineEvidence | OnlineEvidence, delta_e6: int) -> Iterator[Rule]:
    strongest = "proven" if evidence.ci_low_e6 >= evidence.threshold_e6 else "significant"
    low, high, gain = points(evidence.ci_low_e6), points(evidence.ci_high_e6), points(evidence.delta_e6)
    yield evidence.delta_e6 == delta_e6, "delta_e6 is not performance_delta"
    yield evidence.ci_low_e6 <= evidence.ci_high_e6, "the interval is upside down"
    yield evidence.ci_low_e6 > 0, "the interval is not above 0"
    yield (
        evidence.ci_low_e6 - 1 <= evidence.delta_e6 <= evidence.ci_high_e6 + 1,
        f"the interval from {low} to {high} leaves out the gain of {gain}",
    )
    yield evidence.claim == strongest, f"the interval shows {strongest!r}"
    yield (
        LEAST_CONFIDENCE_E6 <= evidence.confidence_e6 < MILLION,
        f"no gate decides at a confidence of {evidence.confidence_e6 / MILLION:g}",
    )
    yield evidence.p_value_e6 <= MILLION - evidence.confidence_e6, "p is above alpha"
    yield evidence.interval in _INTERVALS_OF_TEST[evidence.test], "test and interval do not belong together"
