"""One row that is handed in."""

import math
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Self

from pydantic import AfterValidator, AwareDatetime, Field, JsonValue, TypeAdapter, ValidationError, model_validator

from teleprompt.encoding.addresses import checksum_address
from teleprompt.encoding.canonical_json import plain, sha256_hex
from teleprompt.records import MAX_IDENTIFIER, Record
from teleprompt.traces.sources.raw import as_texts

MAX_FIELDS = 100
MAX_ROW_BYTES = 16 * 2**20
MAX_OUTCOME = 2**53
"""Up to here every integer is a number of its own; what is beyond is no measurement."""
EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
"""MLflow's API takes no time before 1970, in whatever zone."""
CLOCK_SKEW = timedelta(minutes=5)
"""By so much another machine's clock may be ahead."""


def _a_number(number: float | None) -> float | None:
    if number is None:
        return None
    if not math.isfinite(number):
        raise ValueError("is no finite number")
    if abs(number) > MAX_OUTCOME:
        raise ValueError("is beyond 2^53")
    return number


def _readable(fields: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """What would be quarantined as unreadable whenever it is read is refused at once."""
    forms: dict[str, str] = {}
    as_texts(fields, "", forms)
    for name, form in forms.items():
        if form == "unreadable":
            raise ValueError(f"{name} holds NaN or half of a surrogate pair")
    return fields


Name = Annotated[str, Field(min_length=1, max_length=MAX_IDENTIFIER), AfterValidator(plain)]
Fields = Annotated[dict[Name, JsonValue], Field(max_length=MAX_FIELDS), AfterValidator(_readable)]
Outcomes = Annotated[dict[Name, Annotated[float | None, AfterValidator(_a_number)]], Field(max_length=MAX_FIELDS)]


class SubmittedTrace(Record):
    """A call of a program, or, with neither inputs nor outputs, late outcomes of one that is known."""

    trace_id: Name
    """Named by who hands it in; the same id is the same call, however often it comes."""
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    inputs: Fields | None = None
    outputs: Fields | None = None
    outcomes: Outcomes = Field(default_factory=dict)
    """Each is an event; of several the latest stands. Null takes back what was said of it before."""
    outcome_at: AwareDatetime | None = None
    """When the outcomes were seen; without it, when they are handed in."""
    event_id: Name | None = None
    """Of the outcomes; the same id is the same event, however often it comes."""
    contributor_id: Name | None = None
    contributor_address: Annotated[str, AfterValidator(checksum_address)] | None = None
    program_version: Name | None = None
    group: Name | None = None
    failed: bool = False

    @property
    def is_late_outcome(self) -> bool:
        """Whether it only says something of the outcomes of a known call."""
        return self.inputs is None and self.outputs is None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if not self.outcomes and (self.outcome_at or self.event_id):
            raise ValueError("outcome_at and event_id are of outcomes, and it has none")
        if self.is_late_outcome:
            if not self.outcomes:
                raise ValueError("it has neither inputs and outputs nor outcomes")
            return self
        missing = [
            name for name in ("inputs", "outputs", "started_at", "contributor_id") if getattr(self, name) is None
        ]
        if missing:
            raise ValueError(f"{', '.join(missing)} missing")
        if self.ended_at and self.started_at and self.ended_at < self.started_at:
            raise ValueError("ended_at is before started_at")
        if None in self.outcomes.values():
            raise ValueError("an outcome that is null takes one back, which is a line of its own; leave it out")
        return self


_ROW: TypeAdapter[SubmittedTrace] = TypeAdapter(SubmittedTrace)


def read_row(data: bytes | dict[str, Any]) -> SubmittedTrace | str:
    """The row, or why it is refused, in a sentence that quotes none of it."""
    if isinstance(data, bytes) and len(data) > MAX_ROW_BYTES:
        return f"has more than {MAX_ROW_BYTES} bytes"
    try:
        return _ROW.validate_json(data) if isinstance(data, bytes) else _ROW.validate_python(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        return ascii(f"{place}: {said}" if place else said)[1:-1][:300]


def out_of_range(row: SubmittedTrace, *, now: datetime) -> str | None:
    """Which of a row's times MLflow cannot hold, or has not come yet; None if all are fine."""
    for name in ("started_at", "ended_at", "outcome_at"):
        moment = getattr(row, name)
        if moment is None:
            continue
        if moment < EARLIEST:
            return f"{name}: is before {EARLIEST:%Y-%m-%d}"
        if moment > now + CLOCK_SKEW:
            return f"{name}: is in the future"
    return None


def mlflow_trace_number(program: str, trace_id: str) -> int:
    """The 128 bits that name the call in MLflow: the same call has the same name, whoever hands it in and when."""
    return int(sha256_hex(f"{program}\0{trace_id}".encode())[:32], 16)
