"""What is in more than one part after the split, found anew from the rows."""

from typing import TYPE_CHECKING

from teleprompt.config.split import NEAR_DUPLICATES, SplitConfig
from teleprompt.errors import TelepromptError
from teleprompt.records import Record
from teleprompt.traces._facts import normalised
from teleprompt.traces.grouping import codes
from teleprompt.traces.similarity import links, signatures
from teleprompt.traces.split import Part, numbered

if TYPE_CHECKING:
    import pyarrow as pa

    from teleprompt.traces.split import Integers, Parts

MOST_COMPARED = 10_000
MOST_CHARACTERS = 2_000_000
"""Of rows, and of their texts, among which near duplicates are looked for where the split does not keep them together:
a quarter of a second at most."""


class Leakage(Record):
    """What was found in more than one part after the split."""

    exact: int
    """Inputs, equal after normalisation, and values of what the split groups by. Always 0: a split that leaks is
    refused."""
    near: int | None
    """Links between near-duplicate inputs in two parts: as many as join those that are alike. None in snapshots of
    version 0.1 that did not group by them."""
    groups: int | None = None
    """Groups: sessions, customers. This and what follows is None in snapshots of version 0.1."""
    contributors: int | None = None
    """Contributors; many, unless the split groups by them."""
    compared: int | None = None
    """Rows among which near duplicates were looked for: all, or an even sample of so many."""


class ComparedInputs:
    """Signatures of inputs: of all where the facts have them, else of the used rows or an even sample of them.

    Those of a sample are taken while the rows pass by.
    """

    def __init__(self, facts: "pa.Table", parts: "Parts") -> None:
        import numpy as np
        import pyarrow as pa

        self._passed = 0
        if "near_inputs" in facts.column_names:
            self.rows, self._waiting = np.arange(len(facts)), np.arange(0)
            self._found = [facts["near_inputs"].combine_chunks()]
            return
        used = np.flatnonzero([part is not None for part in parts])
        characters = facts["length"].to_numpy()[used].sum()
        most = min(MOST_COMPARED, len(used), int(MOST_CHARACTERS * len(used) / max(characters, 1)))
        self.rows = self._waiting = used[np.arange(most) * len(used) // max(most, 1)]
        self._found = [signatures(pa.array([], pa.string()))]

    def add(self, batch: "pa.Table") -> None:
        """The next rows."""
        here = self._waiting[(self._waiting >= self._passed) & (self._waiting < self._passed + len(batch))]
        if len(here):
            self._found.append(signatures(normalised(batch["inputs"].take(here - self._passed))))
        self._passed += len(batch)

    def signatures(self) -> "pa.Array":
        """Of `rows`, in their order."""
        import pyarrow as pa

        return pa.concat_arrays(self._found)


def measure_leakage(facts: "pa.Table", parts: "Parts", config: SplitConfig, *, compared: ComparedInputs) -> Leakage:
    """Count what is in two parts; `facts`, `parts` and the rows that `compared` saw are in one order.

    Raises:
        TelepromptError: what must not be is in two parts; the split is wrong and must not be used.
    """
    place, rows = numbered(parts), compared.rows
    exact = _in_several(facts["asked"], place) + sum(_in_several(facts[key], place) for key in config.named_keys)
    pairs = links(compared.signatures(), threshold=config.near_threshold)
    near = sum(len({*place[[rows[one], rows[other]]].tolist()} - {-1}) > 1 for one, other in pairs)
    if exact or (near and NEAR_DUPLICATES in config.group_by):
        raise TelepromptError(
            f"The split leaks: {exact} equal inputs or groups and {near} near duplicates are in two parts."
        )
    return Leakage(
        exact=exact,
        near=near,
        groups=_in_several(facts["group"], place),
        contributors=_in_several(facts["contributor"], place),
        compared=len(rows),
    )


def _in_several(column: "pa.ChunkedArray", place: "Integers") -> int:
    """How many values of `column` are in more than one part."""
    import numpy as np

    values = codes(column.combine_chunks())
    used = (values >= 0) & (place >= 0)
    there = np.unique(values[used] * len(Part) + place[used]) // len(Part)
    return int((np.unique(there, return_counts=True)[1] > 1).sum())
