"""Whether the fields that a program's own calls hold are the fields that would be compared.

What a program takes and gives is read off its predictors' signatures, which is a guess where `forward` renames,
retrieves, computes or collects. A wrong guess must not become a verdict: a program that collects three answers would be
promoted for the last one alone. So where most calls hold other fields, nothing is compared.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from teleprompt.errors import ConfigurationError
from teleprompt.program.fields import Field, ProgramFields

if TYPE_CHECKING:
    import pyarrow as pa

ADDED_BY_DSPY = frozenset({"reasoning"})
"""Outputs that a module of DSPy's adds to what its signature says."""


class UnmeasuredFieldsError(ConfigurationError):
    """The program's calls hold other fields than those that would be compared."""

    def __init__(self, program: str, side: str, logged: Iterable[str], measured: Iterable[str]) -> None:
        super().__init__(
            f"Most calls of {program} have the {side}s {_listed(logged)}, but its predictors' signatures give the "
            f"{side}s {_listed(measured)}, so a comparison would measure another program; nothing is compared until "
            f"`forward` and its predictors have the same {side}s."
        )


@dataclass
class LoggedFields:
    """Which fields the calls hold, counted over a stream of raw traces."""

    calls: int = 0
    """That hold anything; spans of calls without an outcome may not have been read."""
    inputs: Counter[str] = field(default_factory=Counter)
    outputs: Counter[str] = field(default_factory=Counter)

    def add(self, raw: "pa.Table") -> None:
        """Count raw traces that did not fail."""
        import pyarrow.compute as pc

        inputs, outputs = (_entries(raw[side]) for side in ("inputs", "outputs"))
        held = pc.and_(pc.greater(pc.list_value_length(inputs), 0), pc.greater(pc.list_value_length(outputs), 0))
        held = pc.fill_null(pc.and_(held, pc.invert(raw["failed"])), False)
        self.calls += pc.sum(held).as_py() or 0
        self.inputs.update(_calls_by_field(inputs.filter(held)))
        self.outputs.update(_calls_by_field(outputs.filter(held)))

    def check(self, program: str, fields: ProgramFields) -> None:
        """Refuse fields of which most calls hold others.

        Raises:
            UnmeasuredFieldsError: naming both.
        """
        _check(program, "input", self._usual(self.inputs), fields.inputs)
        _check(program, "output", self._usual(self.outputs), fields.outputs)

    def _usual(self, counts: Counter[str]) -> list[str]:
        """The fields that most calls hold."""
        return [name for name, count in counts.items() if 2 * count > self.calls]


def _check(program: str, side: str, usual: list[str], fields: tuple[Field, ...]) -> None:
    measured = {field.name for field in fields}
    if set(usual) - ADDED_BY_DSPY - measured:
        raise UnmeasuredFieldsError(program, side, usual, measured)


def _entries(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    import pyarrow as pa

    return column.cast(pa.list_(pa.struct([("key", pa.string()), ("value", pa.string())])))


def _calls_by_field(entries: "pa.ChunkedArray") -> dict[str, int]:
    """How many calls hold each field; parts of a nested one, `field.part`, are one field."""
    import pyarrow as pa
    import pyarrow.compute as pc

    entries = entries.combine_chunks()
    keys = pc.list_flatten(entries).field("key")
    names = pc.replace_substring_regex(keys, r"\..*", "")
    once = pa.table({"call": pc.list_parent_indices(entries), "name": names}).group_by(["call", "name"]).aggregate([])
    return {count["values"]: count["counts"] for count in pc.value_counts(once["name"]).to_pylist()}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names)) or "none"
