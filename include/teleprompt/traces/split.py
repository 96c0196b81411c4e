"""Sharing rows out between train, select and gate so that nothing is seen twice."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from teleprompt.config.split import SplitConfig
from teleprompt.errors import TelepromptError
from teleprompt.records import Record
from teleprompt.traces._facts import digests, normalised
from teleprompt.traces._similarity import earlier_alike, signatures
from teleprompt.traces.row import TraceRow

if TYPE_CHECKING:
    import pyarrow as pa


class Part(StrEnum):
    """What a row may be used for."""

    TRAIN = "train"
    SELECT = "select"
    GATE = "gate"


@dataclass(frozen=True, slots=True)
class Member:
    """A row as the split sees it: when it was, and by what it belongs to others."""

    started_at_ms: int
    keys: tuple[str, ...]
    """The first is that of its inputs."""


class Leakage(Record):
    """What was found in more than one part after the split."""

    exact: int
    """Inputs, equal after normalisation, and groups."""
    near: int | None
    """Pairs of near-duplicate inputs; None where the program does not ask for it."""


def split(facts: "pa.Table", config: SplitConfig) -> list[Part | None]:
    """Each row's part; None for rows beyond the numbers that were asked for.

    What belongs together stays together. By shares, a unit's part is decided by a hash of its name, so an input without
    a group has the same part in every window; the shares are met on average. By numbers, or in the order of time, units
    are lined up and cut.
    """
    members = _members(facts, config)
    pairs = _near_pairs(facts, config) if "near_duplicates" in config.group_by else []
    units = units_of([member.keys for member in members], pairs)
    if not config.by_count and not config.time_order:
        parts = {unit: _by_hash(unit, config) for unit in set(units)}
        return [parts[unit] for unit in units]
    return _lined_up(units, members, config)


def leakage(facts: "pa.Table", parts: Sequence[Part | None], config: SplitConfig) -> Leakage:
    """What is in more than one part, found anew from the rows.

    Raises:
        TelepromptError: anything is; the split is wrong and must not be used.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    placed = pa.table({"asked": facts["asked"], "part": pa.array(parts, pa.string())}).filter(
        pc.field("part").is_valid()
    )
    counts = placed.group_by("asked").aggregate([("part", "count_distinct")])["part_count_distinct"]
    exact = int(pc.sum(pc.greater(counts, 1)).as_py() or 0)
    for key in config.group_by:
        if key != "near_duplicates":
            exact += _in_several_parts(facts[key], parts)
    near = None
    if "near_duplicates" in config.group_by:
        near = sum(len({parts[a], parts[b]} - {None}) > 1 for a, b in _near_pairs(facts, config))
    if exact or near:
        raise TelepromptError(
            f"The split leaks: {exact} equal inputs or groups and {near} near duplicates are in two parts."
        )
    return Leakage(exact=exact, near=near)


