"""Examples of one unit as one observation."""

import random
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from teleprompt.deltaone.betting import CELLS, STEPS
from teleprompt.deltaone.units import add_cells, cell_width, common_unit, into_cells, sums_by_unit, within_cap
from teleprompt.records import MILLION

KEYS = [f"trace-{i}" for i in range(60)]
GROUPS = [f"customer-{i % 4}" if i < 40 else f"customer-{i}" for i in range(60)]


def test_a_group_is_opened_up_to_the_cap_and_small_ones_whole() -> None:
    kept = within_cap(KEYS, GROUPS, cap=3)
    assert list(kept) == sorted(kept)
    assert [sum(GROUPS[i] == f"customer-{k}" for i in kept) for k in range(4)] == [3, 3, 3, 3]
    assert set(range(40, 60)) <= set(kept)
    assert within_cap(KEYS, GROUPS, cap=10) == tuple(range(60))


def test_which_are_opened_depends_on_the_keys_alone() -> None:
    order = random.Random(1).sample(range(60), 60)
    shuffled = within_cap([KEYS[i] for i in order], [GROUPS[i] for i in order], cap=3)
    assert {KEYS[order[i]] for i in shuffled} == {KEYS[i] for i in within_cap(KEYS, GROUPS, cap=3)}
    assert within_cap(KEYS, GROUPS, cap=3, salt="another trial") != within_cap(KEYS, GROUPS, cap=3)


def test_sums_hold_the_first_examples_of_each_group() -> None:
    assert sums_by_unit([1, 2, 4, 8], ["a", "b", "a", "a"], cap=2) == {"a": (5, 2), "b": (2, 1)}


@given(st.integers(1, 20), st.lists(st.tuples(st.integers(-MILLION, MILLION), st.integers(1, 20)), min_size=1))
def test_cells_hold_each_observation_once_and_at_its_value(cap: int, means: list[tuple[int, int]]) -> None:
    unit = common_unit(cap)
    counts = [(mean * unit, count) for mean, count in means]
    weights = add_cells((), into_cells(counts, unit=unit))
    width = cell_width(unit)
    assert len(weights) == CELLS
    assert min(weights) >= 0
    assert Fraction(sum(weights), width) == sum(count for _, count in means)
    value = sum(Fraction(weight * (cell - STEPS), STEPS * width) for cell, weight in enumerate(weights))
    assert value == sum(Fraction(mean * count, MILLION) for mean, count in means)


@given(st.integers(1, 30))
def test_all_means_up_to_the_cap_are_whole(cap: int) -> None:
    assert all(common_unit(cap) % size == 0 for size in range(1, cap + 1))
