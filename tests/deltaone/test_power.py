"""What could be seen is known before it is paid for; the figures are those of notes and textbooks."""

import pytest

from include.teleprompt.deltaone.power import Basis, estimate_power


@pytest.mark.parametrize(
    ("points", "discordance", "pairs"), [(1, 0.2, 15_698), (1, 0.1, 7_849), (2, 0.2, 3_925), (5, 0.2, 628)]
)
def test_pairs_that_are_needed(points: float, discordance: float, pairs: int) -> None:
    """Each without the correction for the true difference, so a few more than McNemar's formula gives."""
    found = estimate_power(
        n=1000, threshold_e6=round(points * 10_000), alpha=0.05, known_sd_e6=round(discordance**0.5 * 1e6)
    )
    assert found.examples_needed == pytest.approx(pairs, rel=1e-3)


def test_the_estimate_says_by_how_many_examples_it_falls_short() -> None:
    found = estimate_power(n=400, threshold_e6=10_000, alpha=0.05, known_sd_e6=None)
    assert (found.basis, found.is_enough, found.short_by) == (Basis.ASSUMED, False, 15_298)
    assert found.mde_e6 == pytest.approx(62_640, abs=20)
    assert found.in_words == (
        "400 sealed examples can show a gain of 6.3 points or more; for the threshold of 1 they are 15298 too few "
        "(standard deviation 0.45 by assumption)."
    )


def test_enough_is_enough_and_none_is_nothing() -> None:
    assert estimate_power(n=20_000, threshold_e6=10_000, alpha=0.05, known_sd_e6=None).is_enough
    assert estimate_power(n=0, threshold_e6=10_000, alpha=0.05, known_sd_e6=None).mde_e6 == 1_000_000
