"""Reading a DSPy prompt back into its parts: fields, instruction, demonstrations and the question.

Understands the two formats that DSPy's ChatAdapter and JSONAdapter write (DSPy 3.4): fields between
`[[ ## name ## ]]` markers, or the answer as one JSON object.
"""

import ast
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIELD_LINE = re.compile(r"^\d+\. `(?P<name>\w+)` \((?P<type>.*?)\):(?P<description>.*)$", re.MULTILINE)
_MARKER = re.compile(r"^\[\[ ## (\w+) ## \]\][ \t]*\n?", re.MULTILINE)
_CUE_LINE = re.compile(r"^\s*[-*]?\s*([^:\n]{1,40}):\s*(\S.*)$", re.MULTILINE)
_CLOSING_REQUEST = re.compile(r"\n+Respond with (?:the corresponding output fields|a JSON object)[\s\S]*\Z")


@dataclass(frozen=True)
class OutputField:
    """One field to fill: its name, and its options where it is a Literal or a bool."""

    name: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Demo:
    """One demonstration: the inputs as text, by name, and the outputs."""

    inputs: "Mapping[str, str]"
    outputs: "Mapping[str, str]"


@dataclass(frozen=True)
class Prompt:
    """Everything that the prompt says."""

    outputs: tuple[OutputField, ...]
    cues: "Mapping[str, str]"
    demos: tuple[Demo, ...]
    inputs: "Mapping[str, str]"
    wants_json: bool


def read_prompt(system: str, turns: list[tuple[str, str]]) -> Prompt:
    """The parts of a prompt.

    Args:
        system: the system message.
        turns: (role, text) of all further messages, the question last.
    """
    outputs, cues = _read_system(system)
    demos = [
        Demo(inputs=_fields(question), outputs=_fields(answer))
        for (asker, question), (answerer, answer) in pairwise(turns)
        if (asker, answerer) == ("user", "assistant")
    ]
    question = turns[-1][1]
    wants_json = "[[ ## completed ## ]]" not in system and "[[ ## completed ## ]]" not in question
    return Prompt(
        outputs=outputs,
        cues=cues,
        demos=tuple(demo for demo in demos if demo.outputs),
        inputs=_fields(_CLOSING_REQUEST.sub("", question)),
        wants_json=wants_json,
    )


@lru_cache(maxsize=64)
def _read_system(system: str) -> "tuple[tuple[OutputField, ...], Mapping[str, str]]":
    _, _, below = system.partition("Your output fields are:")
    listing = below.partition("All interactions")[0]
    outputs = tuple(OutputField(match["name"], _options(match["type"])) for match in _FIELD_LINE.finditer(listing))
    objective = system.rpartition("your objective is:")[2]
    cues = {label.strip().casefold(): words for label, words in _CUE_LINE.findall(objective)}
    return outputs, cues


def _options(type_text: str) -> tuple[str, ...]:
    if type_text == "bool":
        return ("True", "False")
    inside = re.search(r"Literal\[(.*)\]", type_text)
    if not inside:
        return ()
    return tuple(str(option) for option in ast.literal_eval(f"({inside[1]},)"))


@lru_cache(maxsize=4096)
def _fields(text: str) -> "Mapping[str, str]":
    """Name and value of each field of one message; of an answer in JSON too."""
    if text.lstrip().startswith("{"):
        try:
            data = json.loads(text)
        except ValueError:
            return {}
        return {name: value if isinstance(value, str) else json.dumps(value) for name, value in data.items()}
    pieces = _MARKER.split(text)
    pairs = zip(pieces[1::2], pieces[2::2], strict=True)
    return {name: value.strip() for name, value in pairs if name != "completed"}
