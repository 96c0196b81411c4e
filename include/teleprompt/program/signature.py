"""A program's own fields, found where its author says them: the program file, annotations, the source of `forward`.

Inputs are the parameters of `forward`, or of a module of DSPy's its signature; outputs are what it returns. What a
predictor inside takes and gives (`context`, `trajectory`, `reasoning`) is the program's own affair. What nobody says is
left open; the program's calls have to tell it.
"""

import inspect
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from teleprompt.config.fields import DeclaredField, DeclaredOutput
from teleprompt.errors import ConfigurationError
from teleprompt.program._returns import Returned, source_of
from teleprompt.program.fields import WHOLE, DeclaredFields, Field, ProgramFields
from teleprompt.program.typed_fields import TypedFields
from teleprompt.program.value_type import UnusableTypeError, ValueType, usable_type

ADDED_BY_DSPY = frozenset({"reasoning", "rationale", "trajectory"})
"""Outputs that modules of DSPy add to what their signature says."""

DEPTH = 8
"""Of modules that hand on another's answer."""


@dataclass
class _Found:
    """Annotations by name; `Any` where a name is known and its type is not."""

    inputs: dict[str, Any] = field(default_factory=dict)
    optional: set[str] = field(default_factory=set)
    outputs: dict[str, Any] = field(default_factory=dict)
    sometimes: set[str] = field(default_factory=set)
    """Outputs that not every path gives."""
    inputs_open: bool = False
    outputs_open: bool = False


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
        self._inside = _fields_inside(program)
        found = _found(program, self._inside)
        self._inputs = self._typed_inputs(found, inputs or {})
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
        )

    def _typed_inputs(self, found: _Found, declared: Mapping[str, DeclaredField]) -> dict[str, tuple[Field, ValueType]]:
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
        self, found: _Found, declared: Mapping[str, DeclaredOutput]
    ) -> dict[str, tuple[Field, ValueType]]:
        typed = {}
        for name in declared or _chosen(found.outputs):
            own = declared.get(name) or DeclaredOutput(required=name not in found.sometimes)
            try:
                type_ = ValueType(self._annotation(name, own, found.outputs.get(name, Any)))
            except UnusableTypeError as error:
                raise ConfigurationError(
                    f"Values of the output `{name}` ({error}) cannot be compared; annotate it with a type that JSON "
                    "can hold, or declare the outputs to compare under `outputs:`."
                ) from None
            field = type_.field(
                name,
                required=own.required and not _allows_none(type_.annotation),
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


@dataclass(frozen=True)
class _Inside:
    """Fields of a program's predictors by name; one that is of several types is `Any`."""

    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]

    def any_of(self, name: str) -> Any:
        """The type of an output or input of that name."""
        return self.outputs.get(name, self.inputs.get(name, Any))


def _fields_inside(program: Any) -> _Inside:
    inputs: dict[str, list[Any]] = {}
    outputs: dict[str, list[Any]] = {}
    for predictor in _all_predictors(program):
        for name, info in predictor.signature.input_fields.items():
            inputs.setdefault(name, []).append(info.annotation)
        for name, info in predictor.signature.output_fields.items():
            outputs.setdefault(name, []).append(info.annotation)
    return _Inside(
        {name: _one_of(annotations) for name, annotations in inputs.items()},
        {name: _one_of(annotations) for name, annotations in outputs.items()},
    )


def _all_predictors(program: Any) -> Iterator[Any]:
    """The frozen ones, too, which DSPy leaves out."""
    import dspy

    for _, module in program.named_sub_modules():
        if isinstance(module, dspy.Predict):
            yield module


def _one_of(annotations: list[Any]) -> Any:
    return annotations[0] if all(annotation == annotations[0] for annotation in annotations) else Any


def _chosen(outputs: Mapping[str, Any]) -> list[str]:
    """Without what DSPy adds, unless that is all."""
    return [name for name in outputs if name not in ADDED_BY_DSPY] or list(outputs)


def _found(module: Any, inside: _Inside, depth: int = 0) -> _Found:
    """What the module's class says of what it takes and gives."""
    function, owner = _forward(module)
    if owner.split(".")[0] == "dspy" or depth > DEPTH:
        return _of_library(module, inside, depth)
    found = _Found()
    source = source_of(function)
    hints = _hints(function)
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        if parameter.kind is parameter.VAR_KEYWORD:
            found.inputs_open = True
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL):
            if parameter.kind is parameter.POSITIONAL_ONLY:
                raise ConfigurationError(
                    f"`{type(module).__name__}.forward` takes `{parameter.name}` by its place only; name its "
                    "parameters without `/`."
                )
        else:
            handed_on = (parameter.name, *source.passed_as.get(parameter.name, ()))
            guesses = [inside.inputs[name] for name in handed_on if name in inside.inputs]
            found.inputs[parameter.name] = hints.get(parameter.name, guesses[0] if guesses else Any)
            if parameter.default is not parameter.empty:
                found.optional.add(parameter.name)
    if found.inputs_open and not found.inputs and source.returns and len(source.returns) == 1:
        inner = _module_below(module, source.returns[0].module)
        if inner is not None:  # `return self.ask(**kwargs)`
            handed = _found(inner, inside, depth + 1)
            found.inputs, found.optional, found.inputs_open = handed.inputs, handed.optional, handed.inputs_open
    _add_outputs(found, module, hints.get("return", Any), source.returns, inside, depth)
    return found


