"""Sharing rows out between train, select and gate so that nothing is seen twice."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from teleprompt.config.split import SplitConfig
from teleprompt.traces.grouping import Grouping

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Mask = np.ndarray[Any, np.dtype[np.bool_]]
    Integers = np.ndarray[Any, np.dtype[np.int64]]
    Parts = Sequence["Part | None"] | np.ndarray[Any, np.dtype[np.object_]]


class Part(StrEnum):
    """What a row may be used for."""

    TRAIN = "train"
    SELECT = "select"
    GATE = "gate"


@dataclass(frozen=True)
class Split:
    """The part of each row."""

    parts: list[Part | None]
    """None for rows beyond the numbers that were asked for, and for those that `left_out` tells."""
    left_out: "Mask"
    """Rows whose like is in a later part."""


def split(facts: "pa.Table", config: SplitConfig, *, categories: "Integers | None" = None) -> Split:
    """Each row's part.

    It follows from the row's key (`Grouping.split_keys`). By shares, it is a hash of the key, so that what a row
    belongs to has the same part in every window; the shares, and the mix of each part, are met on average. By numbers,
    or in the order of time, keys are lined up and cut; by numbers with those of each of the `categories` evenly spread
    over the line, so that the parts hold the same mix. A row that shares something with a row of a later part, though
    their keys differ (two conversations that begin alike), stays out of the earlier part: what is judged on was not
    learned from.
    """
    grouping = Grouping(facts, config)
    keys = grouping.split_keys()
    if config.by_count or config.time_order:
        line = _by_time(keys, facts["started_at_ms"].to_pylist()) if config.time_order else {}
        parts = _lined_up(keys, line or _spread(keys, categories, config), config)
    else:
        by_key = {key: _by_hash(key, config) for key in set(keys)}
        parts = [by_key[key] for key in keys]
    left_out = _found_later(parts, grouping)
    return Split([None if out else part for part, out in zip(parts, left_out, strict=True)], left_out)


def numbered(parts: "Parts") -> "Integers":
    """Parts as numbers in their order, 0 for train; -1 is none."""
    import numpy as np

    return np.array([-1 if part is None else list(Part).index(part) for part in parts], dtype=np.int64)


def _found_later(parts: Sequence[Part | None], grouping: Grouping) -> "Mask":
    """Rows of train and select whose like is in the gate, and rows of train whose like is in what is left of select."""
    import numpy as np

    place = numbered(parts)
    shared = grouping.shared()
    one, other = np.array(grouping.near_pairs, dtype=np.int64).reshape(-1, 2).T
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


def _position(key: str, config: SplitConfig) -> float:
    hashed = hashlib.sha256(f"{config.seed}|{key}".encode()).digest()
    return int.from_bytes(hashed[:8]) / 2**64


def _by_hash(key: str, config: SplitConfig) -> Part:
    position = _position(key, config)
    if position < config.train:
        return Part.TRAIN
    return Part.SELECT if position < config.train + config.select else Part.GATE


def _by_time(keys: Sequence[str], started_at_ms: Sequence[int]) -> dict[str, float]:
    """The place of each key in the line: when its first row started."""
    first: dict[str, float] = {}
    for key, started in zip(keys, started_at_ms, strict=True):
        first[key] = min(first.get(key, started), started)
    return first


def _spread(keys: Sequence[str], categories: "Integers | None", config: SplitConfig) -> dict[str, float]:
    """The place of each key in the line: by hash within its first row's category, each category from 0 to 1."""
    of: dict[str, int] = {}
    for key, category in zip(keys, [0] * len(keys) if categories is None else categories.tolist(), strict=True):
        of.setdefault(key, category)
    members: dict[int, list[str]] = {}
    for key in sorted(of, key=lambda key: _position(key, config)):
        members.setdefault(of[key], []).append(key)
    return {key: (i + 0.5) / len(own) for own in members.values() for i, key in enumerate(own)}


def _lined_up(keys: Sequence[str], line: Mapping[str, float], config: SplitConfig) -> list[Part | None]:
    """Keys by their place in the line; train takes the first, then select, then gate, each until it is full."""
    sizes = Counter(keys)
    order = sorted(sizes, key=lambda key: (line[key], _position(key, config)))
    wanted = {part: getattr(config, part.value) for part in Part}
    if not config.by_count:
        wanted = {part: share * len(keys) for part, share in wanted.items()}
        wanted[Part.GATE] = len(keys)
    placed: dict[str, Part | None] = {}
    filled = dict.fromkeys(Part, 0)
    open_parts = list(Part)
    for key in order:
        tolerated = sizes[key] if config.by_count else sizes[key] / 2  # numbers are limits, shares are aims
        while open_parts and filled[open_parts[0]] + tolerated > wanted[open_parts[0]]:
            open_parts.pop(0)
        placed[key] = open_parts[0] if open_parts else None
        if open_parts:
            filled[open_parts[0]] += sizes[key]
    return [placed[key] for key in keys]
