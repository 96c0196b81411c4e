"""Examples that belong together, as one observation each."""

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from teleprompt.deltaone.betting import CELLS, STEPS
from teleprompt.records import MILLION


def within_cap(keys: Sequence[str], groups: Sequence[str], *, cap: int, salt: str = "") -> tuple[int, ...]:
    """Positions of the examples to open, in order: of each group at most `cap`, chosen by a hash of their keys.

    The choice depends on neither the order nor any score, and is the same in a retry. Opening more would cost calls and
    tell little. `salt` is what the choice is for, a trial's id, so that not always the same examples are left.
    """
    by_group: dict[str, list[tuple[bytes, int]]] = defaultdict(list)
    for position, (key, group) in enumerate(zip(keys, groups, strict=True)):
        by_group[group].append((hashlib.sha256(f"{salt}\0{key}".encode()).digest(), position))
    return tuple(sorted(position for ranked in by_group.values() for _, position in sorted(ranked)[:cap]))


def common_unit(cap: int) -> int:
    """A number that all means of up to `cap` integers are whole multiples of 1 / it of, so that they add up exactly."""
    return math.lcm(*range(1, cap + 1))


def sums_by_unit(differences: Sequence[int], groups: Sequence[str], *, cap: int) -> dict[str, tuple[int, int]]:
    """Sum of the differences of each group and how many they are, of its first `cap` examples."""
    sums: dict[str, tuple[int, int]] = {}
    for difference, group in zip(differences, groups, strict=True):
        total, size = sums.get(group, (0, 0))
        if size < cap:
            sums[group] = total + difference, size + 1
    return sums


def into_cells(counts: Iterable[tuple[int, int]], *, unit: int) -> Mapping[int, int]:
    """The cells of betting for (mean in millionths of 1 / `unit`, how many such), and what each weighs.

    Weights are integers, of which `cell_width(unit)` are one observation.
    """
    width = cell_width(unit)
    cells: dict[int, int] = defaultdict(int)
    for value, count in counts:
        cell, rest = divmod(value + STEPS * width, width)
        cells[cell] += (width - rest) * count
        if rest:
            cells[cell + 1] += rest * count
    return cells


def cell_width(unit: int) -> int:
    """Of the cells, in millionths of 1 / `unit`."""
    return MILLION // STEPS * unit


def add_cells(weights: Sequence[int], cells: Mapping[int, int]) -> tuple[int, ...]:
    """Both together; no weights yet are an empty sequence."""
    added = list(weights) or [0] * CELLS
    for cell, weight in cells.items():
        added[cell] += weight
    return tuple(added)