def _add_outputs(
    found: _Found,
    module: Any,
    annotation: Any,
    returns: Iterable[Returned] | None,
    inside: _Inside,
    depth: int,
) -> None:
    annotated = _fields_of_annotation(annotation)
    if annotated is not None:
        found.outputs = annotated
        return
    if returns is None:
        found.outputs_open = True
        return
    ways: list[dict[str, Any]] = []
    for end in returns:
        if end.whole is not None:
            if end.whole not in inside.outputs:
                found.outputs_open = True
                return
            ways.append({WHOLE: inside.outputs[end.whole]})
            continue
        if end.module is None:
            ways.append({name: inside.any_of(taken or name) for name, taken in end.names.items()})
            continue
        inner = _module_below(module, end.module)
        below = None if inner is None else _found(inner, inside, depth + 1)
        if below is None or below.outputs_open:
            found.outputs_open = True
            return
        ways.append({name: below.outputs[name] for name in _chosen(below.outputs)})
    names = dict.fromkeys(name for way in ways for name in way if name not in found.inputs or len(way) == 1)
    passed_in = inside.inputs.keys() - inside.outputs.keys()
    kept = [name for name in names if name not in passed_in] or list(names)
    found.outputs = {name: next(way[name] for way in ways if name in way) for name in kept}
    found.sometimes = {name for name in kept if not all(name in way for way in ways)}


def _of_library(module: Any, inside: _Inside, depth: int) -> _Found:
    """What a module of DSPy's takes and gives: its signature, or that of the module it calls."""
    wrapped = getattr(module, "module", None)
    if wrapped is not None and hasattr(wrapped, "named_predictors") and depth <= DEPTH:  # BestOfN, Refine
        return _found(wrapped, inside, depth + 1)
    signature = _signature_of(module)
    if signature is None:
        return _Found(inputs_open=True, outputs_open=True)
    found = _Found()
    for name, info in signature.input_fields.items():
        if name.startswith("reasoning_attempt_"):  # made of the completions that MultiChainComparison compares
            continue
        found.inputs[name] = info.annotation
        if not info.is_required() or _allows_none(info.annotation):
            found.optional.add(name)
    if type(module).__name__ == "MultiChainComparison":
        found.inputs["completions"] = list[dict[str, Any]]
    found.outputs = {name: info.annotation for name, info in signature.output_fields.items()}
    return found


def _signature_of(module: Any) -> Any:
    """The signature that the module was made with, as far as it keeps it."""
    own = getattr(module, "signature", None)
    if hasattr(own, "input_fields"):
        return own
    inner = getattr(module, "predict", None)
    return None if inner is None else _signature_of(inner)


def _forward(module: Any) -> tuple[Any, str]:
    """The method that answers a call, and the Python module of the class that defines it."""
    for name in ("forward", "aforward"):
        for kind in type(module).__mro__:
            if name in vars(kind):
                return getattr(kind, name), kind.__module__
    return type(module).__call__, "dspy"


def _hints(function: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception:  # noqa: BLE001 - names that exist for a type checker only
        return {n: a for n, a in getattr(function, "__annotations__", {}).items() if not isinstance(a, str)}


def _fields_of_annotation(annotation: Any) -> dict[str, Any] | None:
    """What `forward` says that it returns; None where that is no more than a prediction or a mapping."""
    import dspy

    origin = typing.get_origin(annotation) or annotation
    if annotation in (Any, object, None, type(None)) or origin in (dict, Mapping):
        return None
    if isinstance(origin, type) and issubclass(origin, (dspy.Example, dict)) and not typing.is_typeddict(origin):
        return None
    fields = getattr(origin, "model_fields", None)
    if isinstance(fields, dict):
        return {name: info.annotation for name, info in fields.items()}
    if typing.is_typeddict(origin) or hasattr(origin, "__dataclass_fields__"):
        return dict(_hints(origin))
    return {WHOLE: annotation} if not _may_be_prediction(annotation) else None


def _may_be_prediction(annotation: Any) -> bool:
    """Whether it is a union or a variable, of which a prediction may be one."""
    import dspy

    arms = typing.get_args(annotation)
    return isinstance(annotation, typing.TypeVar) or any(
        isinstance(arm, type) and issubclass(arm, (dspy.Example, dict)) for arm in arms
    )


def _module_below(module: Any, path: str | None) -> Any:
    """The module that `path` names below another; None if there is none."""
    import dspy
    from dspy.utils import magicattr

    if path is None:
        return None
    try:
        found = magicattr.get(module, path)
    except Exception:  # noqa: BLE001 - an index or name that only a call knows
        return None
    return found if isinstance(found, dspy.Module) else None


def _allows_none(annotation: Any) -> bool:
    from dspy.adapters.utils import annotation_allows_none

    return bool(annotation_allows_none(annotation))


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
        for predictor in _all_predictors(program)
        if predictor.signature.__module__ in sys.modules
    ]
    names: dict[str, Any] = {}
    for space in (vars(builtins), vars(typing), vars(enum), vars(decimal), vars(datetime), {"dspy": dspy}):
        names.update(space)
    for space in (*signatures, *own):
        names.update(space)
    return names
