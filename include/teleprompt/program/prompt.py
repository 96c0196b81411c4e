"""What a version tells its model: instructions, fields and demonstrations, read from its state."""

import json
from collections.abc import Mapping
from typing import Any

from teleprompt.program.fields import Json
from teleprompt.program.state import predictor_states
from teleprompt.records import Record
from teleprompt.strategies.composition import NEAREST


class PredictorPrompt(Record):
    """What one predictor says before the question."""

    name: str
    """Its place in the program; `self` where the program is one."""
    instructions: str
    fields: tuple[str, ...]
    """Each as the prompt names it, with its description."""
    demos: tuple[dict[str, Json], ...]
    nearest: int | None = None
    """How many of the demonstrations a call shows, those closest to its inputs; None: all."""

    @property
    def characters(self) -> int:
        """Of instructions, fields and demonstrations together; what the adapter puts around them comes on top.

        Of demonstrations that are chosen at each call the longest count, as no call shows more.
        """
        sizes = [sum(len(_shown(value)) for name, value in demo.items() if name != "augmented") for demo in self.demos]
        shown = sorted(sizes, reverse=True)[: self.nearest]
        return len(self.instructions) + sum(map(len, self.fields)) + sum(shown)


class Prompt(Record):
    """What a program's predictors say, in their order."""

    predictors: tuple[PredictorPrompt, ...]

    @classmethod
    def of_state(cls, state: bytes) -> "Prompt":
        """The prompt of a state JSON, as `dump_state` writes it."""
        return cls(predictors=tuple(_predictor(name, part) for name, part in predictor_states(state)))

    @property
    def characters(self) -> int:
        """Of all predictors."""
        return sum(predictor.characters for predictor in self.predictors)

    @property
    def demos(self) -> int:
        """Demonstrations of all predictors."""
        return sum(len(predictor.demos) for predictor in self.predictors)

    @property
    def instructions(self) -> str:
        """Of all predictors, one after the other."""
        return "\n".join(predictor.instructions for predictor in self.predictors)


def _predictor(name: str, part: Mapping[str, Any]) -> PredictorPrompt:
    signature = part.get("signature", {})
    return PredictorPrompt(
        name=name,
        instructions=signature.get("instructions", ""),
        fields=tuple(f"{each.get('prefix', '')} {each.get('description', '')}" for each in signature.get("fields", ())),
        demos=tuple(part.get("demos", ())),
        nearest=part.get(NEAREST),
    )


def _shown(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def copied_characters(text: str, sources: "list[str]", *, instead_of: str = "") -> int:
    """How many characters of `text` stand word for word in `sources`, in passages of at least `PASSAGE`.

    What `instead_of` held before counts for nothing. White space and case make no difference.

    Each source is cut into pieces of half that length: a passage that is shared holds one whole piece, wherever it
    begins. So a source costs a look per piece and not one per character.
    """
    plain, before = _plain(text), _plain(instead_of)
    half = PASSAGE // 2
    starts: dict[str, list[int]] = {}
    for at in range(len(plain) - half + 1):
        starts.setdefault(plain[at : at + half], []).append(at)
    copied = bytearray(len(plain))
    for source in map(_plain, sources):
        for piece in range(0, len(source) - half + 1, half):
            for at in starts.get(source[piece : piece + half], ()):
                if copied[at] and copied[at + half - 1]:
                    continue  # it lies in a passage that was found, as all parts of a long row of dashes do
                left = _common(plain[:at][::-1], source[:piece][::-1])
                length = left + _common(plain[at:], source[piece:])
                if length >= PASSAGE and plain[at - left : at - left + length] not in before:
                    copied[at - left : at - left + length] = b"\1" * length
    return sum(copied)


PASSAGE = 40
"""Characters in a row that do not stand in two texts by chance."""


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _common(one: str, other: str) -> int:
    """Characters that two texts begin with alike."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
