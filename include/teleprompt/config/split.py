"""The section `split`: how the traces are shared out."""

import re
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from teleprompt.config._section import Section, Share

Size = Annotated[int, Field(ge=1, strict=True)] | Share


NEAR_DUPLICATES = "near_duplicates"


class SplitConfig(Section):
    """How the traces are shared out between learning, choosing and judging."""

    train: Size = 0.4
    """Share that the optimizer learns from; or, if all three are whole numbers, how many at most."""
    select: Size = 0.2
    """Share, or number, on which the best candidate is chosen."""
    gate: Size = 0.4
    """Share, or number, that is sealed for the comparison with the running program."""
    seed: int = 0
    """Another seed is another split."""
    group_by: tuple[str, ...] = ("group",)
    """What must not be in two parts, beside equal inputs: `group` (the tag), `contributor`, `near_duplicates` (of the
    inputs), or an input field as `input.<name>`."""
    near_threshold: float = Field(0.9, ge=0.5, le=1)
    """Similarity from which inputs are near duplicates."""
    time_order: bool = False
    """Learn from the oldest, judge on the newest, instead of at random."""

    @property
    def named_keys(self) -> tuple[str, ...]:
        """What is grouped by, without the near duplicates: the columns that hold a name of what a trace belongs to."""
        return tuple(key for key in self.group_by if key != NEAR_DUPLICATES)

    @property
    def by_count(self) -> bool:
        """Whether sizes are numbers of traces."""
        return isinstance(self.train, int)

    @field_validator("group_by")
    @classmethod
    def _known_keys(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        for key in keys:
            if not re.fullmatch(r"group|contributor|near_duplicates|input\.[A-Za-z_]\w*", key):
                raise ValueError(f"{key!r} is none of group, contributor, near_duplicates, input.<name>")
        return keys

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        sizes = (self.train, self.select, self.gate)
        if len({isinstance(size, int) for size in sizes}) > 1:
            raise ValueError("train, select and gate are all shares or all numbers")
        if not self.by_count and abs(sum(sizes) - 1) > 1e-9:
            raise ValueError(f"train, select and gate sum to {sum(sizes):g}, not to 1")
        return self
