"""Fields with their types: trace rows as a program's values, and a program's values as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from teleprompt.program.fields import WHOLE, Field, Json, ProgramFields
from teleprompt.program.value_type import UnreadableValueError, ValueType


@dataclass(frozen=True)
class TypedFields:
    """A program's fields, each with its type."""

    fields: ProgramFields
    inputs: Mapping[str, ValueType]
    outputs: Mapping[str, ValueType]
    guessed: frozenset[str] = frozenset()
    """Inputs of which nobody said the type: a value that is none of it is one all the same."""

    def read_inputs(self, row: Mapping[str, str | None]) -> dict[str, Any]:
        """The arguments that a row stands for; one that the call did not give is left to the program's default.

        A value that is none of its type is given as it was logged.
        """
        return {
            field.name: _value(field, self.inputs[field.name], text)
            for field in self.fields.inputs
            if (text := row.get(field.name)) is not None
        }

    def read_outputs(self, row: Mapping[str, str | None]) -> dict[str, Any]:
        """The answer that a row stands for; None for an output that it lacks."""
        return {
            field.name: None if (text := row.get(field.name)) is None else _value(field, self.outputs[field.name], text)
            for field in self.fields.outputs
        }

    def unreadable(self, inputs: Mapping[str, str | None], outputs: Mapping[str, str | None]) -> str | None:
        """The first field of a row whose value is none of its type, or becomes another each time that it is read."""
        for field in self.fields.inputs:
            if field.name not in self.guessed and not _is_stable(field, self.inputs[field.name], inputs):
                return field.name
        for field in self.fields.outputs:
            if not _is_stable(field, self.outputs[field.name], outputs):
                return field.name
        return None

    def written(self, name: str, value: Any) -> Json:
        """A value of the output `name`, as a program gave it, as JSON."""
        return self.outputs[name].write(value)


def given(answer: Any, name: str) -> Any:
    """The output `name` of what a program returned; None where it has none.

    A prediction, a mapping, a model or a data class has fields; of anything else the value is the one output.
    """
    import dspy

    if isinstance(answer, (dspy.Example, Mapping)):  # predictions are examples
        return answer.get(name)
    if any(hasattr(type(answer), mark) for mark in ("model_fields", "__dataclass_fields__")):
        return getattr(answer, name, None)
    return answer if name == WHOLE else None


def _is_stable(field: Field, type_: ValueType, row: Mapping[str, str | None]) -> bool:
    text = row.get(field.name)
    if text is None:
        return True
    try:
        once = type_.write(type_.read(field.from_row(text)))
        return field.is_text or bool(type_.write(type_.read(once)) == once)
    except (UnreadableValueError, ValueError):
        return False


def _value(field: Field, type_: ValueType, text: str) -> Any:
    logged = field.from_row(text)
    try:
        return type_.read(logged)
    except UnreadableValueError:
        return logged
