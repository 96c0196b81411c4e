"""A program's state as canonical JSON: instructions and demonstrations, never keys, LMs or lineage."""

import copy
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from teleprompt.encoding.canonical_json import EXACT, canonical_json
from teleprompt.errors import TelepromptError
from teleprompt.program.fields import Json
from teleprompt.program.value_type import UnreadableValueError, usable_type
from teleprompt.strategies.composition import ENSEMBLE, NEAREST, other_members, with_state


def dump_state(program: Any) -> bytes:
    """The state of a `dspy.Module` as canonical JSON.

    Demonstrations keep the fields of their predictor's signature only (DSPy would keep every field of the trace, the
    contributor among them), in a form that those fields can be read from; the language model is left out: it is
    supplied at run time.
    """
    state = json.loads(json.dumps(_without_models(program), default=str))
    for name, predictor in program.named_predictors():
        own = state.get(name, state)  # a bare Predict is its own whole state
        own["lm"] = None
        own["demos"] = [write_demo(demo, predictor) for demo in predictor.demos]
        own["traces"], own["train"] = [], []
        if getattr(predictor, NEAREST, None):
            own[NEAREST] = getattr(predictor, NEAREST)
    state.pop("metadata", None)
    others, fields = other_members(program)
    if others:
        state[ENSEMBLE] = {"members": [json.loads(dump_state(other)) for other in others], "fields": list(fields)}
    return canonical_json(state)


def load_state(program: Any, state: bytes) -> Any:
    """A fresh copy of `program` with that state; `program` is left as it was.

    Raises:
        TelepromptError: the state belongs to a program of another shape.
    """
    try:
        fresh = with_state(program.deepcopy(), json.loads(state))
    except (KeyError, ValueError, TypeError) as error:
        raise TelepromptError(
            f"A stored state does not fit {type(program).__name__} ({error}); "
            "raise `baseline_version` when the program's predictors change."
        ) from error
    for member in (fresh, *other_members(fresh)[0]):
        for predictor, as_built in zip(member.predictors(), program.predictors(), strict=True):
            predictor.lm = as_built.lm
            predictor.demos = [read_demo(demo, predictor) for demo in predictor.demos]
    return fresh


def first_member(state: bytes) -> bytes:
    """The state of an ensemble's first member, which optimizers can go on from; of any other program its own."""
    return canonical_json({name: part for name, part in json.loads(state).items() if name != ENSEMBLE})


def showing_all(state: bytes) -> bytes:
    """A state whose predictors show all their demonstrations at each call."""
    parts = json.loads(state)
    for own in (parts, *parts.values()):
        if _is_predictor(own):
            own.pop(NEAREST, None)
    return canonical_json(parts)


def predictor_states(state: bytes) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The predictors of a state JSON with their names, those of all of an ensemble's members; a bare one is `self`."""
    found: dict[str, Any] = json.loads(state)
    yield from _own_predictors(found)
    for number, member in enumerate(found.get(ENSEMBLE, {"members": ()})["members"], start=2):
        yield from ((f"member {number}: {name}", part) for name, part in _own_predictors(member))


def _own_predictors(state: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    own = {"self": state} if _is_predictor(state) else state
    yield from ((name, part) for name, part in own.items() if _is_predictor(part))


def _is_predictor(part: Any) -> bool:
    return isinstance(part, dict) and isinstance(part.get("demos"), list)


def _without_models(program: Any) -> dict[str, Any]:
    """The state as DSPy writes it, but for language models: one with an engine of its own refuses to be written."""
    from dspy import Predict

    def bare(parameter: Any) -> dict[str, Any]:
        if isinstance(parameter, Predict) and parameter.lm is not None:
            parameter = copy.copy(parameter)
            parameter.lm = None
        return parameter.dump_state()  # type: ignore[no-any-return]

    if isinstance(program, Predict):
        return bare(program)
    return {name: bare(parameter) for name, parameter in program.named_parameters()}


def write_demo(demo: Any, predictor: Any) -> dict[str, Json]:
    """A demonstration as JSON, by the types of the predictor's fields."""
    kept = {}
    for name, value in demo.items():
        if name in predictor.signature.fields:
            kept[name] = _portable(usable_type(predictor.signature.fields[name].annotation).write(value))
        elif name == "augmented":
            kept[name] = value
    return kept


def read_demo(demo: dict[str, Json], predictor: Any) -> dict[str, Any]:
    """The same with values of the fields' types; what was stored before fields had a type is left as it is."""
    typed = dict(demo)
    for name, info in predictor.signature.fields.items():
        if name in demo:
            with suppress(UnreadableValueError):
                typed[name] = usable_type(info.annotation).read(demo[name])
    return typed


def _portable(value: Json) -> Json:
    """With integers as texts that canonical JSON has no form for; they are read as integers again."""
    if isinstance(value, list):
        return [_portable(item) for item in value]
    if isinstance(value, dict):
        return {key: _portable(item) for key, item in value.items()}
    return str(value) if isinstance(value, int) and abs(value) > EXACT else value
