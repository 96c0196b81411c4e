"""What belongs together: the key of each row by which it is split, and the units of the statistics."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from teleprompt.config.split import NEAR_DUPLICATES, SplitConfig
from teleprompt.traces._facts import digests, normalised
from teleprompt.traces.row import TraceRow
from teleprompt.traces.similarity import likeness, links, signatures

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Codes = np.ndarray[Any, np.dtype[np.int64]]


class Grouping:
    """The rows of a window, and what they have in common: inputs, the keys that are grouped by, near duplicates."""

    def __init__(self, facts: "pa.Table", config: SplitConfig) -> None:
        """Of rows by their facts: `asked`, a column for each key, and `near_inputs` where near duplicates count."""
        self.rows = len(facts)
        self.inputs = facts["asked"].combine_chunks()
        self.keys = {key: facts[key].combine_chunks() for key in config.named_keys}
        self._signatures = facts["near_inputs"].combine_chunks() if NEAR_DUPLICATES in config.group_by else None
        self._threshold = config.near_threshold
        self.near_pairs: list[tuple[int, int]] = []
        if self._signatures is not None:
            self.near_pairs = list(links(self._signatures, threshold=config.near_threshold))

    def split_keys(self) -> list[str]:
        """The one thing that decides each row's part.

        It is named by the row and what it is about, not by who else is in the window, so that it is the same in every
        window: its contributor, if that is a key, else a field of its inputs, else its group; else, where near
        duplicates count, what most of its near duplicates share; else its inputs.
        """
        found: list[str | None] = [None] * self.rows
        for key in sorted(self.keys, key=lambda key: (key != "contributor", key == "group")):
            values = self.keys[key].to_pylist()
            found = [own or (f"{key}:{value}" if value else None) for own, value in zip(found, values, strict=True)]
        if self._signatures is not None:
            return self._with_likeness(found)
        return [own or f"input:{digest.hex()}" for own, digest in zip(found, self.inputs.to_pylist(), strict=True)]

    def units(self) -> list[str]:
        """The unit of each row in the statistics: all rows that share inputs or a key, or are near duplicates.

        Directly or through others; it is named after the split key that most of them have.
        """
        keys: list[list[str]] = [[digest.hex()] for digest in self.inputs.to_pylist()]
        for key, column in self.keys.items():
            for own, value in zip(keys, column.to_pylist(), strict=True):
                if value:
                    own.append(f"{key}:{value}")
        joined = components(keys, self.near_pairs)
        names = _most_common_of_each(joined, self.split_keys())
        return [names[root] for root in joined]

    def all_keys(self) -> list[tuple[str, ...]]:
        """Of each row: its inputs, its values of the keys, and what its near duplicates are like."""
        found = [[f"input:{digest.hex()}"] for digest in self.inputs.to_pylist()]
        for key, column in self.keys.items():
            for own, value in zip(found, column.to_pylist(), strict=True):
                if value:
                    own.append(f"{key}:{value}")
        if self._signatures is not None:
            for own, name in zip(found, likeness(self._signatures), strict=True):
                own.append(f"near:{name}")
        return [tuple(own) for own in found]

    def shared(self) -> list["Codes"]:
        """What must not be in two parts: for inputs and each key, which value a row has, as a number; -1 is none."""
        return [codes(self.inputs), *(codes(column) for column in self.keys.values())]

    def _with_likeness(self, known: Sequence[str | None]) -> list[str]:
        """`known` keys; a row that has none gets what most of its near duplicates that have none are like.

        A likeness is made of the text alone, and near duplicates mostly have the same; so their common one outlives
        each of them. Of a single row in its place the next window may lack just that one.
        """
        alike = likeness(self._signatures)
        open_ = [key is None for key in known]
        pairs = self._pairs_among([row for row, mine in enumerate(open_) if mine])
        joined = components([[digest.hex()] for digest in self.inputs.to_pylist()], pairs)
        names = _most_common_of_each(
            [root for root, mine in zip(joined, open_, strict=True) if mine],
            [name for name, mine in zip(alike, open_, strict=True) if mine],
        )
        return [key or f"near:{names[root]}" for key, root in zip(known, joined, strict=True)]

    def _pairs_among(self, rows: Sequence[int]) -> list[tuple[int, int]]:
        """Pairs that join near duplicates through no other row than these."""
        if self._signatures is None or len(rows) == self.rows:
            return self.near_pairs
        found = links(self._signatures.take(rows), threshold=self._threshold) if rows else ()
        return [(rows[one], rows[other]) for one, other in found]


def row_units(rows: Sequence[TraceRow], config: SplitConfig) -> list[str]:
    """The unit of each row by its inputs and what the split groups by: rows of one unit are one in the statistics."""
    return Grouping(_facts_of(rows, config), config).units() if rows else []


def row_keys(rows: Sequence[TraceRow], config: SplitConfig) -> list[tuple[str, ...]]:
    """All that makes a row belong to a unit: its inputs, its values of the keys, what its near duplicates are like.

    Rows of different windows that share one of them belong together, whatever their units were called there.
    """
    if not rows:
        return []
    return Grouping(_facts_of(rows, config), config).all_keys()


def _facts_of(rows: Sequence[TraceRow], config: SplitConfig) -> "pa.Table":
    import pyarrow as pa

    texts = normalised(pa.array([dict(row.inputs) for row in rows]))
    columns: dict[str, Any] = {"asked": digests(texts)}
    for key in config.named_keys:
        columns[key] = pa.array([key_of(row, key) for row in rows], pa.string())
    if NEAR_DUPLICATES in config.group_by:
        columns["near_inputs"] = signatures(texts)
    return pa.table(columns)


def key_of(row: TraceRow, key: str) -> str | None:
    """What a row belongs to by `group`, `contributor`, `input.<name>` or `output.<name>`."""
    match key.split(".", 1):
        case ["group"]:
            return row.group
        case ["contributor"]:
            return row.contributor_id
        case ["input", field]:
            return row.inputs[field]
        case ["output", field]:
            return row.outputs[field]
    raise ValueError(f"nothing is grouped by {key!r}")


def components(keys: Sequence[Sequence[str]], pairs: Iterable[tuple[int, int]] = ()) -> list[str]:
    """A name for each row, the same for all rows that share a key, or are a pair, directly or through others."""
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


def codes(column: "pa.Array") -> "Codes":
    """The values of a column as numbers from 0, the same number for the same value; -1 where it is empty."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_string(column.type):
        column = pc.if_else(pc.equal(column, ""), None, column)
    found: Codes = column.dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return found


def _most_common_of_each(of: Sequence[str], values: Sequence[str]) -> dict[str, str]:
    """For each of `of` the value that stands beside it most often; of equally common ones the smallest."""
    counted: dict[str, Counter[str]] = {}
    for name, value in zip(of, values, strict=True):
        counted.setdefault(name, Counter())[value] += 1
    return {name: min(found, key=lambda value: (-found[value], value)) for name, found in counted.items()}
