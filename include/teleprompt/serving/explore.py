"""Leaving an answer to chance, with a probability that is known."""

import copy
import random
from enum import Enum
from typing import Any

from teleprompt.program.value_type import as_json
from teleprompt.registry.exploration import Answer, Exploration

_chance = random.SystemRandom()


def explored(answer: Any, exploration: Exploration) -> tuple[Any, float]:
    """The answer that is given, and the probability with which it was to be given.

    An answer that is none of the allowed ones is given as it is, always.
    """
    value = _value(answer, exploration.output)
    own = as_json(value)
    if not any(_same(own, allowed) for allowed in exploration.answers):
        return answer, 1.0
    others = [other for other in exploration.answers if not _same(other, own)]
    if _chance.random() >= exploration.epsilon:
        return answer, 1 - exploration.epsilon
    other: Any = _chance.choice(others)
    if isinstance(value, Enum):
        other = type(value)(other)
    return _with(answer, exploration.output, other), exploration.epsilon / len(others)


def _same(one: Any, other: Answer) -> bool:
    return type(one) is type(other) and one == other


def _value(answer: Any, output: str) -> Any:
    if hasattr(answer, "items"):
        return dict(answer.items()).get(output)
    return getattr(answer, output, answer)


def _with(answer: Any, output: str, value: Any) -> Any:
    """The answer with another value; one without fields is that value."""
    if not hasattr(answer, "items") and not hasattr(answer, output):
        return value
    other = answer.copy() if hasattr(answer, "items") else copy.copy(answer)
    if hasattr(answer, "items"):
        other[output] = value
    else:
        setattr(other, output, value)
    return other
