"""One row that is handed in."""

import math
from typing import Annotated, Any, Self

from pydantic import AfterValidator, AwareDatetime, Field, JsonValue, TypeAdapter, ValidationError, model_validator

from include.teleprompt.addresses import checksum_address
from include.teleprompt.canonical import plain, sha256_hex
from include.teleprompt.records import MAX_IDENTIFIER, Record

MAX_FIELDS = 100


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError("is no finite number")
    return number


Name = Annotated[str, Field(min_length=1, max_length=MAX_IDENTIFIER), AfterValidator(plain)]
Fields = Annotated[dict[Name, JsonValue], Field(max_length=MAX_FIELDS)]
Outcomes = Annotated[dict[Name, Annotated[float, AfterValidator(_finite)]], Field(max_length=MAX_FIELDS)]


class SubmittedTrace(Record):
    """A call of a program, or, with neither inputs nor outputs, the late outcomes of one that is known."""

    trace_id: Name
    """Named by who hands it in; the same id is the same call, however often it comes."""
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    inputs: Fields | None = None
    outputs: Fields | None = None
    outcomes: Outcomes = Field(default_factory=dict)
    contributor_id: Name | None = None
    contributor_address: Annotated[str, AfterValidator(checksum_address)] | None = None
    program_version: Name | None = None
    group: Name | None = None
    failed: bool = False

    @property
    def is_late_outcome(self) -> bool:
        """Whether it only adds outcomes to a known call."""
        return self.inputs is None and self.outputs is None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
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
        return self


_ROW: TypeAdapter[SubmittedTrace] = TypeAdapter(SubmittedTrace)


def read_row(data: bytes | dict[str, Any]) -> SubmittedTrace | str:
    """The row, or why it is refused, in a sentence that quotes none of it."""
    try:
        return _ROW.validate_json(data) if isinstance(data, bytes) else _ROW.validate_python(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        return ascii(f"{place}: {said}" if place else said)[1:-1][:300]


def mlflow_trace_number(program: str, trace_id: str) -> int:
    """The 128 bits that name the call in MLflow: the same call has the same name, whoever hands it in and when."""
    return int(sha256_hex(f"{program}\0{trace_id}".encode())[:32], 16)
