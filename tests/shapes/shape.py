"""What a shape of a program is, and the words it is told with."""

import hashlib
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove")
PRELUDE = """\
import dataclasses
import re
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, Optional

import dspy
from pydantic import BaseModel
"""


def word(n: int, right: bool = True) -> str:
    """One word; the wrong one shares nothing with the right one."""
    return WORDS[(n if right else n + 3) % len(WORDS)]


def number(n: int, right: bool = True) -> int:
    """A whole number; the wrong one is another."""
    return n % 7 if right else n % 7 + 10


def of(choices: tuple[Any, ...], n: int, right: bool = True) -> Any:
    """One of a few values."""
    return choices[(n if right else n + 1) % len(choices)]


@dataclass(frozen=True)
class Shape:
    """A program, the calls that are made of it, and what the model says."""

    name: str
    title: str
    code: str
    says: Callable[[int, bool], dict[str, Any]] = lambda n, right: {"answer": word(n, right)}
    """Values of the fields that the model is asked for in call `n`, right or wrong; of others a fixed text."""
    asks: Callable[[int, str], dict[str, Any]] = lambda _n, text: {"question": text}
    """The arguments of a call, given its text, which names the call; values that need the program's own classes are
    made in `calls`."""
    inputs: str = "question: str"
    outputs: str = "answer: str"
    """What is found of it, as `programs validate` says it."""
    collected: str = ""
    """What its calls complete, where that is more."""
    yaml: str = ""
    """Further lines of its program file."""
    wrong_scores: float = 0.0
    """The agreement of a wrong answer with the right one."""
    knows: Callable[[int], bool] = lambda n: hashlib.sha256(str(n).encode()).digest()[0] < 115
    """Whether the model answers call `n` rightly without having been taught."""
    taught: Callable[[int], tuple[dict[str, Any], float]] | None = None
    """What it says once it was taught, and what that scores; None: the right answer."""
    verdict: str = "promote"
    calls_made: int = 44
    refused: str = ""
    """Part of the message with which `validate` refuses it."""
    calls: str = ""
    """Python of a function `arguments(n, text)` that stands in the program's file, instead of `asks`."""
    extra: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Further files beside it."""

    @property
    def source(self) -> str:
        """Its Python file."""
        return PRELUDE + textwrap.dedent(self.code) + textwrap.dedent(self.calls)


def after(types: str, program: str) -> str:
    """Source of a program that needs types of its own."""
    return f"{textwrap.dedent(types)}\n{program}"


def signature(inputs: str, outputs: str, name: str = "Task") -> str:
    """Source of a class-based signature, from lines such as `mail: str`."""
    fields = [f"    {line.strip()} = dspy.InputField()" for line in inputs.split(";")]
    fields += [f"    {line.strip()} = dspy.OutputField()" for line in outputs.split(";")]
    return "\n".join([f"\nclass {name}(dspy.Signature):", f'    """Do the {name.lower()}."""', *fields, ""])


def predict(inputs: str, outputs: str, module: str = "dspy.Predict") -> str:
    """Source of a program of one predictor."""
    return f"{signature(inputs, outputs)}\n\ndef build():\n    return {module}(Task)\n"


def module(init: str, forward: str, *, base: str = "dspy.Module") -> str:
    """Source of a module; `forward` begins with its head."""
    made = textwrap.indent(textwrap.dedent(init).strip(), " " * 8)
    answered = textwrap.indent(textwrap.dedent(forward).strip(), " " * 4)
    return (
        f"\n\nclass Program({base}):\n    def __init__(self):\n        super().__init__()\n{made}\n\n{answered}\n\n\n"
        "def build():\n    return Program()\n"
    )
