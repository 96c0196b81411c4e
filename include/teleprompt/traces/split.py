"""Sharing rows out between train, select and gate so that nothing is seen twice."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from teleprompt.config.split import SplitConfig
from teleprompt.traces.belonging import Belonging

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Mask = np.ndarray[Any, np.dtype[np.bool_]]


class Part(StrEnum):
    """What a row may be used for."""

    TRAIN = "train"
    SELECT = "select"
    GATE = "gate"


@dataclass(frozen=True)
class Shared:
    """The rows, shared out."""

    parts: list[Part | None]
    """Of each row; None for rows beyond the numbers that were asked for, and for those that `elsewhere` tells."""
    elsewhere: "Mask"
    """Rows that are left out because the like of them is in a later part."""


def split(facts: "pa.Table", config: SplitConfig) -> Shared:
    """Each row's part.

    It is decided by the row's home (`Belonging.homes`). By shares, it is a hash of the home's name, so that what a row
    belongs to has the same part in every window; the shares are met on average. By numbers, or in the order of time,
    homes are lined up and cut. A row that shares something with a row of a later part, though their homes differ (two
    conversations that begin alike), stays out of the earlier part: what is judged on was not learned from.
    """
    belonging = Belonging(facts, config)
    homes = belonging.homes()
    if config.by_count or config.time_order:
        parts = _lined_up(homes, facts["started_at_ms"].to_pylist(), config)
    else:
        by_home = {home: _by_hash(home, config) for home in set(homes)}
        parts = [by_home[home] for home in homes]
    elsewhere = _found_later(parts, belonging)
    return Shared([None if out else part for part, out in zip(parts, elsewhere, strict=True)], elsewhere)


def _found_later(parts: Sequence[Part | None], belonging: Belonging) -> "Mask":
    """Rows of train and select whose like is in the gate, and rows of train whose like is in what is left of select."""
    import numpy as np

    place = np.array([-1 if part is None else list(Part).index(part) for part in parts], dtype=np.int64)
    shared = belonging.shared()
    one, other = np.array(belonging.near_pairs, dtype=np.int64).reshape(-1, 2).T
    out = np.zeros(len(place), dtype=bool)
    for later in (2, 1):
        there = (place == later) & ~out
        like = np.zeros(len(place), dtype=bool)
        for values in shared:
            seen = np.zeros(values.max(initial=-1) + 1, dtype=bool)
            seen[values[there & (values >= 0)]] = True
            like[values >= 0] |= seen[values[values >= 0]]
        like[one[there[other]]] = True
        like[other[there[one]]] = True
        out |= like & (place >= 0) & (place < later)
    return out


def _position(home: str, config: SplitConfig) -> float:
    hashed = hashlib.sha256(f"{config.seed}|{home}".encode()).digest()
    return int.from_bytes(hashed[:8]) / 2**64


def _by_hash(home: str, config: SplitConfig) -> Part:
    position = _position(home, config)
    if position < config.train:
        return Part.TRAIN
    return Part.SELECT if position < config.train + config.select else Part.GATE


def _lined_up(homes: Sequence[str], started_at_ms: Sequence[int], config: SplitConfig) -> list[Part | None]:
    """Homes by time or by hash; train takes the first, then select, then gate, each until it is full."""
    sizes: dict[str, int] = {}
    first: dict[str, int] = {}
    for home, started in zip(homes, started_at_ms, strict=True):
        sizes[home] = sizes.get(home, 0) + 1
        first[home] = min(first.get(home, started), started)
    order = sorted(sizes, key=lambda home: (first[home] if config.time_order else 0, _position(home, config)))
    wanted = {part: getattr(config, part.value) for part in Part}
    if not config.by_count:
        wanted = {part: share * len(homes) for part, share in wanted.items()}
        wanted[Part.GATE] = len(homes)
    placed: dict[str, Part | None] = {}
    filled = dict.fromkeys(Part, 0)
    open_parts = list(Part)
    for home in order:
        tolerated = sizes[home] if config.by_count else sizes[home] / 2  # numbers are limits, shares are aims
        while open_parts and filled[open_parts[0]] + tolerated > wanted[open_parts[0]]:
            open_parts.pop(0)
        placed[home] = open_parts[0] if open_parts else None
        if open_parts:
            filled[open_parts[0]] += sizes[home]
    return [placed[home] for home in homes]
