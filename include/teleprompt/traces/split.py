"""Sharing rows out between train, select and gate so that nothing is seen twice."""

import hashlib
from collections.abc import Sequence
from enum import StrEnum

from include.teleprompt.config.program import SplitConfig
from include.teleprompt.traces.curate import input_digest
from include.teleprompt.traces.row import TraceRow


class Part(StrEnum):
    """What a row may be used for."""

    TRAIN = "train"
    SELECT = "select"
    GATE = "gate"


def split(rows: Sequence[TraceRow], config: SplitConfig) -> dict[Part, list[TraceRow]]:
    """Each row's part, decided by a hash of the unit it belongs to; order within a part is that of `rows`.

    What belongs together (see `units_of`) stays together. An input without a group has the same part in every window;
    one with groups moves with the group that it is found in. The shares are met on average.
    """
    parts: dict[Part, list[TraceRow]] = {part: [] for part in Part}
    for row, unit in zip(rows, units_of(rows), strict=True):
        parts[_part(unit, config)].append(row)
    return parts


def units_of(rows: Sequence[TraceRow]) -> list[str]:
    """The unit of each row: all rows that share a group or, directly or through others, the same normalised inputs.

    It is named after the smallest of the groups and inputs that it joins.
    """
    parent: dict[str, str] = {}

    def root(node: str) -> str:
        while parent.setdefault(node, node) != node:
            parent[node] = node = parent[parent[node]]
        return node

    inputs = [f"input:{input_digest(row)}" for row in rows]
    for row, own in zip(rows, inputs, strict=True):
        if row.group:
            low, high = sorted((root(own), root(f"group:{row.group}")))
            parent[high] = low
    return [root(own) for own in inputs]


def _part(unit: str, config: SplitConfig) -> Part:
    hashed = hashlib.sha256(f"{config.seed}|{unit}".encode()).digest()
    position = int.from_bytes(hashed[:8]) / 2**64
    if position < config.train:
        return Part.TRAIN
    return Part.SELECT if position < config.train + config.select else Part.GATE
