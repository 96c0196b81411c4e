"""How a state makes more of a program than its predictors: demonstrations chosen at each call, several that vote.

A version carries this file, so that its state means the same where nothing of Teleprompt is installed: it imports
nothing of ours.
"""

import functools
import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

NEAREST = "nearest_demos"
"""In a predictor's state: how many of its demonstrations a call shows, those whose inputs are closest to its own."""
ENSEMBLE = "<ensemble>"
"""In a program's state, where no predictor can have that name: the states of the other members (`members`), and the
outputs they vote on (`fields`)."""


def with_state(program: Any, state: dict[str, Any]) -> Any:
    """`program`, freshly built, with a state; it keeps the language models that it was built with.

    Raises:
        KeyError, ValueError, TypeError: the state belongs to a program of another shape.
    """
    others = state.get(ENSEMBLE, {"members": (), "fields": ()})
    members = [with_state(program.deepcopy(), member) for member in others["members"]]
    models = [predictor.lm for predictor in program.predictors()]
    program.load_state({name: part for name, part in state.items() if name != ENSEMBLE})
    for predictor, model in zip(program.predictors(), models, strict=True):
        predictor.lm = model  # a state names none, and one that the program sets is its own
        if getattr(predictor, NEAREST, None):
            show_nearest(predictor, getattr(predictor, NEAREST))
    return ensemble(program, members, fields=others["fields"]) if members else program


def show_nearest(predictor: Any, count: int) -> None:
    """Let a `dspy.Predict` show that many of its demonstrations at each call, the closest last."""
    setattr(predictor, NEAREST, count)
    if not getattr(type(predictor), "_shows_nearest", False):
        kind: Any = type(predictor)
        predictor.__class__ = _nearest_kind(kind)


def ensemble(first: Any, others: Sequence[Any], *, fields: Sequence[str]) -> Any:
    """`first`, which from now on asks the others, too, and gives the answer that most of them share.

    All are programs of one kind; `fields` are the outputs that are compared.
    """
    kind: Any = type(first)
    first.__class__ = _ensemble_kind(kind)
    first.__dict__[_MEMBERS] = _Members(list(others), tuple(fields))
    return first


def other_members(program: Any) -> tuple[list[Any], tuple[str, ...]]:
    """What `ensemble` was given beside the first, and the fields; none of a program that is no ensemble."""
    members = program.__dict__.get(_MEMBERS)
    return (members.others, members.fields) if members is not None else ([], ())


_MEMBERS = "_ensemble_members"
_asked: ContextVar[frozenset[int]] = ContextVar("asked_ensembles", default=frozenset())
"""Ensembles that vote here already: what their first member calls of itself is no vote of its own."""


class _Members:
    """Hides programs from DSPy, which would take the predictors of all members for those of the first."""

    def __init__(self, others: list[Any], fields: tuple[str, ...]) -> None:
        self.others, self.fields = others, fields


@contextmanager
def _voting(program: Any) -> Iterator[list[Any]]:
    """The other members that are to be asked; none inside of a vote."""
    before = _asked.get()
    if id(program) in before:
        yield []
        return
    token = _asked.set(before | {id(program)})
    try:
        yield other_members(program)[0]
    finally:
        _asked.reset(token)


@functools.cache
def _ensemble_kind(kind: Any) -> type:
    own: dict[str, Any] = {}

    def set_lm(self: Any, lm: Any) -> None:
        kind.set_lm(self, lm)
        for other in other_members(self)[0]:
            other.set_lm(lm)

    if hasattr(kind, "forward"):

        @functools.wraps(kind.forward)
        def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
            with _voting(self) as others:
                answers = [kind.forward(self, *args, **kwargs), *(other(*args, **kwargs) for other in others)]
            return _shared(answers, other_members(self)[1])

        own["forward"] = forward
    if hasattr(kind, "aforward"):

        @functools.wraps(kind.aforward)
        async def aforward(self: Any, *args: Any, **kwargs: Any) -> Any:
            with _voting(self) as others:
                answers = [await kind.aforward(self, *args, **kwargs)]
                answers += [await other.acall(*args, **kwargs) for other in others]
            return _shared(answers, other_members(self)[1])

        own["aforward"] = aforward
    return _subclass(kind, {**own, "set_lm": set_lm})


