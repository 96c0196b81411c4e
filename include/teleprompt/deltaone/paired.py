"""Paired statistics on integer scores: a test, an interval, and what they could have seen."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING, TypeVar

from teleprompt.records import MILLION

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LEAST_RESAMPLES = 9_999
MOST_RESAMPLES = 99_999
RESAMPLES_IN_A_TAIL = 25
"""So many resamples are to lie beyond each end of the interval, or the ends would be a few lucky draws."""
SEED = 20_240_115
POWER = 0.8
MOST_COUNTED = 10_000
"""Differing pairs of which the exact test counts outcomes in whole numbers, in 7 ms; of more it needs SciPy."""
BATCH_CELLS = 10_000_000
MOST_CELLS = 200_000_000

T = TypeVar("T")


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
    (2012). Otherwise: sign-flip permutation test and BCa bootstrap (Efron 1987) of groups, both seeded, the interval
    widened by what may be `unseen`.
    """
    if binary and len(set(groups)) == len(groups):
        return _binary(differences_e6, alpha=alpha)
    if len(set(differences_e6)) == 1:
        return _all_alike(differences_e6[0], groups, alpha=alpha)
    return _by_groups(differences_e6, groups, alpha=alpha)


def unseen(*, groups: int, alpha: float) -> float:
    """The largest share of all groups that so many drawn ones may have missed, at an error of alpha / 2.

    A kind of group that makes up the share q is missed by k draws with probability (1 - q)^k: the rule of three (Hanley
    and Lippman-Hand 1983) in its exact form. Resampling cannot know of it: small gains everywhere and a rare ruin look
    like certainty until the first ruin.
    """
    return float(1 - (alpha / 2) ** (1 / groups))


def allowing_for_the_unseen(mean: float, *, groups: int, largest: float, alpha: float) -> tuple[float, float]:
    """Where the mean may lie if what was missed is as bad, or as good, as can be: -1 or 1.

    `largest` is the size of the largest group in mean sizes; what was missed may be as large. With the share q of such
    groups the mean is ((1 - q) mean -+ q largest) / ((1 - q) + q largest).
    """
    q = unseen(groups=groups, alpha=alpha)
    weight = (1 - q) + q * largest
    return ((1 - q) * mean - q * largest) / weight, ((1 - q) * mean + q * largest) / weight


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


def examples_needed(*, sd: float, difference: float, alpha: float, per_group: float = 1.0) -> int:
    """Pairs to see a true `difference` with 80 % power in the two-sided test, `per_group` of them in a group.

    By the normal approximation with the correction for continuity, which an exact test needs (Fleiss, Tytun and Ury
    1980), and in no fewer groups than would leave such a difference `unseen`.
    """
    import math

    spread = _quantiles(alpha) * sd
    root = (spread + math.sqrt(spread**2 + 4 * difference)) / (2 * difference)
    return math.ceil(max(root**2, per_group * math.log(2 / alpha) / math.log1p(difference)))


def minimum_detectable_effect(*, sd: float, n: int, alpha: float, per_group: float = 1.0) -> float:
    """The true difference that `n` pairs would show with 80 % power; the inverse of `examples_needed`."""
    import math

    by_variance = _quantiles(alpha) * sd / math.sqrt(n) + 1 / n
    return min(1.0, max(by_variance, math.expm1(per_group * math.log(2 / alpha) / n)))


def sd_of_discordance(share: float) -> float:
    """Standard deviation of differences of 0/1 scores of which that share is not 0, without a true difference."""
    return float(share**0.5)


@lru_cache(maxsize=10_000)
def mcnemar_p_value(wins: int, losses: int) -> float:
    """Two-sided exact McNemar test: were the discordant pairs a fair coin's."""
    pairs, fewer = wins + losses, min(wins, losses)
    if pairs > MOST_COUNTED:
        from scipy.special import bdtr

        return min(1.0, 2 * float(bdtr(fewer, pairs, 0.5)))
    ways = outcomes = 1
    for k in range(fewer):  # each binomial coefficient from the one before it
        ways = ways * (pairs - k) // (k + 1)
        outcomes += ways
    return min(1.0, 2 * outcomes / (1 << pairs))


