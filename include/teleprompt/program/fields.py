"""The fields of a program's DSPy signature: what a trace of it must hold."""

import enum
import json
import typing
from typing import Any

from teleprompt.records import Record


class Field(Record):
    """One input or output of a program."""

    name: str
    is_text: bool
    """Annotated `str`; any other value travels as canonical JSON text."""
    is_categorical: bool
    """Annotated with a Literal, an enum or bool: answers are compared as a whole."""


class ProgramFields(Record):
    """What a program takes from outside and what it finally gives."""

    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]


def program_fields(program: Any) -> ProgramFields:
    """The fields of a `dspy.Module`.

    Inputs are those that no earlier predictor makes; outputs are those of the last predictor, without the
    reasoning that DSPy adds.
    """
    made: set[str] = set()
    inputs: dict[str, Field] = {}
    for _, predictor in program.named_predictors():
        for name, info in predictor.signature.input_fields.items():
            if name not in made and name not in inputs:
                inputs[name] = _field(name, info.annotation)
        made |= set(predictor.signature.output_fields)
    last = program.predictors()[-1].signature.output_fields
    outputs = tuple(_field(name, info.annotation) for name, info in last.items() if name != "reasoning")
    return ProgramFields(inputs=tuple(inputs.values()), outputs=outputs)


def field_value(field: Field, text: str) -> Any:
    """The value that `text`, as kept in a trace row, stands for."""
    if field.is_text or field.is_categorical:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _field(name: str, annotation: Any) -> Field:
    is_enum = isinstance(annotation, type) and issubclass(annotation, enum.Enum)
    categorical = typing.get_origin(annotation) is typing.Literal or annotation is bool or is_enum
    return Field(name=name, is_text=annotation is str, is_categorical=categorical)