@functools.cache
def _nearest_kind(kind: Any) -> type:
    def preprocess(self: Any, **kwargs: Any) -> Any:
        return kind._forward_preprocess(self, **_with_nearest(self, kwargs))  # noqa: SLF001 - what all calls go through

    return _subclass(kind, {"_forward_preprocess": preprocess, "_shows_nearest": True})


def _subclass(kind: Any, own: dict[str, Any]) -> type:
    """A class that is called like the author's, so that spans and messages name that."""
    said = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
    return type(kind)(kind.__name__, (kind,), {**said, **own})  # type: ignore[no-any-return]


def _with_nearest(predictor: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    count = getattr(predictor, NEAREST, None)
    if "demos" in kwargs or not count:
        return kwargs
    names = list(predictor.signature.input_fields)
    return {**kwargs, "demos": nearest(kwargs, predictor.demos, names, count=count)}


def nearest(inputs: Any, demos: Sequence[Any], names: Sequence[str], *, count: int) -> list[Any]:
    """The demonstrations that share most with these inputs, the closest last.

    Cosine of the words of both, each weighted by how few demonstrations have it (tf-idf, Salton and Buckley 1988); of
    equally close ones those that come first.
    """
    texts = [Counter(_words(demo, names)) for demo in demos]
    having = Counter(word for text in texts for word in text)
    weight = {word: math.log((1 + len(texts)) / (1 + times)) + 1 for word, times in having.items()}
    asked = Counter(_words(inputs, names))

    def closeness(text: Counter[str]) -> float:
        length = math.sqrt(sum((times * weight[word]) ** 2 for word, times in text.items()))
        shared = sum(times * asked[word] * weight[word] ** 2 for word, times in text.items() if word in asked)
        return shared / length if length else 0.0

    ranked = sorted(range(len(texts)), key=lambda i: -closeness(texts[i]))[:count]
    return [demos[i] for i in reversed(ranked)]


def _words(values: Any, names: Sequence[str]) -> list[str]:
    return re.findall(r"\w+", " ".join(_text(values[name]) for name in names if name in values).casefold())


def _shared(answers: Sequence[Any], fields: Sequence[str]) -> Any:
    """The answer that agrees with the others in most fields, of equal ones the first."""
    if len(answers) == 1:
        return answers[0]
    told = [[_text(_value(answer, field)).strip().casefold() for field in fields] for answer in answers]
    times = [Counter(column) for column in zip(*told, strict=True)]
    agreement = [sum(count[text] for count, text in zip(times, texts, strict=True)) for texts in told]
    return answers[max(range(len(answers)), key=lambda i: (agreement[i], -i))]


def _value(answer: Any, field: str) -> Any:
    if callable(getattr(answer, "get", None)):
        return answer.get(field)
    return getattr(answer, field, answer)  # what has no fields is its one output


def _text(value: Any) -> str:
    """A text that is the same for equal values, whether they have their type or are its JSON."""
    from pydantic_core import to_jsonable_python

    if isinstance(value, str):
        return value
    try:
        return _ordered_json(to_jsonable_python(_in_order(value), fallback=str))
    except ValueError:  # what refers to itself
        return str(value)


def _in_order(value: Any) -> Any:
    """Sets as lists in an order of their own."""
    if isinstance(value, (set, frozenset)):
        return sorted((_in_order(item) for item in value), key=_text)
    if isinstance(value, dict):
        return {_text(key): _in_order(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return [_in_order(item) for item in value]
    return value


def _ordered_json(value: Any) -> str:
    if isinstance(value, str):
        return value
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    return json.dumps(whole, sort_keys=True, ensure_ascii=False, default=str)
