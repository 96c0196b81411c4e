"""What a program's class says of its fields: the parameters of `forward`, and what it returns."""

import inspect
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from teleprompt.errors import ConfigurationError
from teleprompt.program._returns import Returned, source_of
from teleprompt.program.fields import WHOLE

ADDED_BY_DSPY = frozenset({"reasoning", "rationale", "trajectory"})
"""Outputs that modules of DSPy add to what their signature says."""

DEPTH = 8
"""Of modules that hand on another's answer."""


@dataclass
class FoundFields:
    """Annotations by name; `Any` where a name is known and its type is not."""

    inputs: dict[str, Any] = field(default_factory=dict)
    optional: set[str] = field(default_factory=set)
    outputs: dict[str, Any] = field(default_factory=dict)
    guessed: set[str] = field(default_factory=set)
    """Inputs without an annotation, whose type is that of the predictor's field that they become."""
    sometimes: set[str] = field(default_factory=set)
    """Outputs that not every path gives."""
    inputs_open: bool = False
    outputs_open: bool = False


@dataclass(frozen=True)
class InnerFields:
    """Fields of a program's predictors by name; one that is of several types is `Any`."""

    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]

    def any_of(self, name: str) -> Any:
        """The type of an output or input of that name."""
        return self.outputs.get(name, self.inputs.get(name, Any))


def fields_inside(program: Any) -> InnerFields:
    """The fields of all its predictors."""
    inputs: dict[str, list[Any]] = {}
    outputs: dict[str, list[Any]] = {}
    for predictor in all_predictors(program):
        for name, info in predictor.signature.input_fields.items():
            inputs.setdefault(name, []).append(info.annotation)
        for name, info in predictor.signature.output_fields.items():
            outputs.setdefault(name, []).append(info.annotation)
    return InnerFields(
        {name: _one_of(annotations) for name, annotations in inputs.items()},
        {name: _one_of(annotations) for name, annotations in outputs.items()},
    )


def all_predictors(program: Any) -> Iterator[Any]:
    """The frozen ones, too, which DSPy leaves out."""
    import dspy

    for _, module in program.named_sub_modules():
        if isinstance(module, dspy.Predict):
            yield module


def _one_of(annotations: list[Any]) -> Any:
    return annotations[0] if all(annotation == annotations[0] for annotation in annotations) else Any


def without_added(outputs: Mapping[str, Any]) -> list[str]:
    """Without what DSPy adds, unless that is all."""
    return [name for name in outputs if name not in ADDED_BY_DSPY] or list(outputs)


def found_in(module: Any, inside: InnerFields, depth: int = 0) -> FoundFields:
    """What the module's class says of what it takes and gives."""
    _check_call(module)
    function, owner = _forward(module)
    if owner.split(".")[0] == "dspy" or depth > DEPTH:
        return _of_library(module, inside, depth)
    found = FoundFields()
    source = source_of(function)
    hints = _hints(function)
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        if parameter.kind is parameter.VAR_KEYWORD:
            found.inputs_open = True
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL):
            raise ConfigurationError(
                f"`{type(module).__name__}.forward` takes `{parameter.name}` by its place only; give its parameters "
                "names, without `/` and `*`."
            )
        else:
            handed_on = (parameter.name, *source.passed_as.get(parameter.name, ()))
            guesses = [inside.inputs[name] for name in handed_on if name in inside.inputs]
            found.inputs[parameter.name] = hints.get(parameter.name, guesses[0] if guesses else Any)
            if parameter.name not in hints:
                found.guessed.add(parameter.name)
            if parameter.default is not parameter.empty:
                found.optional.add(parameter.name)
    if found.inputs_open and not found.inputs:
        inner = _module_below(module, source.kwargs_to)
        if inner is not None:
            handed = found_in(inner, inside, depth + 1)
            found.inputs, found.optional, found.guessed = handed.inputs, handed.optional, handed.guessed
            found.inputs_open = handed.inputs_open
    _add_outputs(found, module, hints.get("return", Any), source.returns, inside, depth)
    return found


def _add_outputs(
    found: FoundFields,
    module: Any,
    annotation: Any,
    returns: Iterable[Returned] | None,
    inside: InnerFields,
    depth: int,
) -> None:
    annotated = _fields_of_annotation(_without_none(annotation))
    if annotated is not None:
        found.outputs = annotated
        found.sometimes = set(annotated) - getattr(annotation, "__required_keys__", annotated.keys())
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
            ways.append({name: inside.any_of(taken) if taken else Any for name, taken in end.names.items()})
            continue
        inner = _module_below(module, end.module)
        below = None if inner is None else found_in(inner, inside, depth + 1)
        if below is None or below.outputs_open:
            found.outputs_open = True
            return
        ways.append({name: below.outputs[name] for name in without_added(below.outputs)})
    names = dict.fromkeys(name for way in ways for name in way if name not in found.inputs or len(way) == 1)
    passed_in = inside.inputs.keys() - inside.outputs.keys()
    kept = [name for name in names if name not in passed_in] or list(names)
    found.outputs = {name: next(way[name] for way in ways if name in way) for name in kept}
    found.sometimes = {name for name in kept if not all(name in way for way in ways)}


def _of_library(module: Any, inside: InnerFields, depth: int) -> FoundFields:
    """What a module of DSPy's takes and gives: its signature, or that of the module it calls."""
    wrapped = getattr(module, "module", None)
    if wrapped is not None and hasattr(wrapped, "named_predictors") and depth <= DEPTH:  # BestOfN, Refine
        return found_in(wrapped, inside, depth + 1)
    signature = _signature_of(module)
    if signature is None:
        return FoundFields(inputs_open=True, outputs_open=True)
    found = FoundFields()
    for name, info in signature.input_fields.items():
        if name.startswith("reasoning_attempt_"):  # made of the completions that MultiChainComparison compares
            continue
        found.inputs[name] = info.annotation
        if not info.is_required() or allows_none(info.annotation):
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


def _check_call(module: Any) -> None:
    """A `__call__` of the program's own is passed by where MLflow logs and optimizers call `forward`."""
    for kind in type(module).__mro__:
        if "__call__" in vars(kind):
            if kind.__module__.split(".")[0] != "dspy":
                raise ConfigurationError(
                    f"`{kind.__name__}` has a `__call__` of its own, which calls and optimizers pass by; put what it "
                    "does into `forward`."
                )
            return


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


def _without_none(annotation: Any) -> Any:
    """`Answer` of `Answer | None`: a call without an answer is none that turned out well."""
    arms = [arm for arm in typing.get_args(annotation) if arm is not type(None)]
    is_optional = typing.get_origin(annotation) in (typing.Union, types.UnionType) and len(arms) == 1
    return arms[0] if is_optional and isinstance(arms[0], type) and hasattr(arms[0], "model_fields") else annotation


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


def allows_none(annotation: Any) -> bool:
    """Whether `None` is a value of the type."""
    from dspy.adapters.utils import annotation_allows_none

    return bool(annotation_allows_none(annotation))
