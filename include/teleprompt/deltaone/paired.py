"""Paired statistics on integer scores: a test, an interval, and what they could have seen."""

from collections.abc import Sequence
from dataclasses import dataclass

from include.teleprompt.records import MILLION

RESAMPLES = 9_999
SEED = 20_240_115
POWER = 0.8


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """Test and interval for the mean of paired differences, in scores (not millionths)."""

    p_value: float
    low: float
    high: float
    test: str
    interval: str


def compare_pairs(baseline_e6: Sequence[int], optimized_e6: Sequence[int], *, alpha: float) -> PairedComparison:
    """Two-sided test of no difference and the 1 - alpha interval of the mean difference (optimized - baseline).

    0/1 scores: exact McNemar test (McNemar 1947; binomial form) and the adjusted Wald interval of Bonett and
    Price (2012). Other scores: sign-flip permutation test and BCa bootstrap (Efron 1987), both seeded.
    """
    differences = [b - a for a, b in zip(baseline_e6, optimized_e6, strict=True)]
    if len(set(differences)) == 1:
        return _all_alike(differences)
    if {*baseline_e6, *optimized_e6} <= {0, MILLION}:
        return _binary(differences, alpha=alpha)
    return _continuous(differences, alpha=alpha)


def standard_deviation(differences_e6: Sequence[int]) -> float:
    """Sample standard deviation of the differences, in scores; 0 for a single one."""
    import numpy as np

    return float(np.std(differences_e6, ddof=1)) / MILLION if len(differences_e6) > 1 else 0.0


def examples_needed(*, sd: float, difference: float, alpha: float) -> int:
    """Pairs to see a true `difference` with 80 % power in the two-sided test (normal approximation)."""
    import math

    return math.ceil((_quantiles(alpha) * sd / difference) ** 2)


def minimum_detectable_effect(*, sd: float, n: int, alpha: float) -> float:
    """The true difference that `n` pairs would show with 80 % power."""
    return float(_quantiles(alpha) * sd / n**0.5)


def _quantiles(alpha: float) -> float:
    from scipy.stats import norm

    return float(norm.ppf(1 - alpha / 2) + norm.ppf(POWER))


def _all_alike(differences: list[int]) -> PairedComparison:
    """Without variation there is nothing to resample: n equal signs have the sign test's p-value."""
    value = differences[0] / MILLION
    p_value = 1.0 if value == 0 else min(1.0, 2 * 0.5 ** len(differences))
    return PairedComparison(p_value, value, value, test="sign", interval="degenerate")


def _binary(differences: list[int], *, alpha: float) -> PairedComparison:
    from scipy.stats import binomtest, norm

    n = len(differences)
    wins, losses = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
    p_value = binomtest(wins, wins + losses).pvalue
    up, down = (wins + 1) / (n + 2), (losses + 1) / (n + 2)
    half = norm.ppf(1 - alpha / 2) * ((up + down - (up - down) ** 2) / (n + 2)) ** 0.5
    low, high = max(-1.0, up - down - half), min(1.0, up - down + half)
    return PairedComparison(float(p_value), float(low), float(high), "mcnemar_exact", "bonett_price")


def _continuous(differences: list[int], *, alpha: float) -> PairedComparison:
    import numpy as np
    from scipy.stats import bootstrap

    values = np.asarray(differences, dtype=float) / MILLION
    interval = bootstrap(
        (values,),
        np.mean,
        n_resamples=RESAMPLES,
        batch=max(1, 10_000_000 // len(values)),
        confidence_level=1 - alpha,
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    return PairedComparison(
        _sign_flip_p_value(values.tolist()), float(interval.low), float(interval.high), "sign_flip", "bca"
    )


def _sign_flip_p_value(values: list[float]) -> float:
    """Share of random sign assignments whose mean is at least as far from 0, the observed one counted in."""
    import numpy as np

    array = np.asarray(values)
    rng = np.random.default_rng(SEED)
    observed = abs(array.sum()) - 1e-12
    extreme, done, batch = 1, 1, max(1, 10_000_000 // len(array))
    while done <= RESAMPLES:
        size = min(batch, RESAMPLES + 1 - done)
        signs = rng.choice((-1.0, 1.0), size=(size, len(array)))
        extreme += int(np.count_nonzero(np.abs(signs @ array) >= observed))
        done += size
    return extreme / (RESAMPLES + 1)
