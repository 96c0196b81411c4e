"""How a program as written now differs from the program as written then, by the states of both."""

from collections.abc import Mapping
from typing import Any

from teleprompt.program.state import predictor_states
from teleprompt.records import Record


class Rewritten(Record):
    """What changed; empty where nothing did that a state holds."""

    shape: tuple[str, ...]
    """Changes that make a state of then no state of now: predictors and their fields."""
    text: tuple[str, ...]
    """Predictors that tell the model something else: instructions, or descriptions of fields."""


def rewritten(then: bytes, now: bytes) -> Rewritten:
    """The differences from one state JSON to the other; demonstrations do not count.

    A state knows a field by its place and its prefix, which DSPy makes of its name.
    """
    old, new = dict(predictor_states(then)), dict(predictor_states(now))
    shape = [f"the predictor `{name}` is gone" for name in old.keys() - new.keys()]
    shape += [f"the predictor `{name}` is new" for name in new.keys() - old.keys()]
    text: list[str] = []
    for name in old.keys() & new.keys():
        before, after = _prefixes(old[name]), _prefixes(new[name])
        if before != after:
            shape.append(f"the fields of `{name}` are {_listed(after)} instead of {_listed(before)}")
        elif _said(old[name]) != _said(new[name]):
            text.append(f"`{name}`")
    return Rewritten(shape=tuple(sorted(shape)), text=tuple(sorted(text)))


def _prefixes(predictor: Mapping[str, Any]) -> list[str]:
    return [str(field["prefix"]).rstrip(":") for field in predictor["signature"]["fields"]]


def _said(predictor: Mapping[str, Any]) -> tuple[str, list[str]]:
    signature = predictor["signature"]
    return signature["instructions"], [field["description"] for field in signature["fields"]]


def _listed(names: list[str]) -> str:
    return ", ".join(names)
