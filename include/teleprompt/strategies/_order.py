"""The order in which examples are taken: by lot, the weightier ones more often first, each category in its share."""

import math
import random
from collections import Counter
from collections.abc import Hashable, Sequence


def weighted_order(weights: Sequence[float], rng: random.Random) -> list[int]:
    """The indices in the order in which they are drawn one after the other, each with a chance by its weight.

    Sorted by u**(1/weight), u uniform in (0, 1) (Efraimidis and Spirakis 2006), in logarithms. Weights are positive.
    """
    lots = [math.log(1 - rng.random()) / weight for weight in weights]
    return sorted(range(len(weights)), key=lambda i: -lots[i])


def interleaved(order: Sequence[int], categories: Sequence[Hashable]) -> list[int]:
    """The same indices, such that the first of them hold each category in its share, as far as whole ones can.

    Within a category their order stays.
    """
    sizes = Counter(categories[i] for i in order)
    seen: Counter[Hashable] = Counter()
    places = {}
    for i in order:
        places[i] = (seen[categories[i]] + 0.5) / sizes[categories[i]]
        seen[categories[i]] += 1
    return sorted(order, key=lambda i: places[i])