def bonett_price(wins: int, losses: int, n: int, *, alpha: float) -> tuple[float, float]:
    """The adjusted Wald interval of a difference of paired rates (Bonett and Price 2012)."""
    up, down = (wins + 1) / (n + 2), (losses + 1) / (n + 2)
    half = -NormalDist().inv_cdf(alpha / 2) * ((up + down - (up - down) ** 2) / (n + 2)) ** 0.5
    return float(max(-1.0, up - down - half)), float(min(1.0, up - down + half))


def sign_p_value(groups: int) -> float:
    """Two-sided probability that so many fair coins all fall on one side."""
    return min(1.0, 2 * 0.5**groups)


def _quantiles(alpha: float) -> float:
    return NormalDist().inv_cdf(POWER) - NormalDist().inv_cdf(alpha / 2)


def _all_alike(difference_e6: int, groups: Sequence[str], *, alpha: float) -> PairedComparison:
    """Without variation there is nothing to resample: that many equal signs have the sign test's p-value."""
    sizes = Counter(groups)
    largest = max(sizes.values()) * len(sizes) / len(groups)
    p_value = 1.0 if difference_e6 == 0 else sign_p_value(len(sizes))
    value = difference_e6 / MILLION
    return _widened(p_value, (value, value, value), ("sign", "unseen"), groups=len(sizes), largest=largest, alpha=alpha)


def _widened(
    p_value: float,
    found: tuple[float, float, float],
    names: tuple[str, str],
    *,
    groups: int,
    largest: float = 1.0,
    alpha: float,
) -> PairedComparison:
    """The comparison `found` (low, mean, high) by the test and interval `names`, wide enough for the unseen."""
    low, mean, high = found
    lowest, highest = allowing_for_the_unseen(mean, groups=groups, largest=largest, alpha=alpha)
    return PairedComparison(p_value, max(-1.0, min(low, lowest)), min(1.0, max(high, highest)), *names)


def _binary(differences_e6: Sequence[int], *, alpha: float) -> PairedComparison:
    n = len(differences_e6)
    wins, losses = sum(d > 0 for d in differences_e6), sum(d < 0 for d in differences_e6)
    p_value = mcnemar_p_value(wins, losses)
    low, high = bonett_price(wins, losses, n, alpha=alpha)
    return PairedComparison(p_value, low, high, "mcnemar_exact", "bonett_price")


def _by_groups(differences_e6: Sequence[int], groups: Sequence[str], *, alpha: float) -> PairedComparison:
    import numpy as np

    by_group: dict[str, list[int]] = defaultdict(list)
    for group, difference in zip(groups, differences_e6, strict=True):
        by_group[group].append(difference)
    sums_e6 = np.array([sum(values) for values in by_group.values()], dtype=np.int64)
    sums = sums_e6 / MILLION
    sizes = np.array([len(values) for values in by_group.values()], dtype=float)
    if len(sums) == 1:  # one group is one observation: it shows nothing
        return PairedComparison(1.0, -1.0, 1.0, test="sign_flip", interval="none")

    all_alike = sizes.min() == sizes.max()

    def mean_of(drawn: "npt.NDArray[np.int64]", axis: int = -1) -> "npt.NDArray[np.float64]":
        size = sizes[0] * drawn.shape[axis] if all_alike else sizes.take(drawn).sum(axis=axis)
        return np.asarray(sums.take(drawn).sum(axis=axis) / size)

    resamples = resamples_for(alpha, cells=len(sums))
    means = np.concatenate([mean_of(drawn) for drawn in _draws(_drawn_groups, len(sums), resamples)])
    without = (sums.sum() - sums) / (sizes.sum() - sizes)
    low, high = _bca(means, found=float(mean_of(np.arange(len(sums)))), without=without, alpha=alpha)
    p_value = _sign_flip_p_value(sums_e6, resamples)
    if np.isnan(low) or np.isnan(high):  # BCa is undefined for the jackknife of some tiny samples
        return PairedComparison(p_value, -1.0, 1.0, "sign_flip", "none")
    centre = float(sums.sum() / sizes.sum())
    largest = float(sizes.max() / sizes.mean())
    names = ("sign_flip", "bca_unseen")
    return _widened(p_value, (low, centre, high), names, groups=len(sums), largest=largest, alpha=alpha)


