"""Paired statistics on integer scores: a test, an interval, and what they could have seen."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.teleprompt.records import MILLION

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

RESAMPLES = 9_999
SEED = 20_240_115
POWER = 0.8
BATCH_CELLS = 10_000_000


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """Test and interval for the mean of paired differences, in scores (not millionths)."""

    p_value: float
    low: float
    high: float
    test: str
    interval: str


def compare_pairs(
    differences_e6: Sequence[int], groups: Sequence[str], *, binary: bool, alpha: float
) -> PairedComparison:
    """Two-sided test of no difference and the 1 - alpha interval of the mean of the differences.

    Pairs of one group are not independent, so signs are flipped and samples drawn group by group. Independent pairs of
    0/1 scores: exact McNemar test (McNemar 1947; binomial form) and the adjusted Wald interval of Bonett and Price
    (2012). Otherwise: sign-flip permutation test and BCa bootstrap (Efron 1987) of groups, both seeded.
    """
    if len(set(differences_e6)) == 1:
        return _all_alike(differences_e6[0], groups=len(set(groups)))
    if binary and len(set(groups)) == len(groups):
        return _binary(differences_e6, alpha=alpha)
    return _by_groups(differences_e6, groups, alpha=alpha)


def effective_sd(differences_e6: Sequence[int], groups: Sequence[str]) -> float:
    """The standard deviation of independent differences whose mean would be as uncertain as this one, in scores.

    It is the ordinary sample standard deviation where no group repeats (cluster-robust variance of a mean, Liang and
    Zeger 1986); 0 for a single group.
    """
    n, mean = len(differences_e6), sum(differences_e6) / len(differences_e6)
    residuals: dict[str, float] = defaultdict(float)
    for group, difference in zip(groups, differences_e6, strict=True):
        residuals[group] += difference - mean
    k = len(residuals)
    if k == 1:
        return 0.0
    variance_of_sum = k / (k - 1) * sum(residual**2 for residual in residuals.values())
    return float((variance_of_sum / n) ** 0.5) / MILLION


def examples_needed(*, sd: float, difference: float, alpha: float) -> int:
    """Pairs to see a true `difference` with 80 % power in the two-sided test (normal approximation)."""
    import math

    return math.ceil((_quantiles(alpha) * sd / difference) ** 2)


def minimum_detectable_effect(*, sd: float, n: int, alpha: float) -> float:
    """The true difference that `n` pairs would show with 80 % power."""
    return float(_quantiles(alpha) * sd / n**0.5)


def mcnemar_p_value(wins: int, losses: int) -> float:
    """Two-sided exact McNemar test: were the discordant pairs a fair coin's."""
    from scipy.stats import binomtest

    return float(binomtest(wins, wins + losses).pvalue)


def sign_p_value(groups: int) -> float:
    """Two-sided probability that so many fair coins all fall on one side."""
    return min(1.0, 2 * 0.5**groups)


def _quantiles(alpha: float) -> float:
    from scipy.stats import norm

    return float(norm.ppf(1 - alpha / 2) + norm.ppf(POWER))


def _all_alike(difference_e6: int, *, groups: int) -> PairedComparison:
    """Without variation there is nothing to resample: that many equal signs have the sign test's p-value."""
    value = difference_e6 / MILLION
    p_value = 1.0 if value == 0 else sign_p_value(groups)
    return PairedComparison(p_value, value, value, test="sign", interval="degenerate")


def _binary(differences_e6: Sequence[int], *, alpha: float) -> PairedComparison:
    from scipy.stats import norm

    n = len(differences_e6)
    wins, losses = sum(d > 0 for d in differences_e6), sum(d < 0 for d in differences_e6)
    p_value = mcnemar_p_value(wins, losses)
    up, down = (wins + 1) / (n + 2), (losses + 1) / (n + 2)
    half = norm.ppf(1 - alpha / 2) * ((up + down - (up - down) ** 2) / (n + 2)) ** 0.5
    low, high = max(-1.0, up - down - half), min(1.0, up - down + half)
    return PairedComparison(p_value, float(low), float(high), "mcnemar_exact", "bonett_price")


def _by_groups(differences_e6: Sequence[int], groups: Sequence[str], *, alpha: float) -> PairedComparison:
    import numpy as np
    from scipy.stats import bootstrap

    by_group: dict[str, list[int]] = defaultdict(list)
    for group, difference in zip(groups, differences_e6, strict=True):
        by_group[group].append(difference)
    sums = np.array([sum(values) for values in by_group.values()], dtype=float) / MILLION
    sizes = np.array([len(values) for values in by_group.values()], dtype=float)
    if len(sums) == 1:  # one group is one observation: it shows nothing
        return PairedComparison(1.0, -1.0, 1.0, test="sign_flip", interval="none")

    def mean(sums: "npt.NDArray[np.float64]", sizes: "npt.NDArray[np.float64]", axis: int) -> "npt.NDArray[np.float64]":
        return np.asarray(sums.sum(axis=axis) / sizes.sum(axis=axis))

    interval = bootstrap(
        (sums, sizes),
        mean,
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=max(1, BATCH_CELLS // len(sums)),
        confidence_level=1 - alpha,
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    low, high = float(interval.low), float(interval.high)
    if np.isnan(low) or np.isnan(high):  # BCa is undefined for the jackknife of some tiny samples
        return PairedComparison(_sign_flip_p_value(sums), -1.0, 1.0, "sign_flip", "none")
    return PairedComparison(_sign_flip_p_value(sums), low, high, "sign_flip", "bca")


def _sign_flip_p_value(sums: "npt.NDArray[np.float64]") -> float:
    """Share of random sign assignments whose sum is at least as far from 0, the observed one counted in."""
    import numpy as np

    rng = np.random.default_rng(SEED)
    observed = abs(sums.sum()) - 1e-12
    extreme, done, batch = 1, 1, max(1, BATCH_CELLS // len(sums))
    while done <= RESAMPLES:
        size = min(batch, RESAMPLES + 1 - done)
        signs = rng.choice((-1.0, 1.0), size=(size, len(sums)))
        extreme += int(np.count_nonzero(np.abs(signs @ sums) >= observed))
        done += size
    return extreme / (RESAMPLES + 1)
