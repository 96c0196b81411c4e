"""The order in which examples are taken: by lot, the weightier ones more often first, each category in its share."""

import hashlib
import math
from collections import Counter
from collections.abc import Hashable, Sequence


def permanent_numbers(names: Sequence[str], draw: str) -> list[float]:
    """A uniform number in [0, 1) for each name, the same in every draw of that name (Ohlsson 1995).

    So two draws from sets that overlap have most of their first members in common. A name that comes again gets another
    number each time.
    """
    times: Counter[str] = Counter()
    numbers = []
    for name in names:
        hashed = hashlib.sha256(f"{draw}|{times[name]}|{name}".encode()).digest()
        numbers.append(int.from_bytes(hashed[:8]) / 2**64)
        times[name] += 1
    return numbers


def weighted_order(weights: Sequence[float], numbers: Sequence[float]) -> list[int]:
    """The indices in the order in which they are drawn one after the other, each with a chance by its weight.

    Sorted by u**(1/weight), u the uniform `numbers` in [0, 1) (Efraimidis and Spirakis 2006), in logarithms. Weights
    are positive.
    """
    lots = [math.log(1 - number) / weight for number, weight in zip(numbers, weights, strict=True)]
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
