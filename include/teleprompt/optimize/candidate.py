"""A compiled program and what it took."""

from collections.abc import Sequence
from typing import Self

from pydantic import model_validator

from teleprompt.errors import TelepromptError
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
    error: str | None = None
    """What compiling failed with; then there is no program."""
    prompt: PromptMeasure | None = None
    """None where there is no program, or from a version of the package before 0.2."""
    failures: dict[str, int]
    """Failed answers and metric errors while compiling, by kind; DSPy went on without these examples."""
    spend: Spend
    seconds: float
    reused_bootstraps: int = 0
    """Examples whose bootstrapping was taken from an earlier window."""

    @property
    def is_final(self) -> bool:
        """Whether another try would end alike: not where compiling failed, or was not even begun."""
        return self.error is None and (self.state is not None or self.seconds > 0)

    @classmethod
    def failed(cls, seed: int, error: str, spend: Spend | None = None) -> Self:
        """The candidate of a seed of which nothing came, after it spent so much, as far as that is known."""
        return cls(seed=seed, state=None, error=error, failures={}, spend=spend or Spend(), seconds=0)

    @classmethod
    def without_time(cls, seed: int, limit: str) -> Self:
        """The candidate of a seed that was not begun, for the time was up."""
        return cls(seed=seed, state=None, cut_short=limit, failures={}, spend=Spend(), seconds=0)

    @model_validator(mode="after")
    def _a_missing_program_has_a_reason(self) -> Self:
        if self.state is None and not (self.cut_short or self.invalid or self.error):
            raise ValueError("a candidate without a program says why")
        return self


def check_failed(candidates: Sequence[Candidate], most: float) -> None:
    """Refuse to choose among the rest where too many candidates failed.

    Raises:
        TelepromptError: naming each that did.
    """
    failed = [candidate for candidate in candidates if candidate.error is not None]
    if len(failed) > most * len(candidates):
        named = "; ".join(f"seed {candidate.seed}: {candidate.error}" for candidate in failed)
        raise TelepromptError(
            f"{len(failed)} of {len(candidates)} candidates failed to compile, more than the share of {most:g} that "
            f"`optimization.max_failed_candidates` allows ({named})."
        )
