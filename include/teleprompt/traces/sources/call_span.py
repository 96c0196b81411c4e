"""Which span of a trace is the program's call.

The first of these that there is:

1. the span that `traces.span` names;
2. the topmost span that holds the program's inputs and outputs by name, of several on one level the earliest;
3. the topmost span that holds a text or a chat which can be the program's only input, and its only output;
4. the topmost span that holds inputs and outputs at all;
5. the topmost span.

Topmost is a span without a parent, then one whose parent lies in another trace: another service began the call.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from teleprompt.program.fields import WHOLE
from teleprompt.traces.sources._chats import answered, asked
from teleprompt.traces.sources._json import loads

INPUTS = ("input.value", "gen_ai.input.messages", "gen_ai.prompt")
OUTPUTS = ("output.value", "gen_ai.output.messages", "gen_ai.completion")
"""Attributes of OpenInference and of OpenTelemetry's GenAI conventions."""

PLACES = "args"
"""What MLflow calls the arguments that were given without a name."""


@dataclass(frozen=True)
class CallShape:
    """What tells a program's call among the spans of a trace."""

    span: str | None = None
    """Name of the span, where the program file gives it."""
    inputs: tuple[str, ...] = ()
    """All inputs in the order of the program's arguments; empty where they are not known."""
    required: frozenset[str] = frozenset()
    """Of these, what each call holds."""
    outputs: frozenset[str] = frozenset()
    """What each answer holds."""

    @property
    def identity(self) -> list[Any]:
        """What tells it from others."""
        return [self.span, list(self.inputs), sorted(self.required), sorted(self.outputs)]


@dataclass(frozen=True)
class Span:
    """A span as MLflow keeps it."""

    span_id: str
    parent_id: str | None
    name: str
    started_ns: int
    attributes: Mapping[str, Any] = field(repr=False)
    """Values are JSON texts, as MLflow writes them, or of any kind."""

    @cached_property
    def inputs(self) -> Any:
        """What went in.

        Raises:
            ValueError: it cannot be read.
        """
        return _value(self.attributes, "mlflow.spanInputs", INPUTS)

    @cached_property
    def outputs(self) -> Any:
        """What came out.

        Raises:
            ValueError: it cannot be read.
        """
        return _value(self.attributes, "mlflow.spanOutputs", OUTPUTS)


def call_span(spans: Sequence[Span], shape: CallShape) -> Span | None:
    """The span that is the call; None of no spans."""
    ordered = list(_topmost_first(spans))
    if shape.span is not None:
        return next((span for span in ordered if span.name == shape.span), None)
    for fits in (names_the_fields, holds_the_fields, _holds_something):
        for span in ordered:
            if fits(span, shape):
                return span
    return ordered[0] if ordered else None


def is_the_call(root: Span, shape: CallShape) -> bool:
    """Whether a span without a parent is the call, whatever lies below it."""
    if shape.span is not None:
        return root.name == shape.span
    return names_the_fields(root, shape)


def named_inputs(inputs: Any, shape: CallShape) -> Any:
    """Inputs by name; those that were given by place get the names of the program's arguments.

    A text, and what was asked in a chat, is the program's only input, unless it holds one by name.
    """
    named = isinstance(inputs, Mapping) and any(name in inputs for name in shape.inputs)
    if len(shape.required) == 1 and not named:
        whole = inputs if isinstance(inputs, str) else asked(inputs)
        if whole is not None:
            return {next(iter(shape.required)): whole}
    return _placed(inputs, shape) if isinstance(inputs, Mapping) else inputs


def _placed(inputs: Mapping[str, Any], shape: CallShape) -> Mapping[str, Any]:
    if PLACES in shape.inputs or not isinstance(inputs.get(PLACES), (list, tuple)):
        return inputs
    placed = dict(zip(shape.inputs, inputs[PLACES], strict=False))
    others = {name: value for name, value in inputs.items() if name != PLACES}
    if "kwargs" not in shape.inputs and isinstance(named := others.pop("kwargs", {}), Mapping):
        others |= named
    return {**placed, **others} if placed else inputs


def named_outputs(outputs: Any, shape: CallShape) -> Any:
    """Outputs by name; a value without one, and what a chat answered, is the program's only output."""
    named = isinstance(outputs, Mapping) and any(name in outputs for name in shape.outputs)
    if outputs is None or named or len(shape.outputs) != 1:
        return outputs
    said = answered(outputs)
    if said is None and isinstance(outputs, Mapping):
        return outputs
    return {next(iter(shape.outputs)): outputs if said is None else said}


def holds_the_fields(span: Span, shape: CallShape) -> bool:
    """Whether a span holds all that a call of the program holds."""
    if not _holds_something(span, shape):
        return False
    if names_the_fields(span, shape):
        return True
    inputs, outputs = named_inputs(span.inputs, shape), named_outputs(span.outputs, shape)
    asked = isinstance(inputs, Mapping) and shape.required <= inputs.keys()
    given = outputs.keys() if isinstance(outputs, Mapping) else {WHOLE}
    return asked and shape.outputs <= given


def names_the_fields(span: Span, shape: CallShape) -> bool:
    """Whether a span's inputs and outputs are called as the program's are."""
    if not _holds_something(span, shape) or not isinstance(span.inputs, Mapping):
        return False
    given = span.outputs.keys() if isinstance(span.outputs, Mapping) else {WHOLE}
    return shape.required <= _placed(span.inputs, shape).keys() and shape.outputs <= given


def _holds_something(span: Span, shape: CallShape) -> bool:
    try:
        inputs, outputs = named_inputs(span.inputs, shape), span.outputs
    except (ValueError, RecursionError):
        return False
    can_be_empty = isinstance(inputs, Mapping) and bool(shape.inputs) and not shape.required
    return outputs is not None and (bool(inputs) or can_be_empty)


def _topmost_first(spans: Sequence[Span]) -> Iterator[Span]:
    """Level by level, on each the earliest first."""
    below: dict[str | None, list[Span]] = {}
    ids = {span.span_id for span in spans}
    for span in sorted(spans, key=lambda span: (span.parent_id is not None, span.started_ns, span.span_id)):
        below.setdefault(span.parent_id if span.parent_id in ids else None, []).append(span)
    level = below.get(None, [])
    while level:
        yield from level
        level = [child for span in level for child in below.pop(span.span_id, [])]


def _value(attributes: Mapping[str, Any], name: str, others: Sequence[str]) -> Any:
    """MLflow's own attribute, as JSON; else one of the OpenInference convention, which may be any text."""
    if name in attributes:
        value = attributes[name]
        return loads(value) if isinstance(value, str) else value
    for value in (attributes[other] for other in others if attributes.get(other) is not None):
        for _ in range(2):  # MLflow writes a text that is JSON as JSON once more
            try:
                value = loads(value) if isinstance(value, str) else value
            except ValueError:
                break
        return value
    return None
