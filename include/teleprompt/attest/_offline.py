"""What evidence from sealed examples must fulfil: counts bound the gain, and fix the exact tests."""

from collections.abc import Iterator
from functools import partial

from teleprompt.attest._rules import (
    LEAST_RESAMPLED_P_E6,
    Rule,
    counts_behind,
    is_recomputed,
    least_resampled_p,
    points,
)
from teleprompt.attest._trial import TRIAL_TEST, betting_rules, trial_rules
from teleprompt.attest.document import Attestation
from teleprompt.attest.evidence import OfflineEvidence
from teleprompt.deltaone.paired import allowing_for_the_unseen, bonett_price, mcnemar_p_value, sign_p_value
from teleprompt.records import MILLION, to_millionths


def offline_rules(attestation: Attestation, evidence: OfflineEvidence, means_e6: tuple[int, int]) -> Iterator[Rule]:
    """The rules in their order; `means_e6` are what the programs scored before and after."""
    n, groups, wins, losses = evidence.n, evidence.n_groups, evidence.wins, evidence.losses
    yield wins + losses + evidence.ties == n, "wins, losses and ties do not add up to n"
    yield wins > 0, "a gain needs a win"
    yield groups <= n <= attestation.optimization_metadata.trace_count, "more examples than traces"
    sealed = _sealed_traces(attestation)
    yield n <= sealed, f"{n} examples were compared, and only {sealed} traces were used for that"
    yield from trial_rules(attestation, evidence)
    estimated = evidence.test == "off_policy_t"
    yield estimated is (evidence.compared == "outcome"), "only an estimate off-policy is of the outcome"
    if estimated:
        yield from _off_policy_rules(evidence)
        return
    yield _is_bounded(evidence), f"{wins} wins and {losses} losses cannot give a gain of {points(evidence.delta_e6)}"
    match evidence.test:
        case "mcnemar_exact":
            yield from _mcnemar_rules(evidence, means_e6)
        case "sign":
            yield from _sign_rules(evidence)
        case "sign_flip":
            yield from _sign_flip_rules(evidence)
        case "betting_mixture":
            yield from betting_rules(evidence)


def _sealed_traces(attestation: Attestation) -> int:
    """How many traces the gate can have read; who does not say where traces were used may have used all there."""
    people = attestation.contributors
    return sum(person.trace_count if person.used is None else person.used.gate for person in people)


def _is_bounded(evidence: OfflineEvidence) -> bool:
    """Scores lie in [0, 1]: a win brings at most 1, a loss takes at most 1.

    The mean is over examples; in a trial over units, of which so many can have gained as there are wins.
    """
    of = evidence.n_groups if evidence.test == TRIAL_TEST else evidence.n
    most, least = min(evidence.wins, of) * MILLION, -min(evidence.losses, of) * MILLION
    return least <= (evidence.delta_e6 + 1) * of and (evidence.delta_e6 - 1) * of <= most


def _mcnemar_rules(evidence: OfflineEvidence, means_e6: tuple[int, int]) -> Iterator[Rule]:
    """Of single examples that are right or wrong."""
    n, wins, losses = evidence.n, evidence.wins, evidence.losses
    yield evidence.n_groups == n, "McNemar's test is of independent examples, so n_groups is n"
    yield (
        abs(evidence.delta_e6 * n - (wins - losses) * MILLION) <= n,
        f"{wins} wins and {losses} losses in {n} do not give a gain of {points(evidence.delta_e6)}",
    )
    yield (
        evidence.p_value_e6 == to_millionths(mcnemar_p_value(wins, losses)),
        "p does not follow from wins and losses",
    )
    yield (
        is_recomputed(
            (evidence.ci_low_e6, evidence.ci_high_e6),
            [lambda alpha: bonett_price(wins, losses, n, alpha=alpha)],
            confidence_e6=evidence.confidence_e6,
        ),
        "the interval does not follow from wins, losses and n",
    )
    before, after = (counts_behind(mean, n) for mean in means_e6)
    yield bool(before) and bool(after), f"a share of {n} right answers is k / {n}"
    right = range(max(before.start, after.start - wins + losses), min(before.stop, after.stop - wins + losses))
    yield (
        max(right.start, losses) < min(right.stop, losses + evidence.ties + 1),
        "wins and losses do not lead from the right answers before to those after",
    )


def _off_policy_rules(evidence: OfflineEvidence) -> Iterator[Rule]:
    """Of weighted calls, whose sums are not in the document."""
    yield evidence.losses > 0, "a gain off-policy needs calls with the answers of both programs"
    yield evidence.scores_digest is None, "an estimate off-policy signs no scores"


def _sign_rules(evidence: OfflineEvidence) -> Iterator[Rule]:
    """Of examples that all changed by the same."""
    n, groups = evidence.n, evidence.n_groups
    yield evidence.wins == n, "the sign test is of examples that all gained the same"
    yield evidence.p_value_e6 == to_millionths(sign_p_value(groups)), "p does not follow from n_groups"
    stated = (evidence.ci_low_e6, evidence.ci_high_e6)
    if evidence.interval == "degenerate":
        yield stated == (evidence.delta_e6, evidence.delta_e6), "a degenerate interval is a point"
        return
    delta = evidence.delta_e6 / MILLION
    if groups == n:
        holds = is_recomputed(stated, [partial(_unseen, delta, groups)], confidence_e6=evidence.confidence_e6)
        yield holds, "the interval does not follow from the gain and n_groups"
    yield _allows_for_the_unseen(evidence), "the interval does not allow for what so few leave unseen"


def _unseen(delta: float, groups: int, alpha: float) -> tuple[float, float]:
    low, high = allowing_for_the_unseen(delta, groups=groups, largest=1.0, alpha=alpha)
    return max(-1.0, low), min(1.0, high)


def _sign_flip_rules(evidence: OfflineEvidence) -> Iterator[Rule]:
    yield evidence.p_value_e6 >= LEAST_RESAMPLED_P_E6, "a resampled p is never as small"
    if evidence.interval == "bca_unseen":
        yield _allows_for_the_unseen(evidence), "the interval does not allow for what so few leave unseen"
    changed = min(evidence.n_groups, evidence.wins + evidence.losses)
    least = least_resampled_p(sign_p_value(changed))
    yield (
        evidence.p_value_e6 + 1 >= to_millionths(least),
        f"so small a p does not come of {changed} groups that changed",
    )


def _allows_for_the_unseen(evidence: OfflineEvidence) -> bool:
    """Groups of one size are assumed; larger ones would only widen the interval."""
    alpha = (MILLION - evidence.confidence_e6 + 0.5) / MILLION
    low, high = _unseen(evidence.delta_e6 / MILLION, evidence.n_groups, alpha)
    return evidence.ci_low_e6 <= to_millionths(low) + 2 and evidence.ci_high_e6 >= to_millionths(high) - 2
