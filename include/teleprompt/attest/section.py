"""What the sections of a document are made of: closed forms of texts, times, addresses and numbers."""

import re
from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from teleprompt.encoding.addresses import checksum_address
from teleprompt.encoding.canonical_json import plain
from teleprompt.records import MAX_IDENTIFIER, MILLION

MAX_METRICS = 100
MAX_NUMBER = 1e9
"""Up to here k / 10**6 is exact in both directions."""


def _utc(text: str) -> str:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3})?Z", text):
        raise ValueError("times look like 2026-01-31T00:00:00Z")
    datetime.fromisoformat(text)
    return text


def _checksummed(text: str) -> str:
    if checksum_address(text) != text:
        raise ValueError("addresses stand in their EIP-55 form")
    return text


def in_millionths(value: float) -> float:
    """The number, which is k / 10**6.

    Raises:
        ValueError: it is not, or lies further from 0 than they are exact.
    """
    if abs(value) > MAX_NUMBER or round(value * MILLION) / MILLION != value:
        raise ValueError(f"numbers have at most six decimals and lie within {MAX_NUMBER:g} of 0")
    return value


Text = Annotated[str, Field(min_length=1, max_length=MAX_IDENTIFIER), AfterValidator(plain)]
Moment = Annotated[str, AfterValidator(_utc)]
Address = Annotated[str, AfterValidator(_checksummed)]
Number = Annotated[float, AfterValidator(in_millionths)]
Count = Annotated[int, Field(ge=0, lt=2**53)]
Metrics = Annotated[dict[Text, Number], Field(max_length=MAX_METRICS)]
Millionths = Annotated[int, Field(ge=-MILLION, le=MILLION)]


class Section(BaseModel):
    """Closed, frozen and strict. What `absent` names is left out where there is nothing, never null."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    absent: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _is_left_out(cls, data: object) -> object:
        if isinstance(data, dict) and any(name in data and data[name] is None for name in cls.absent):
            raise ValueError(f"{', '.join(sorted(cls.absent))}: left out, not null")
        return data

    @model_serializer(mode="wrap")
    def _without_the_absent(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = handler(self)
        return {k: v for k, v in fields.items() if v is not None or k not in self.absent}


class DateRange(Section):
    """The window of the traces, `[start, end)`."""

    start: Moment
    end: Moment
