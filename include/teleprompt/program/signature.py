"""A program's own fields, found where its author says them: the program file, annotations, the source of `forward`.

Inputs are the parameters of `forward`, or of a module of DSPy's its signature; outputs are what it returns. What a
predictor inside takes and gives (`context`, `trajectory`, `reasoning`) is the program's own affair. What nobody says is
left open; the program's calls have to tell it.
"""

import typing
from collections.abc import Iterator, Mapping
from typing import Any

from teleprompt.config.fields import DeclaredField, DeclaredOutput
from teleprompt.errors import ConfigurationError
from teleprompt.program._found_fields import (
    ADDED_BY_DSPY,
    FoundFields,
    all_predictors,
    allows_none,
    fields_inside,
    found_in,
    without_added,
)
from teleprompt.program.fields import DeclaredFields, Field, ProgramFields
from teleprompt.program.typed_fields import TypedFields
from teleprompt.program.value_type import UnusableTypeError, ValueType, usable_type


class ProgramSignature:
    """The fields of a `dspy.Module` with their types."""

    def __init__(
        self,
        program: Any,
        *,
        inputs: Mapping[str, DeclaredField] | None = None,
        outputs: Mapping[str, DeclaredOutput] | None = None,
        tolerance: float = 0.0,
    ) -> None:
        """`inputs` and `outputs` are what the program file declares; `tolerance` counts where an output names none.

        Raises:
            ConfigurationError: a field's type is none, or its values cannot be rebuilt from a trace.
        """
        self._tolerance = tolerance
        self._names = _namespace(program)
        self._inside = fields_inside(program)
        found = found_in(program, self._inside)
        self._guessed = frozenset(found.guessed - (inputs or {}).keys())
        self._inputs = self._typed_inputs(found, inputs or {})
        if not self._inputs and not found.inputs_open:
            raise ConfigurationError(
                f"`{type(program).__name__}` takes no input that a trace could hold, so there is nothing to learn "
                "from; give `forward` parameters."
            )
        self._outputs = self._typed_outputs(found, outputs or {})
        for name in self._inputs.keys() & self._outputs.keys():
            raise ConfigurationError(
                f"An input and an output are both called `{name}`, so an example could not tell them apart; rename "
                "one, or declare the outputs to compare under `outputs:`."
            )
        self.declared = DeclaredFields(
            inputs=tuple(known for known, _ in self._inputs.values()),
            outputs=tuple(known for known, _ in self._outputs.values()),
            inputs_open=found.inputs_open and not inputs,
            outputs_open=found.outputs_open and not outputs,
            outputs_stated=bool(outputs),
            others=tuple(self._others()),
            inner=tuple(sorted(ADDED_BY_DSPY | (self._inside.inputs.keys() - self._inside.outputs.keys()))),
        )

    def typed(self, fields: ProgramFields) -> TypedFields:
        """These fields, which the program's calls may have completed, with their types."""

        def type_of(name: str, known: Mapping[str, tuple[Field, ValueType]]) -> ValueType:
            return known[name][1] if name in known else usable_type(self._inside.any_of(name))

        return TypedFields(
            fields,
            inputs={field.name: type_of(field.name, self._inputs) for field in fields.inputs},
            outputs={field.name: type_of(field.name, self._outputs) for field in fields.outputs},
            guessed=self._guessed,
        )

    def _typed_inputs(
        self, found: FoundFields, declared: Mapping[str, DeclaredField]
    ) -> dict[str, tuple[Field, ValueType]]:
        typed = {}
        for name in declared or found.inputs:
            own = declared.get(name)
            required = own.required if own else name not in found.optional
            try:
                type_ = ValueType(self._annotation(name, own, found.inputs.get(name, Any)))
            except UnusableTypeError as error:
                if not required:
                    continue  # the program's own default will do
                raise ConfigurationError(
                    f"The input `{name}` is a live object ({error}), which no trace can hold; make it in the program's "
                    f"`__init__`, or give it a default, so that calls are made without it."
                ) from None
            typed[name] = type_.field(name, required=required), type_
        return typed

    def _typed_outputs(
        self, found: FoundFields, declared: Mapping[str, DeclaredOutput]
    ) -> dict[str, tuple[Field, ValueType]]:
        typed = {}
        for name in declared or without_added(found.outputs):
            own = declared.get(name) or DeclaredOutput(required=name not in found.sometimes)
            try:
                type_ = ValueType(self._annotation(name, declared.get(name), found.outputs.get(name, Any)))
            except UnusableTypeError as error:
                raise ConfigurationError(
                    f"Values of the output `{name}` ({error}) cannot be compared; annotate it with a type that JSON "
                    "can hold, or declare the outputs to compare under `outputs:`."
                ) from None
            field = type_.field(
                name,
                required=own.required and not allows_none(type_.annotation),
                tolerance=own.tolerance or self._tolerance,
                ordered=own.ordered,
            )
            typed[name] = field, type_
        return typed

    def _others(self) -> Iterator[Field]:
        for name, annotation in {**self._inside.inputs, **self._inside.outputs}.items():
            yield usable_type(annotation).field(name, tolerance=self._tolerance)

    def _annotation(self, name: str, own: DeclaredField | None, found: Any) -> Any:
        """The type that the program file states, read where the program's code would read it; else the one found."""
        if own is None or own.type is None:
            return self._inside.any_of(name) if own is not None and found is Any else found
        stated = type("Stated", (), {"__annotations__": {name: own.type}})
        try:
            return typing.get_type_hints(stated, globalns=self._names, include_extras=True)[name]
        except Exception as error:  # noqa: BLE001 - it is the user's text that is read
            raise ConfigurationError(
                f"{own.type!r} is no type that the program's file knows ({type(error).__name__}: {error}); correct the "
                f"type of `{name}`."
            ) from None


def _namespace(program: Any) -> dict[str, Any]:
    """The names that a type in the program file may use: Python's, DSPy's, and those of the program's own file."""
    import builtins
    import datetime
    import decimal
    import enum
    import sys

    import dspy

    own = [
        vars(sys.modules[kind.__module__])
        for kind in (type(program), *(type(module) for _, module in program.named_sub_modules()))
        if kind.__module__ in sys.modules and not kind.__module__.startswith("dspy")
    ]
    signatures = [
        vars(sys.modules[predictor.signature.__module__])
        for predictor in all_predictors(program)
        if predictor.signature.__module__ in sys.modules
    ]
    names: dict[str, Any] = {}
    for space in (vars(builtins), vars(typing), vars(enum), vars(decimal), vars(datetime), {"dspy": dspy}):
        names.update(space)
    for space in (*signatures, *own):
        names.update(space)
    return names
