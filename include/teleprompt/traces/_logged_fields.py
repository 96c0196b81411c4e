"""The fields that a program's calls hold: they tell what its code leaves open, and contradict what it got wrong.

A wrong guess must not become a verdict: a program that collects three answers would be promoted for the last one alone.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from teleprompt.errors import ConfigurationError
from teleprompt.program.fields import DeclaredFields, Field, ProgramFields

if TYPE_CHECKING:
    import pyarrow as pa

BY_PLACE = "args"
"""What MLflow logs of arguments without a name."""

ENOUGH_CALLS = 1000
"""So many tell what the calls of a window hold."""


class UnmeasuredFieldsError(ConfigurationError):
    """The program's calls hold other fields than those that would be compared."""

    def __init__(self, program: str, side: str, logged: Iterable[str], measured: Iterable[str]) -> None:
        super().__init__(
            f"Most calls of {program} have the {side}s {_listed(logged)}, but its file and code give the {side}s "
            f"{_listed(measured)}, so a comparison would measure another program; nothing is compared until they "
            f"agree, or the program file declares its fields under `{side}s:`."
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

    def usual(self, counts: Counter[str]) -> list[str]:
        """The fields that most calls hold."""
        return sorted(name for name, count in counts.items() if 2 * count > self.calls)

    def check(self, program: str, fields: ProgramFields, declared: DeclaredFields) -> None:
        """Refuse calls most of which hold outputs that would not be compared, or lack inputs that each must hold.

        What predictors pass among themselves does not count, and what the program file declares stands.

        Raises:
            UnmeasuredFieldsError: naming both.
        """
        if not self.calls:
            return
        inputs, outputs = self.usual(self.inputs), self.usual(self.outputs)
        if BY_PLACE in inputs and BY_PLACE not in _names(fields.inputs):
            raise UnmeasuredFieldsError(program, "input", inputs, _names(fields.inputs))
        if {field.name for field in fields.inputs if field.required} - set(inputs) and _unknown(inputs, fields.inputs):
            raise UnmeasuredFieldsError(program, "input", inputs, _names(fields.inputs))
        known = {*declared.inner, *_names(fields.inputs)}
        if not declared.outputs_stated and set(_unknown(outputs, fields.outputs)) - known:
            raise UnmeasuredFieldsError(program, "output", outputs, _names(fields.outputs))


def completed(
    raw: Iterable["pa.Table"], declared: DeclaredFields, *, program: str
) -> tuple[ProgramFields, Iterator["pa.Table"]]:
    """The fields of the program, with what its first calls tell where `declared` leaves something open; and `raw`.

    Raises:
        UnmeasuredFieldsError: they tell nothing that could be compared.
    """
    tables = iter(raw)
    if not declared.inputs_open and not declared.outputs_open:
        return declared.known(), tables
    first: list[pa.Table] = []
    logged = LoggedFields()
    for table in tables:
        first.append(table)
        logged.add(table)
        if logged.calls >= ENOUGH_CALLS:
            break
    fields = declared.told(inputs=logged.usual(logged.inputs), outputs=logged.usual(logged.outputs))
    for side, told in (("input", fields.inputs), ("output", fields.outputs)):
        if not told and logged.calls:
            raise UnmeasuredFieldsError(program, side, (), ())
    untold = (declared.untold_output(),)
    fields = ProgramFields(inputs=fields.inputs or untold, outputs=fields.outputs or untold)
    return fields, chain(first, tables)


def _names(fields: tuple[Field, ...]) -> list[str]:
    return [field.name for field in fields]


def _unknown(usual: list[str], fields: tuple[Field, ...]) -> list[str]:
    return [name for name in usual if name not in _names(fields)]


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
