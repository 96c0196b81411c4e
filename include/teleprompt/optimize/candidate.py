"""A compiled program and what it took."""

from typing import Self

from pydantic import model_validator

from teleprompt.lm.meter import Spend
from teleprompt.records import Record
from teleprompt.storage.blobs import Blob


class PromptMeasure(Record):
    """What a candidate tells its model."""

    characters: int
    """Of instructions, fields and demonstrations of all predictors; what the adapter adds comes on top."""
    demos: int
    copied: int
    """Characters of the instructions that stand word for word in a training text, in passages of at least 40."""


class Candidate(Record):
    """What compiling one seed came to."""

    seed: int
    state: Blob | None
    """The program as state JSON; None where there is none."""
    cut_short: str | None = None
    """The limit that ended compiling; `state` then is the best program until there, if there was one."""
    invalid: str | None = None
    """Why there is no program to choose."""
    prompt: PromptMeasure | None = None
    """None where there is no program, or from a version of the package before 0.2."""
    failures: dict[str, int]
    """Failed answers and metric errors while compiling, by kind; DSPy went on without these examples."""
    spend: Spend
    seconds: float

    @model_validator(mode="after")
    def _a_missing_program_has_a_reason(self) -> Self:
        if self.state is None and not (self.cut_short or self.invalid):
            raise ValueError("a candidate without a program says why")
        return self
