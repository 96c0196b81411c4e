"""The exact test of the opening window, by enumeration."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from teleprompt.deltaone.first_look import MOST_PAIRS, first_look, lower_bound, p_value_of_no_gain
from teleprompt.records import MILLION


def chance(wins: int, losses: int, pairs: int, *, differ: float, win: float = 0.5) -> float:
    return float(binom.pmf(wins + losses, pairs, differ) * binom.pmf(wins, wins + losses, win))


def results(pairs: int) -> list[tuple[int, int]]:
    return [(wins, losses) for wins in range(pairs + 1) for losses in range(pairs + 1 - wins)]


@pytest.mark.parametrize(("wins", "losses", "pairs"), [(5, 0, 12), (6, 1, 20), (4, 2, 15)])
def test_it_is_the_highest_probability_of_a_statistic_as_high(wins: int, losses: int, pairs: int) -> None:
    def statistic(wins: int, losses: int) -> float:
        return (wins - losses) / math.sqrt(wins + losses) if wins + losses else 0.0

    as_high = [found for found in results(pairs) if statistic(*found) >= statistic(wins, losses) - 1e-9]
    shares = [share / 200 for share in range(201)]
    highest = max(sum(chance(*found, pairs, differ=share) for found in as_high) for share in shares)
    assert p_value_of_no_gain(wins=wins, losses=losses, pairs=pairs) == pytest.approx(highest, rel=2e-3)
    assert p_value_of_no_gain(wins=wins, losses=losses, pairs=pairs) >= highest


@pytest.mark.parametrize("error", [0.005, 0.025, 0.1])
@pytest.mark.parametrize("pairs", [6, 20, 41])
def test_it_errs_no_more_than_it_says_however_many_pairs_differ(pairs: int, error: float) -> None:
    rejected = [
        (wins, losses)
        for wins, losses in results(pairs)
        if p_value_of_no_gain(wins=wins, losses=losses, pairs=pairs) <= error
    ]
    for differ in (0.01, 0.05, 0.1, 0.2, 0.37, 0.6, 0.9, 1.0):
        for win in (0.4, 0.5):
            assert sum(chance(*found, pairs, differ=differ, win=win) for found in rejected) <= error


def test_it_sees_more_than_mcnemars_test() -> None:
    """60 pairs of which 10 % differ, five points better, at 2.5 %."""
    sharp = conditional = 0.0
    for wins, losses in results(60):
        here = chance(wins, losses, 60, differ=0.1, win=0.75)
        sharp += here * (p_value_of_no_gain(wins=wins, losses=losses, pairs=60) <= 0.025)
        conditional += here * (wins > losses and binom.sf(wins - 1, wins + losses, 0.5) <= 0.025)
    assert conditional == pytest.approx(0.100, abs=0.001)
    assert sharp == pytest.approx(0.173, abs=0.001)


def test_beyond_a_thousand_pairs_it_is_mcnemars() -> None:
    found = p_value_of_no_gain(wins=90, losses=50, pairs=MOST_PAIRS + 1)
    assert found == pytest.approx(binomtest(90, 140, alternative="greater").pvalue)
    assert p_value_of_no_gain(wins=90, losses=50, pairs=MOST_PAIRS) == pytest.approx(found, rel=0.25)


@pytest.mark.parametrize("gain", [0.02, 0.1, 0.3])
@pytest.mark.parametrize("differ", [0.3, 0.6, 1.0])
def test_the_bound_is_above_the_truth_no_more_often_than_it_says(gain: float, differ: float) -> None:
    above = sum(
        chance(wins, losses, 30, differ=differ, win=(1 + gain / differ) / 2)
        for wins, losses in results(30)
        if lower_bound(wins=wins, losses=losses, pairs=30, error=0.05) > gain
    )
    assert above <= 0.05


counts = st.tuples(st.integers(0, 80), st.integers(0, 40), st.integers(0, 80))


@given(counts, st.sampled_from([0, 9_999, 49_999]), st.sampled_from([0.005, 0.025, 0.2]))
def test_test_and_bound_agree(found: tuple[int, int, int], null_e6: int, error: float) -> None:
    wins, losses, ties = found
    pairs = max(1, wins + losses + ties)
    look = first_look(wins=wins, losses=losses, pairs=pairs, null_e6=null_e6, error=error)
    assert (look.low_e6 > null_e6) == (look.p_value <= error)
    assert -MILLION <= look.low_e6 <= MILLION


def test_no_pair_won_shows_nothing() -> None:
    look = first_look(wins=0, losses=3, pairs=10, null_e6=0, error=0.025)
    assert (look.p_value, look.low_e6) == (1.0, -MILLION)
    assert math.isclose(first_look(wins=0, losses=0, pairs=10, null_e6=9_999, error=0.025).p_value, 1.0)