def _in_several_parts(column: "pa.ChunkedArray", parts: Sequence[Part | None]) -> int:
    """How many values of `column` are in more than one part."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = column.combine_chunks().cast(pa.string())
    there = pc.and_(
        pc.fill_null(pc.not_equal(values, ""), False), pa.array([part is not None for part in parts], pa.bool_())
    )
    placed = pa.table({"value": values, "part": pa.array(parts, pa.string())}).filter(there)
    counts = placed.group_by("value").aggregate([("part", "count_distinct")])["part_count_distinct"]
    return int(pc.sum(pc.greater(counts, 1)).as_py() or 0)


def row_units(rows: Sequence[TraceRow], config: SplitConfig) -> list[str]:
    """The unit of each row by its inputs and what the split groups by: rows of one unit are one in the statistics."""
    import pyarrow as pa

    if not rows:
        return []
    texts = normalised(pa.array([dict(row.inputs) for row in rows]))
    pairs: Iterable[tuple[int, int]] = ()
    if "near_duplicates" in config.group_by:
        pairs = earlier_alike(signatures(texts), threshold=config.near_threshold, only_of_kept=False)
    asked = digests(texts).to_pylist()
    named = [key for key in config.group_by if key != "near_duplicates"]
    return units_of(
        [
            (f"input:{digest.hex()}", *(f"{key}:{value}" for key in named if (value := _key_of(row, key))))
            for digest, row in zip(asked, rows, strict=True)
        ],
        list(pairs),
    )


def _key_of(row: TraceRow, key: str) -> str | None:
    match key.split(".", 1):
        case ["group"]:
            return row.group
        case ["contributor"]:
            return row.contributor_id
        case [_, field]:
            return row.inputs[field]
    raise ValueError(f"nothing is grouped by {key!r}")


def units_of(keys: Sequence[Sequence[str]], pairs: Iterable[tuple[int, int]] = ()) -> list[str]:
    """The unit of each row: all rows that share a key, or are a pair, directly or through others.

    It is named after the smallest of the keys that it joins.
    """
    parent: dict[str, str] = {}

    def root(node: str) -> str:
        while parent.setdefault(node, node) != node:
            parent[node] = node = parent[parent[node]]
        return node

    def join(one: str, other: str) -> None:
        low, high = sorted((root(one), root(other)))
        parent[high] = low

    for own in keys:
        for key in own[1:]:
            join(own[0], key)
    for one, other in pairs:
        join(keys[one][0], keys[other][0])
    return [root(own[0]) for own in keys]


def _members(facts: "pa.Table", config: SplitConfig) -> list[Member]:
    asked = [f"input:{digest.hex()}" for digest in facts["asked"].to_pylist()]
    named = {key: facts[key].to_pylist() for key in config.group_by if key != "near_duplicates"}
    started = facts["started_at_ms"].to_pylist()
    return [
        Member(started[i], (asked[i], *(f"{key}:{column[i]}" for key, column in named.items() if column[i])))
        for i in range(len(asked))
    ]


def _near_pairs(facts: "pa.Table", config: SplitConfig) -> list[tuple[int, int]]:
    return list(earlier_alike(facts["near_inputs"], threshold=config.near_threshold, only_of_kept=False))


def _position(unit: str, config: SplitConfig) -> float:
    hashed = hashlib.sha256(f"{config.seed}|{unit}".encode()).digest()
    return int.from_bytes(hashed[:8]) / 2**64


def _by_hash(unit: str, config: SplitConfig) -> Part:
    position = _position(unit, config)
    if position < config.train:
        return Part.TRAIN
    return Part.SELECT if position < config.train + config.select else Part.GATE


def _lined_up(units: Sequence[str], members: Sequence[Member], config: SplitConfig) -> list[Part | None]:
    """Units by time or by hash; train takes the first, then select, then gate, each until it is full."""
    sizes: dict[str, int] = {}
    first: dict[str, int] = {}
    for unit, member in zip(units, members, strict=True):
        sizes[unit] = sizes.get(unit, 0) + 1
        first[unit] = min(first.get(unit, member.started_at_ms), member.started_at_ms)
    order = sorted(sizes, key=lambda unit: (first[unit] if config.time_order else 0, _position(unit, config)))
    wanted = {part: getattr(config, part.value) for part in Part}
    if not config.by_count:
        wanted = {part: share * len(units) for part, share in wanted.items()}
        wanted[Part.GATE] = len(units)
    placed: dict[str, Part | None] = {}
    filled = dict.fromkeys(Part, 0)
    open_parts = list(Part)
    for unit in order:
        tolerated = sizes[unit] if config.by_count else sizes[unit] / 2  # numbers are limits, shares are aims
        while open_parts and filled[open_parts[0]] + tolerated > wanted[open_parts[0]]:
            open_parts.pop(0)
        placed[unit] = open_parts[0] if open_parts else None
        if open_parts:
            filled[open_parts[0]] += sizes[unit]
    return [placed[unit] for unit in units]
