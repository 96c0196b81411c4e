"""Resampled comparisons are the same to the last bit, whatever was kept of the draws of earlier ones."""

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap

from teleprompt.deltaone import paired
from teleprompt.deltaone.paired import (
    BATCH_CELLS,
    LEAST_RESAMPLES,
    SEED,
    PairedComparison,
    compare_pairs,
    mcnemar_p_value,
)
from teleprompt.records import MILLION

ALONE = [str(i) for i in range(200)]
IN_PAIRS = [str(i // 2) for i in range(400)]
UNEVEN = [str(2 * i // 3) for i in range(300)]


def compare(groups: list[str], *, seed: int) -> tuple[PairedComparison, np.ndarray]:
    """Of differences in tenths: many flips tie, and they spread too widely for the unseen to matter."""
    differences = np.random.default_rng(seed).integers(-9, 11, len(groups)) * MILLION // 10
    return compare_pairs(differences.tolist(), groups, binary=False, alpha=0.05), differences


@pytest.fixture(autouse=True)
def _nothing_is_kept() -> None:
    paired._kept.cache_clear()


@pytest.mark.parametrize("groups", [ALONE, IN_PAIRS, UNEVEN], ids=["alone", "in pairs", "uneven"])
def test_a_comparison_after_others_is_that_of_a_fresh_process(groups: list[str]) -> None:
    fresh, _ = compare(groups, seed=1)
    assert paired._kept.cache_info().hits == 0
    assert compare(groups, seed=2)[0] != fresh
    assert compare(groups, seed=1)[0] == fresh
    assert paired._kept.cache_info().hits == 4  # the flips and the groups of two comparisons
    compare(groups[:150], seed=1)  # as many others take their place
    assert compare(groups, seed=1)[0] == fresh


@pytest.mark.parametrize("cells", [BATCH_CELLS, 100_000], ids=["one batch", "many batches"])
@pytest.mark.parametrize("groups", [ALONE, IN_PAIRS, UNEVEN], ids=["alone", "in pairs", "uneven"])
def test_the_interval_is_the_one_that_scipy_draws_itself(
    groups: list[str], cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paired, "BATCH_CELLS", cells)
    for seed in (1, 2):
        found, differences = compare(groups, seed=seed)
        by_group = [differences[np.array(groups) == group] for group in dict.fromkeys(groups)]
        expected = bootstrap(
            (np.array([sum(values) for values in by_group]) / MILLION, np.array([len(values) for values in by_group])),
            lambda sums, sizes, axis: sums.sum(axis=axis) / sizes.sum(axis=axis),
            paired=True, vectorized=True, n_resamples=LEAST_RESAMPLES, rng=np.random.default_rng(SEED),
        ).confidence_interval  # fmt: skip
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert (paired._kept.cache_info().currsize > 0) == (cells == BATCH_CELLS)


@pytest.mark.parametrize("groups", [ALONE, IN_PAIRS, UNEVEN], ids=["alone", "in pairs", "uneven"])
def test_the_p_value_counts_the_flips_of_a_fresh_generator(groups: list[str]) -> None:
    for seed in (1, 2):
        found, differences = compare(groups, seed=seed)
        sums = np.array([differences[np.array(groups) == group].sum() for group in dict.fromkeys(groups)])
        packed = np.random.default_rng(SEED).integers(0, 256, (LEAST_RESAMPLES, -(-len(sums) // 8)), dtype=np.uint8)
        signs = 2 * np.unpackbits(packed, axis=1, count=len(sums)).astype(int) - 1
        extreme = (abs(signs @ sums) >= abs(sums.sum())).sum()
        assert found.p_value == (extreme + 1) / (LEAST_RESAMPLES + 1)


@pytest.mark.parametrize(
    ("wins", "losses"),
    [(0, 0), (1, 0), (7, 7), (8, 7), (30, 5), (501, 499), (460, 540), (461, 540), (4_900, 5_100), (4_900, 5_101)],
)
def test_the_exact_test_is_the_one_of_scipy(wins: int, losses: int) -> None:
    """On both sides of the number up to which outcomes are counted in whole numbers."""
    expected = binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    assert mcnemar_p_value(wins, losses) == mcnemar_p_value(losses, wins) == pytest.approx(expected, rel=1e-11)
