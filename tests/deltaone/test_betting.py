"""Wealth of fixed bets, against hand-made values and against what may be promised of it."""

import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teleprompt.deltaone.betting import BETS, CELLS, LEAST_BET, MOST_BET, STEPS, log_e, lower_bound_e6, mirrored
from teleprompt.deltaone.units import cell_width, into_cells
from teleprompt.records import MILLION

BET = [LEAST_BET * (MOST_BET / LEAST_BET) ** (k / (BETS - 1)) for k in range(BETS)]


def cells(*differences: float) -> list[float]:
    """One observation of each."""
    found = into_cells([(round(x * MILLION), 1) for x in differences], unit=1)
    return [found.get(cell, 0) / cell_width(1) for cell in range(CELLS)]


def wealth(*differences: float, null: float = 0.0) -> float:
    """The definition: what the bets are worth on average."""
    return sum(math.prod(1 + bet * (x - null) / (1 + null) for x in differences) for bet in BET) / BETS


def test_the_bets_are_from_three_to_eighty_percent() -> None:
    assert (min(BET), max(BET)) == (0.03, pytest.approx(0.8))
    assert math.exp(log_e(cells(1), null_e6=0)) == pytest.approx(1 + sum(BET) / BETS)
    assert math.exp(log_e(cells(-1), null_e6=0)) == pytest.approx(1 - sum(BET) / BETS)
    assert log_e(cells(0, 0, 0), null_e6=0) == 0


def test_a_single_bet_has_the_published_growth() -> None:
    """Kelly (1956): of a coin with 60 % heads, 20 % of the wealth on each of 60 heads and 40 tails are worth most."""
    growth = [60 * math.log1p(bet) + 40 * math.log1p(-bet) for bet in BET]
    best = BET[growth.index(max(growth))]
    assert best == pytest.approx(0.2, rel=0.2)
    found = log_e(cells(*[1.0] * 60, *[-1.0] * 40), null_e6=0)
    assert max(growth) - math.log(BETS) < found < max(growth)


points = st.integers(-STEPS, STEPS).map(lambda cell: cell / STEPS)


@given(st.lists(points, min_size=1, max_size=8), st.integers(-900_000, 900_000))
def test_it_is_the_mean_of_the_products(differences: list[float], null_e6: int) -> None:
    expected = wealth(*differences, null=null_e6 / MILLION)
    assert math.exp(log_e(cells(*differences), null_e6=null_e6)) == pytest.approx(expected, rel=1e-9)


@given(st.lists(st.integers(-MILLION, MILLION).map(lambda e6: e6 / MILLION), min_size=1, max_size=8))
def test_cells_can_only_lower_it(differences: list[float]) -> None:
    assert log_e(cells(*differences), null_e6=0) <= math.log(wealth(*differences)) + 1e-12


@given(st.lists(st.tuples(points, st.integers(1, 20)), min_size=2, max_size=4), st.integers(1, 4))
def test_without_a_gain_it_is_one_on_average(outcomes: list[tuple[float, int]], draws: int) -> None:
    """For any distribution, drawn so often: all sequences, each with its probability."""
    total = sum(weight for _, weight in outcomes)
    mean_e6 = math.ceil(sum(x * weight for x, weight in outcomes) / total * MILLION)
    expected = 0.0
    for drawn in product(outcomes, repeat=draws):
        chance = math.prod(weight / total for _, weight in drawn)
        expected += chance * math.exp(log_e(cells(*(x for x, _ in drawn)), null_e6=max(mean_e6, 1 - MILLION)))
    assert expected <= 1 + 1e-9


def test_units_may_differ_within_a_window_as_long_as_they_gain_nothing_on_average() -> None:
    """Half of them gain 0.4, half lose it; by the inequality of the means no bet is worth more than 1."""
    expected = sum(
        0.7 ** ((a > 0) + (b < 0)) * 0.3 ** ((a < 0) + (b > 0)) * math.exp(log_e(cells(a, b), null_e6=0))
        for a, b in product((-1.0, 1.0), repeat=2)
    )
    assert expected < 1


samples = st.lists(points, min_size=1, max_size=40).map(lambda drawn: cells(*drawn))
boundaries = st.floats(0.1, 8)


@given(samples, boundaries)
def test_the_bound_is_the_smallest_mean_that_is_not_rejected(weights: list[float], boundary: float) -> None:
    low = lower_bound_e6(weights, boundary=boundary, known_e6=-MILLION)
    assert -MILLION <= low <= MILLION
    if low > 1 - MILLION:
        assert log_e(weights, null_e6=low - 1) >= boundary
    if low > -MILLION:
        assert log_e(weights, null_e6=low) < boundary


@given(samples, boundaries)
def test_the_bound_is_above_zero_just_where_the_evidence_is(weights: list[float], boundary: float) -> None:
    low = lower_bound_e6(weights, boundary=boundary, known_e6=-MILLION)
    assert (low > 0) == (log_e(weights, null_e6=0) >= boundary)


@given(samples, boundaries, st.integers(-MILLION, MILLION))
def test_what_was_known_is_not_forgotten(weights: list[float], boundary: float, known: int) -> None:
    fresh = lower_bound_e6(weights, boundary=boundary, known_e6=-MILLION)
    assert lower_bound_e6(weights, boundary=boundary, known_e6=known) == max(fresh, known)


@given(samples)
def test_bounds_on_both_sides_never_cross(weights: list[float]) -> None:
    low = lower_bound_e6(weights, boundary=0.1, known_e6=-MILLION)
    high = -lower_bound_e6(mirrored(weights), boundary=0.1, known_e6=-MILLION)
    assert low <= high + 2  # each is rounded away from what it rejects
