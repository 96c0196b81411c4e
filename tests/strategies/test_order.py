"""In which order examples are taken."""

import random
from collections import Counter

import pytest

from teleprompt.strategies._order import interleaved, permanent_numbers, weighted_order


def test_a_weight_is_the_odds_of_being_drawn_first() -> None:
    weights = [1.0, 2.0, 7.0]
    names = ["a", "b", "c"]
    first = Counter(weighted_order(weights, permanent_numbers(names, str(draw)))[0] for draw in range(5000))
    assert [first[i] / 5000 for i in range(3)] == pytest.approx([0.1, 0.2, 0.7], abs=0.02)


def test_each_is_drawn_once_and_the_same_lot_gives_the_same_order() -> None:
    weights = [random.Random(1).uniform(1, 100) for _ in range(50)]
    names = [str(i) for i in range(50)]
    one, same, other = (weighted_order(weights, permanent_numbers(names, draw)) for draw in "112")
    assert sorted(one) == list(range(50))
    assert one == same != other


def test_sets_that_overlap_are_drawn_in_one_order() -> None:
    earlier, later = [f"n{i}" for i in range(40)], [f"n{i}" for i in range(10, 50)]
    orders = [
        [names[i] for i in weighted_order([1.0] * 40, permanent_numbers(names, "0"))] for names in (earlier, later)
    ]
    both = set(earlier) & set(later)
    assert [name for name in orders[0] if name in both] == [name for name in orders[1] if name in both]


def test_a_name_that_comes_twice_is_drawn_twice() -> None:
    one, again = permanent_numbers(["same", "same"], "0")
    assert one != again


def test_the_first_hold_each_category_in_its_share_in_the_order_of_the_lot() -> None:
    order = list(range(12))[::-1]
    categories = ["rare" if i in (0, 1, 2) else "usual" for i in range(12)]
    found = interleaved(order, categories)
    assert [sum(categories[i] == "rare" for i in found[:n]) for n in (4, 8, 12)] == [1, 2, 3]
    assert [i for i in found if categories[i] == "usual"] == list(range(3, 12))[::-1]
