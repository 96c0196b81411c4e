"""What could be seen is known before it is paid for; the figures are those of notes and textbooks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teleprompt.deltaone.paired import examples_needed, minimum_detectable_effect
from teleprompt.deltaone.power import Basis, estimate_power


@pytest.mark.parametrize(
    ("points", "discordance", "pairs"), [(1, 0.2, 15_898), (1, 0.1, 8_048), (2, 0.2, 4_024), (5, 0.2, 668)]
)
def test_pairs_that_are_needed(points: float, discordance: float, pairs: int) -> None:
    """Without the correction for continuity 15,698 and so on: (1.96 + 0.84)^2 x 0.2 / 0.01^2."""
    found = estimate_power(
        n=1000, threshold_e6=round(points * 10_000), alpha=0.05, known_sd_e6=round(discordance**0.5 * 1e6)
    )
    assert found.examples_needed == pairs


def test_the_estimate_says_by_how_many_examples_it_falls_short() -> None:
    found = estimate_power(n=400, threshold_e6=10_000, alpha=0.05, known_sd_e6=None)
    assert (found.basis, found.is_enough, found.short_by) == (Basis.ASSUMED, False, 15_498)
    assert found.mde_e6 == pytest.approx(65_145, abs=20)
    assert found.in_words == (
        "400 sealed examples can show a gain of 6.5 points or more; for the threshold of 1 they are 15498 too few "
        "(standard deviation 0.45 by assumption)."
    )


@given(st.floats(0.05, 1), st.integers(50, 100_000), st.floats(0.001, 0.2))
def test_the_effect_is_the_inverse_of_the_size(sd: float, n: int, alpha: float) -> None:
    effect = minimum_detectable_effect(sd=sd, n=n, alpha=alpha)
    if effect < 1:
        assert examples_needed(sd=sd, difference=effect, alpha=alpha) == pytest.approx(n, rel=1e-6, abs=1)


def test_enough_is_enough_and_none_is_nothing() -> None:
    assert estimate_power(n=20_000, threshold_e6=10_000, alpha=0.05, known_sd_e6=None).is_enough
    assert estimate_power(n=0, threshold_e6=10_000, alpha=0.05, known_sd_e6=None).mde_e6 == 1_000_000
