"""In which order examples are taken."""

import random
from collections import Counter

import pytest

from teleprompt.strategies._order import interleaved, weighted_order


def test_a_weight_is_the_odds_of_being_drawn_first() -> None:
    weights = [1.0, 2.0, 7.0]
    rng = random.Random(0)
    first = Counter(weighted_order(weights, rng)[0] for _ in range(5000))
    assert [first[i] / 5000 for i in range(3)] == pytest.approx([0.1, 0.2, 0.7], abs=0.02)


def test_each_is_drawn_once_and_the_same_lot_gives_the_same_order() -> None:
    weights = [random.Random(1).uniform(1, 100) for _ in range(50)]
    one, same, other = (weighted_order(weights, random.Random(seed)) for seed in (1, 1, 2))
    assert sorted(one) == list(range(50))
    assert one == same != other


def test_the_first_hold_each_category_in_its_share_in_the_order_of_the_lot() -> None:
    order = list(range(12))[::-1]
    categories = ["rare" if i in (0, 1, 2) else "usual" for i in range(12)]
    found = interleaved(order, categories)
    assert [sum(categories[i] == "rare" for i in found[:n]) for n in (4, 8, 12)] == [1, 2, 3]
    assert [i for i in found if categories[i] == "usual"] == list(range(3, 12))[::-1]
