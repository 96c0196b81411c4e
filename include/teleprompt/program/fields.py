"""The fields of a program: what a call of it must hold, and how a value of each stands in a trace row."""

import json
from collections.abc import Iterable
from typing import Any, Self

from pydantic import SerializerFunctionWrapHandler, model_serializer

from teleprompt.encoding.canonical_json import normalised_text
from teleprompt.records import Record

Json = Any
"""A tree of dicts, lists, strings, numbers, booleans and None."""

ORDERED = "x-ordered"
"""Keyword in the JSON Schema of a tuple."""

WHOLE = "output"
"""Name of the output of a program that returns a value and not fields."""


class Field(Record):
    """One input or output of a program."""

    name: str
    is_text: bool
    """Whether all its values are texts, which stand in a trace row as they are; any other value stands as JSON."""
    is_categorical: bool = False
    """Of snapshots of version 0.1: whether answers are compared as a whole. Later ones have a schema."""
    type: str = ""
    """Its annotation, for people: `list[str]`; `Any` where nobody says."""
    json_schema: dict[str, Any] | None = None
    """JSON Schema (2020-12) of its values; None in snapshots of version 0.1."""
    required: bool = True
    """False where the program can do without it: a default, or an output that not every path gives."""
    tolerance: float = 0.0
    """Difference up to which numbers count as equal."""
    ordered: bool = False
    """Whether the order of a list's items counts."""

    @model_serializer(mode="wrap")
    def _as_before(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what says nothing: a snapshot's digest must not change because a later version knows more keys."""
        later = {"type": "", "json_schema": None, "required": True, "tolerance": 0.0, "ordered": False}
        return {key: value for key, value in serialize(self).items() if key not in later or value != later[key]}

    def comparable(self, value: Json) -> str:
        """A text that is the same for values that ask the same: case, white space and `2` or `2.0` do not count."""
        return normalised_text(value if isinstance(value, str) else json_text(_whole(value)))

    def from_row(self, text: str) -> Json:
        """The value that the text of a trace row stands for."""
        return text if self.is_text or self.json_schema is None else json.loads(text)


class ProgramFields(Record):
    """What a program takes from outside and what it finally gives."""

    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]


class DeclaredFields(Record):
    """What a program's file and code say of its fields; what they leave open, its calls have to tell."""

    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]
    inputs_open: bool = False
    """Whether it takes inputs that nobody names (`**kwargs`)."""
    outputs_open: bool = False
    """Whether it gives outputs that nobody names."""
    outputs_stated: bool = False
    """Whether the program file states which outputs are compared; then others do not count."""
    others: tuple[Field, ...] = ()
    """What is known of the types of fields that only calls tell."""
    inner: tuple[str, ...] = ()
    """Names that its predictors pass among themselves, and that are no output even where a call holds them."""

    @classmethod
    def exactly(cls, fields: ProgramFields) -> Self:
        """These fields, with nothing left open."""
        return cls(inputs=fields.inputs, outputs=fields.outputs)

    def known(self) -> ProgramFields:
        """The fields that nobody has to be asked for."""
        return ProgramFields(inputs=self.inputs, outputs=self.outputs)

    def told(self, *, inputs: Iterable[str], outputs: Iterable[str]) -> ProgramFields:
        """The fields, completed by the names that calls hold."""
        own = {field.name for field in self.inputs}
        more = [name for name in inputs if self.inputs_open and name not in own]
        given = [name for name in outputs if self.outputs_open and name not in {f.name for f in self.outputs}]
        chosen = [name for name in given if name not in {*self.inner, *own, *more}]
        if not chosen and not self.outputs:
            chosen = given  # whose only output is called `reasoning` gives that
        optional = bool(self.inputs)
        return ProgramFields(
            inputs=(*self.inputs, *(self._typed(name, required=not optional) for name in more)),
            outputs=(*self.outputs, *(self._typed(name, required=True) for name in chosen)),
        )

    def untold_output(self) -> Field:
        """What stands for the outputs of a window without a call that tells them."""
        return self._typed(WHOLE, required=True)

    def _typed(self, name: str, *, required: bool) -> Field:
        known = {field.name: field for field in self.others}
        field = known.get(name) or Field(name=name, is_text=False, type="Any", json_schema={})
        return field.model_copy(update={"required": required})


def _whole(value: Json) -> Json:
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def json_text(value: Json) -> str:
    """JSON of `value` that is the same for equal values and loses none: integers of any size, 2.0 apart from 2.

    Raises:
        ValueError: NaN or an infinity, which JSON has not.
    """
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