def _bca(
    means: "npt.NDArray[np.float64]", *, found: float, without: "npt.NDArray[np.float64]", alpha: float
) -> tuple[float, float]:
    """Ends of the BCa interval (Efron 1987), NaN where it is undefined.

    They are percentiles of the resampled `means`, moved by how many of those are below what was `found` (bias), and by
    the skewness of the means `without` each of the observations (acceleration).
    """
    import numpy as np

    nothing = (float("nan"), float("nan"))
    below = (np.count_nonzero(means < found) + np.count_nonzero(means <= found)) / (2 * len(means))
    influence = without.mean() - without
    spread = float((influence**2).sum())
    if not 0 < below < 1 or spread == 0:
        return nothing
    normal = NormalDist()
    acceleration = float((influence**3).sum()) / (6 * spread**1.5)
    bias = normal.inv_cdf(below)
    shares = []
    for end in (normal.inv_cdf(alpha / 2), -normal.inv_cdf(alpha / 2)):
        stretch = 1 - acceleration * (bias + end)
        if stretch == 0:
            return nothing
        shares.append(normal.cdf(bias + (bias + end) / stretch))
    low, high = np.percentile(means, [100 * share for share in shares])
    return float(low), float(high)


def resamples_for(alpha: float, *, cells: int) -> int:
    """How many are drawn of so many numbers: more for a smaller error, fewer where each is much work.

    Of many numbers the mean is nearly normal, and the ends of its distribution need fewer draws.
    """
    wanted = round(2 * RESAMPLES_IN_A_TAIL / alpha) - 1
    return max(min(wanted, MOST_RESAMPLES, MOST_CELLS // cells), LEAST_RESAMPLES)


def _sign_flip_p_value(sums_e6: "npt.NDArray[np.int64]", resamples: int) -> float:
    """Share of random sign assignments whose sum is at least as far from 0, the observed one counted in.

    Of integers: it is exact whether a sum is as far. Eight flips are one byte, and what each of its 256 values adds up
    to is looked up (the method of Arlazarov, Dinic, Kronrod and Faradzhev 1970).
    """
    import numpy as np

    total = sums_e6.sum()
    eights = np.pad(sums_e6, (0, -len(sums_e6) % 8)).reshape(-1, 8)
    bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
    tables = np.einsum("vi,bi->bv", bits, eights)
    extreme = 1
    for flips in _draws(_drawn_flips, len(sums_e6), resamples):
        flipped = np.zeros(flips.shape[1], dtype=np.int64)
        for table, values in zip(tables, flips, strict=True):
            flipped += table.take(values)
        extreme += int(np.count_nonzero(np.abs(2 * flipped - total) >= abs(total)))
    return extreme / (resamples + 1)


def _draws(draw: Callable[[int, int], Iterator[T]], groups: int, resamples: int) -> Iterable[T]:
    """What `draw` draws for so many groups; kept if it is one batch, as it is the same in every comparison."""
    return _kept(draw, groups, resamples) if groups * resamples <= BATCH_CELLS else draw(groups, resamples)


@lru_cache(maxsize=2)  # groups and flips: with batches of 10 million cells at most 90 MB
def _kept(draw: Callable[[int, int], Iterator[T]], groups: int, resamples: int) -> tuple[T, ...]:
    return tuple(draw(groups, resamples))


def _drawn_groups(groups: int, resamples: int) -> Iterator["npt.NDArray[np.int64]"]:
    """As many of the groups as there are, with replacement; a batch of resamples at a time."""
    import numpy as np

    rng = np.random.default_rng(SEED)
    for size in _batches(groups, resamples):
        yield rng.integers(0, groups, (size, groups))


def _drawn_flips(groups: int, resamples: int) -> Iterator["npt.NDArray[np.uint8]"]:
    """A bit for each group and resample: a row for each eight groups, the first of them in the highest bit."""
    import numpy as np

    rng = np.random.default_rng(SEED)
    for size in _batches(groups, resamples):
        packed = rng.integers(0, 256, (size, -(-groups // 8)), dtype=np.uint8)
        yield np.ascontiguousarray(packed.T)


def _batches(groups: int, resamples: int) -> Iterator[int]:
    size = _batch_size(groups)
    return (min(size, resamples - done) for done in range(0, resamples, size))


def _batch_size(groups: int) -> int:
    return max(1, BATCH_CELLS // groups)
