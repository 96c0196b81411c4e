"""What travels between stages: small, frozen, typed records that are plain JSON on the wire."""

from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import from_json, to_json

SCHEMA_KEY = "schema_version"
"""Beside a record's own keys where it is stored; records of version 0.1 lack it, and are of schema 1."""

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

    schema_number: ClassVar[int] = 1
    """Of the stored form; raised when a field goes or means something else. A new one with a default raises nothing."""

    @classmethod
    def upgrade(cls, data: dict[str, Any], schema: int) -> dict[str, Any]:
        """The stored `data` of an earlier schema in today's form; a class that raised its number says how."""
        del schema
        return data

    def to_stored(self, *, indent: int | None = None) -> str:
        """JSON that a later version of the package can read."""
        kept = {SCHEMA_KEY: self.schema_number, **self.model_dump(mode="json")}
        return to_json(kept, indent=indent, inf_nan_mode="null").decode()

    @classmethod
    def from_stored(cls, text: str | bytes) -> Self:
        """The record that `to_stored` wrote, of this schema or an earlier one.

        Raises:
            ValueError: it is no such record, or of a later schema (pydantic's `ValidationError` is one, too).
        """
        data = from_json(text)
        if not isinstance(data, dict):
            return cls.model_validate(data)
        schema = data.pop(SCHEMA_KEY, 1)
        if not isinstance(schema, int) or schema > cls.schema_number:
            raise ValueError(f"{cls.__name__} of schema {schema!r} is later than {cls.schema_number}, the newest known")
        return cls.model_validate(data if schema == cls.schema_number else cls.upgrade(data, schema))


def from_millionths(value: int) -> float:
    """The float that stands for `value` millionths; for display and for documents."""
    return value / MILLION


def to_millionths(value: float) -> int:
    """`value` rounded half-even to millionths."""
    return round(value * MILLION)
