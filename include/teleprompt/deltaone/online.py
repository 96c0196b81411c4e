"""Two versions that answered at different times, by what came of their calls: a pure function of outcomes.

Other than on sealed examples, nothing is paired: each key (customer, conversation) was answered by one version. Keys
are the independent units; calls of one key are not independent of each other. What else changed meanwhile is in the
difference, too: a challenger is compared by `decide_online`.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from teleprompt.config.gate import Claim
from teleprompt.deltaone.online_doubts import MISSING_UNLIKELY, Doubt
from teleprompt.deltaone.online_report import Arm, OnlineReport
from teleprompt.deltaone.paired import SEED, allowing_for_the_unseen, resamples_for
from teleprompt.deltaone.report import Verdict
from teleprompt.deltaone.scores import mean_e6
from teleprompt.deltaone.verdict import evidence_of, verdict_of
from teleprompt.errors import TelepromptError
from teleprompt.records import MILLION, to_millionths

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class ObservedCall:
    """A mature call in production."""

    key: str | None
    """Whose call it was; None where that was not logged."""
    score_e6: int | None
    """Its outcome as a score in millionths; None where none came. That is not 0."""


def compare_online(
    baseline: Sequence[ObservedCall],
    optimized: Sequence[ObservedCall],
    *,
    versions: tuple[str, str],
    threshold_e6: int,
    claim: Claim,
    alpha: float,
) -> OnlineReport:
    """Compare the outcomes of the calls of two versions, named by `versions`.

    One call a key and outcomes of 0 or 1: Fisher's exact test and the hybrid score interval of Newcombe (1998, method
    10). Otherwise: permutation of keys between the versions, and the interval of the delta method for a ratio of sums
    (Deng et al. 2018), widened by what so few keys may leave unseen. Promote, reject and inconclusive as on sealed
    examples; with an `alpha` of 0, which is left when earlier looks used it up, always inconclusive.

    Raises:
        TelepromptError: a score is outside [0, 1].
    """
    scored = [_with_outcome(calls) for calls in (baseline, optimized)]
    arms = [
        _arm(version, calls, with_one)
        for version, calls, with_one in zip(versions, (baseline, optimized), scored, strict=True)
    ]
    before, after = arms
    blocked = None
    if silence_differs((before.missing, before.calls), (after.missing, after.calls)):
        blocked = Doubt.SILENCE_DIFFERS.because(
            f"outcomes are missing unequally ({after.missing} and {before.missing} calls without one)"
        )
    found = _compare(*scored, alpha=alpha)
    delta_e6 = (after.mean_e6 or 0) - (before.mean_e6 or 0) if before.calls and after.calls else 0
    low_e6, high_e6 = to_millionths(found.low), to_millionths(found.high)
    evidence, verdict = None, Verdict.INCONCLUSIVE
    if blocked is None:
        evidence = evidence_of(
            delta_e6=delta_e6, low_e6=low_e6, p_value=found.p_value, threshold_e6=threshold_e6, alpha=alpha
        )
        verdict = verdict_of(evidence, high_e6=high_e6, threshold_e6=threshold_e6, claim=claim)
    return OnlineReport(
        verdict=verdict,
        evidence=evidence,
        baseline=before,
        optimized=after,
        delta_e6=delta_e6,
        ci_low_e6=low_e6,
        ci_high_e6=high_e6,
        p_value_e6=to_millionths(found.p_value),
        test=found.test,
        interval=found.interval,
        threshold_e6=threshold_e6,
        alpha=alpha,
        blocked=blocked,
    )


@dataclass(frozen=True, slots=True)
class _Found:
    p_value: float
    low: float
    high: float
    test: str
    interval: str


def _with_outcome(calls: Sequence[ObservedCall]) -> list[tuple[str, int]]:
    """Keys and scores; a call without a key stands for itself."""
    scored = [
        (f"call {i}" if call.key is None else f"key {call.key}", call.score_e6)
        for i, call in enumerate(calls)
        if call.score_e6 is not None
    ]
    if any(not 0 <= score <= MILLION for _, score in scored):
        raise TelepromptError("An outcome's score is outside [0, 1]; correct the section `outcome`.")
    return scored


def _arm(version: str, calls: Sequence[ObservedCall], scored: Sequence[tuple[str, int]]) -> Arm:
    return Arm(
        version=version,
        calls=len(scored),
        keys=len({key for key, _ in scored}),
        missing=len(calls) - len(scored),
        mean_e6=mean_e6([score for _, score in scored]) if scored else None,
    )


def _compare(before: Sequence[tuple[str, int]], after: Sequence[tuple[str, int]], *, alpha: float) -> _Found:
    if not before or not after or alpha <= 0:
        return _Found(1.0, -1.0, 1.0, "none", "none")
    single = all(len({key for key, _ in arm}) == len(arm) for arm in (before, after))
    if single and {score for _, score in (*before, *after)} <= {0, MILLION}:
        return _binary(before, after, alpha=alpha)
    return _by_keys(before, after, alpha=alpha)


def _binary(before: Sequence[tuple[str, int]], after: Sequence[tuple[str, int]], *, alpha: float) -> _Found:
    (good0, n0), (good1, n1) = [(sum(score > 0 for _, score in arm), len(arm)) for arm in (before, after)]
    low, high = newcombe((good0, n0), (good1, n1), alpha=alpha)
    p_value = fisher_p_value((good0, n0 - good0), (good1, n1 - good1))
    return _Found(p_value, low, high, "fisher_exact", "newcombe")


def fisher_p_value(one: tuple[int, int], other: tuple[int, int]) -> float:
    """Two-sided exact test of Fisher that two groups of (good, bad) have the same rate."""
    from scipy.stats import fisher_exact

    return float(fisher_exact([one, other]).pvalue)


def newcombe(before: tuple[int, int], after: tuple[int, int], *, alpha: float) -> tuple[float, float]:
    """The hybrid score interval (Newcombe 1998, method 10) of the change between two rates, each as (good, of all)."""
    (good0, n0), (good1, n1) = before, after
    (low0, high0), (low1, high1) = wilson(good0, n0, alpha=alpha), wilson(good1, n1, alpha=alpha)
    p0, p1 = good0 / n0, good1 / n1
    low = (p1 - p0) - ((p1 - low1) ** 2 + (high0 - p0) ** 2) ** 0.5
    high = (p1 - p0) + ((high1 - p1) ** 2 + (p0 - low0) ** 2) ** 0.5
    return max(-1.0, low), min(1.0, high)


def wilson(good: int, n: int, *, alpha: float) -> tuple[float, float]:
    """The score interval of a rate (Wilson 1927)."""
    from scipy.special import ndtri

    z = float(ndtri(1 - alpha / 2))
    centre = (good + z**2 / 2) / (n + z**2)
    half = z / (n + z**2) * (good * (n - good) / n + z**2 / 4) ** 0.5
    return max(0.0, centre - half), min(1.0, centre + half)


def _by_keys(before: Sequence[tuple[str, int]], after: Sequence[tuple[str, int]], *, alpha: float) -> _Found:
    import numpy as np
    from scipy.stats import t

    (sums0, sizes0), (sums1, sizes1) = _per_key(before), _per_key(after)
    delta = sums1.sum() / sizes1.sum() - sums0.sum() / sizes0.sum()
    fewest = min(len(sums0), len(sums1))
    if fewest == 1:  # one key is one observation
        return _Found(1.0, -1.0, 1.0, "permutation", "none")
    variance = _variance_of_mean(sums0, sizes0) + _variance_of_mean(sums1, sizes1)
    half = float(t.ppf(1 - alpha / 2, fewest - 1)) * variance**0.5
    half = max(half, *(_hidden(sums, sizes, alpha=alpha) for sums, sizes in ((sums0, sizes0), (sums1, sizes1))))
    p_value = _permutation_p_value(np.r_[sums0, sums1], np.r_[sizes0, sizes1], len(sums1), delta, alpha=alpha)
    return _Found(
        p_value, max(-1.0, float(delta - half)), min(1.0, float(delta + half)), "permutation", "delta_method_unseen"
    )


def _hidden(sums: "npt.NDArray[np.float64]", sizes: "npt.NDArray[np.float64]", *, alpha: float) -> float:
    largest = float(sizes.max() / sizes.mean())
    return hidden(float(sums.sum() / sizes.sum()), keys=len(sums), largest=largest, alpha=alpha)


def hidden(mean: float, *, keys: int, largest: float = 1.0, alpha: float) -> float:
    """How far what so many keys left unseen can move the mean of one version, a score in [0, 1].

    `largest` is the number of calls of the key with most, in means.
    """
    low, high = allowing_for_the_unseen(2 * mean - 1, groups=keys, largest=largest, alpha=alpha)  # in [-1, 1]
    return max(mean - (low + 1) / 2, (high + 1) / 2 - mean)


def _per_key(calls: Sequence[tuple[str, int]]) -> tuple["npt.NDArray[np.float64]", "npt.NDArray[np.float64]"]:
    import numpy as np

    sums: dict[str, int] = defaultdict(int)
    sizes: dict[str, int] = defaultdict(int)
    for key, score in calls:
        sums[key] += score
        sizes[key] += 1
    return np.array([sums[key] for key in sums], float) / MILLION, np.array([sizes[key] for key in sums], float)


def _variance_of_mean(sums: "npt.NDArray[np.float64]", sizes: "npt.NDArray[np.float64]") -> float:
    """Variance of a ratio of sums over independent keys (delta method)."""
    k = len(sums)
    residuals = sums - sizes * (sums.sum() / sizes.sum())
    return float(k / (k - 1) * (residuals**2).sum() / sizes.sum() ** 2)


def _permutation_p_value(
    sums: "npt.NDArray[np.float64]",
    sizes: "npt.NDArray[np.float64]",
    treated: int,
    observed: float,
    *,
    alpha: float,
) -> float:
    """Share of random assignments of the keys with a difference at least as large, the observed one counted in."""
    import numpy as np

    rng = np.random.default_rng(SEED)
    total, weight = sums.sum(), sizes.sum()
    both = np.column_stack([sums, sizes])
    resamples = resamples_for(alpha, cells=len(sums))
    extreme = 1
    for _ in range(resamples):
        part, size = both[rng.permutation(len(both))[:treated]].sum(axis=0)
        extreme += abs(part / size - (total - part) / (weight - size)) >= abs(observed) - 1e-12
    return float(extreme / (resamples + 1))


def silence_differs(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether outcomes, as (missing, there) of each version, are missing unequally beyond chance."""
    return fisher_p_value(one, other) < MISSING_UNLIKELY if sum(one) and sum(other) else False
