"""What travels between stages: small, frozen, typed records that are plain JSON on the wire."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

MILLION = 1_000_000
MAX_IDENTIFIER = 200
"""Characters of a name or an id."""

Millionths = Annotated[int, Field(ge=-MILLION, le=MILLION)]
"""A score or a difference of scores in [-1, 1], counted in millionths so that it compares exactly."""

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 in lower-case hexadecimal."""


class Record(BaseModel):
    """Base of all stage records: frozen, and closed to keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def from_millionths(value: int) -> float:
    """The float that stands for `value` millionths; for display and for documents."""
    return value / MILLION


def to_millionths(value: float) -> int:
    """`value` rounded half-even to millionths."""
    return round(value * MILLION)
