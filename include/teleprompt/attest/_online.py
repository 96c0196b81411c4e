"""What evidence from production must fulfil: calls and keys of two versions, answered side by side."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from math import exp, lgamma

from teleprompt.attest._rules import (
    LEAST_RESAMPLED_P_E6,
    Rule,
    counts_behind,
    is_recomputed,
    least_resampled_p,
    span_of,
)
from teleprompt.attest.document import Attestation
from teleprompt.attest.evidence import OnlineEvidence
from teleprompt.deltaone.online import fisher_p_value, hidden, newcombe, silence_differs
from teleprompt.records import MILLION, to_millionths

MOST_CALLS = 10**9
"""Of a version, with or without an outcome: of more nobody computes the tests anew."""

Pair = tuple[int, int]
"""Of the baseline and of the optimized version."""


def online_rules(attestation: Attestation, evidence: OnlineEvidence, means_e6: tuple[int, int]) -> Iterator[Rule]:
    """The rules in their order; `means_e6` are the mean outcomes of both versions."""
    yield (
        evidence.keys_baseline <= evidence.n_baseline and evidence.keys_optimized <= evidence.n_optimized,
        "more keys than calls",
    )
    calls = evidence.n_baseline, evidence.n_optimized, evidence.missing_baseline, evidence.missing_optimized
    yield max(calls) <= MOST_CALLS, f"more than {MOST_CALLS:,} calls"
    start, end = span_of(evidence.observed)
    yield start < end, "the observed span is empty"
    yield attestation.decided_at >= end, "timestamp lies in the time that was observed"
    within_weeks = evidence.test == "delta_method"
    yield within_weeks is (evidence.weeks is not None), "weeks and test do not belong together"
    yield (evidence.weeks is None) is (evidence.missing_are is None), "weeks and missing_are do not belong together"
    if within_weeks:
        yield from _rules_of_weeks(evidence)
        return
    yield (
        not silence_differs(
            (evidence.missing_baseline, evidence.n_baseline), (evidence.missing_optimized, evidence.n_optimized)
        ),
        "outcomes are missing unequally, so that they decide nothing",
    )
    if evidence.test == "fisher_exact":
        yield from _fisher_rules(evidence, means_e6)
    else:
        yield from _permutation_rules(evidence, means_e6)


def _rules_of_weeks(evidence: OnlineEvidence) -> Iterator[Rule]:
    """Of a comparison within weeks and shares, whose sums are not in the document: what so few keys leave unseen.

    A call without an outcome may be of a key of its own.
    """
    keys = (
        evidence.keys_baseline + evidence.missing_baseline,
        evidence.keys_optimized + evidence.missing_optimized,
    )
    yield min(evidence.keys_baseline, evidence.keys_optimized) > 1, "one key is one observation"
    start, end = span_of(evidence.observed)
    yield timedelta(weeks=evidence.weeks or 0) <= end - start, "more weeks than were observed"
    alpha = (MILLION - evidence.confidence_e6 + 0.5) / MILLION
    least = to_millionths(hidden(0.5, keys=min(keys), alpha=alpha)) - 3
    yield (
        evidence.delta_e6 - evidence.ci_low_e6 >= least
        and (evidence.ci_high_e6 == MILLION or evidence.ci_high_e6 - evidence.delta_e6 >= least),
        "the interval does not allow for what so few keys leave unseen",
    )


def _fisher_rules(evidence: OnlineEvidence, means_e6: tuple[int, int]) -> Iterator[Rule]:
    """Of single calls that turned out well or did not."""
    sizes = evidence.n_baseline, evidence.n_optimized
    yield (
        (evidence.keys_baseline, evidence.keys_optimized) == sizes,
        "Fisher's test is of one call a key, so there are as many keys as calls",
    )
    before, after = (counts_behind(mean, n) for mean, n in zip(means_e6, sizes, strict=True))
    yield bool(before) and bool(after), "a share of good outcomes is k / n"
    # Of a million calls and more, six decimals stand for several counts: the furthest apart, and the nearest.
    apart, near = (before[0], after[-1]), (before[-1], after[0])
    least, most = sorted(to_millionths(_p_of(good, sizes)) for good in (apart, near))
    yield least <= evidence.p_value_e6 <= most, "p does not follow from the means and the numbers of calls"
    yield (
        is_recomputed(
            (evidence.ci_low_e6, evidence.ci_high_e6),
            [partial(_interval_of, good, sizes) for good in (apart, near)],
            confidence_e6=evidence.confidence_e6,
        ),
        "the interval does not follow from the means and the numbers of calls",
    )


def _p_of(good: Pair, sizes: Pair) -> float:
    return fisher_p_value((good[0], sizes[0] - good[0]), (good[1], sizes[1] - good[1]))


def _interval_of(good: Pair, sizes: Pair, alpha: float) -> tuple[float, float]:
    return newcombe((good[0], sizes[0]), (good[1], sizes[1]), alpha=alpha)


def _permutation_rules(evidence: OnlineEvidence, means_e6: tuple[int, int]) -> Iterator[Rule]:
    keys = evidence.keys_baseline, evidence.keys_optimized
    yield min(keys) > 1, "one key is one observation"
    yield evidence.p_value_e6 >= LEAST_RESAMPLED_P_E6, "a resampled p is never as small"
    least = least_resampled_p(_one_assignment(*keys))
    yield evidence.p_value_e6 + 1 >= to_millionths(least), "so small a p does not come of so few keys"
    below, above = evidence.delta_e6 - evidence.ci_low_e6, evidence.ci_high_e6 - evidence.delta_e6
    is_cut = evidence.ci_high_e6 == MILLION
    yield (above <= below + 3) if is_cut else abs(above - below) <= 3, "the interval is not centred on the gain"
    alpha = (MILLION - evidence.confidence_e6 + 0.5) / MILLION
    half = max(hidden(mean / MILLION, keys=count, alpha=alpha) for mean, count in zip(means_e6, keys, strict=True))
    yield below + 3 >= to_millionths(half), "the interval does not allow for what so few keys leave unseen"


def _one_assignment(one: int, other: int) -> float:
    """The probability that chance gives out the keys as they were: 1 of so many ways."""
    return exp(lgamma(one + 1) + lgamma(other + 1) - lgamma(one + other + 1))
