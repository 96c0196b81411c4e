"""How many rows went into each step and how many came out."""

from pydantic import Field

from teleprompt.records import Record


class FunnelStep(Record):
    """One step from what was logged to what is used."""

    step: str
    rows_in: int
    rows_out: int
    reasons: dict[str, int] = Field(default_factory=dict)
    """Why the others did not come out."""
