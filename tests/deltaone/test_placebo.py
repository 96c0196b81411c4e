"""How far outcomes wander by themselves, and what is more than that."""

import numpy as np
import pytest
from scipy.stats import norm

from teleprompt.deltaone.placebo import LEAST_PERIODS, Placebo, placebo_of

WATCHES = 4000
CALLS = 500
"""In a period; so many in each of the four before it, too."""
ALPHA = 0.05


def test_a_loss_as_large_as_the_placebos_is_explained_by_them() -> None:
    placebo = placebo_of([20_000, -20_000, 20_000, -20_000])
    assert (placebo.periods, placebo.root_mean_square_e6, placebo.is_enough) == (4, 20_000, True)
    assert placebo.explains(-50_000, tolerance_e6=0, alpha=ALPHA)  # 2.78 root mean squares are needed
    assert not placebo.explains(-60_000, tolerance_e6=0, alpha=ALPHA)
    assert placebo.explains(-60_000, tolerance_e6=10_000, alpha=ALPHA)
    assert placebo.explains(60_000, tolerance_e6=0, alpha=ALPHA)  # no loss


def test_few_periods_say_so() -> None:
    assert placebo_of([]) == Placebo(periods=0, root_mean_square_e6=0)
    few = placebo_of([1_000] * (LEAST_PERIODS - 1))
    assert not few.is_enough
    assert few.in_words.startswith("only 3 periods before the promotion have outcomes")


def regressions(*, wander: float, periods: int, loss: float = 0.0) -> tuple[float, float]:
    """How often an equal version (or one with a loss) is called a regression, by its calls alone and by placebos, too.

    The world wanders by so much from period to period, as a score.
    """
    rng = np.random.default_rng([periods, round(1000 * wander), round(1000 * loss)])
    level = 0.5 + wander * rng.standard_normal((WATCHES, periods + 5))
    level[:, -1] -= loss
    shares = rng.binomial(CALLS, np.clip(level, 0, 1)) / CALLS
    before = np.stack([shares[:, k : k + 4].mean(axis=1) for k in range(periods + 1)], axis=1)
    differences = shares[:, 4:] - before
    placebos, found = differences[:, :-1], differences[:, -1]
    se = (0.25 / CALLS + 0.25 / (4 * CALLS)) ** 0.5
    alone = found / se < norm.ppf(ALPHA / 2)
    explained = [
        placebo_of([1e6 * d for d in row]).explains(round(1e6 * one), tolerance_e6=0, alpha=ALPHA)
        for row, one in zip(placebos, found, strict=True)
    ]
    return float(alone.mean()), float((alone & ~np.array(explained)).mean())


@pytest.mark.parametrize("periods", [4, 8, 28])
@pytest.mark.parametrize("wander", [0.0, 0.02, 0.03])
def test_an_equal_version_is_hardly_ever_a_regression(wander: float, periods: int) -> None:
    alone, with_placebos = regressions(wander=wander, periods=periods)
    assert with_placebos <= 0.025 + 2.6 * (0.025 / WATCHES) ** 0.5
    if wander:
        assert alone > 0.06  # what calls alone say


def test_a_large_loss_is_found() -> None:
    assert regressions(wander=0.02, periods=8, loss=0.15)[1] > 0.95
    assert regressions(wander=0.0, periods=8, loss=0.1)[1] > 0.9
