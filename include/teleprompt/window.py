"""The half-open span of time, in UTC, that one run of the pipeline is about."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, AwareDatetime, ValidationError, field_validator, model_validator

from teleprompt.errors import ConfigurationError
from teleprompt.records import Record

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
YEARS = range(EARLIEST.year, 9999)
"""From where MLflow counts to where a time zone can still be applied."""


def in_range(moment: datetime) -> datetime:
    """`moment`, if it is in one of `YEARS`.

    Raises:
        ValueError: it is not.
    """
    if moment.year not in YEARS:
        raise ValueError(f"the year {moment.year} is not from {YEARS[0]} to {YEARS[-1]}")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(in_range)]
"""A time that somebody gives, with its offset."""


class Window(Record):
    """`[start, end)` in UTC, at millisecond precision (that of MLflow's clock)."""

    start: AwareDatetime
    end: AwareDatetime

    @field_validator("start", "end", mode="before")
    @classmethod
    def _naive_means_utc(cls, value: object) -> object:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if isinstance(value, datetime) and value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        return value

    @field_validator("start", "end")
    @classmethod
    def _utc_milliseconds(cls, value: datetime) -> datetime:
        value = in_range(value).astimezone(UTC).replace(microsecond=value.microsecond // 1000 * 1000)
        return datetime.combine(value.date(), value.time(), UTC)  # Airflow's times are of a class of their own

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.start >= self.end:
            raise ValueError(f"the window's start {self.start:%Y-%m-%dT%H:%M:%SZ} is not before its end "
                             f"{self.end:%Y-%m-%dT%H:%M:%SZ}")  # fmt: skip
        return self

    @classmethod
    def between(cls, start: datetime, end: datetime) -> Self:
        """The window of two times that somebody gave.

        Raises:
            ConfigurationError: they are none.
        """
        try:
            return cls(start=start, end=end)
        except ValidationError as error:
            said = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
            raise ConfigurationError(f"There is no such window: {said}; correct its start or its end.") from error

    @classmethod
    def of_datetimes(cls, start: datetime, end: datetime) -> Self:
        """The window of two times of Python's; as everywhere in Python, one without a zone is local.

        Raises:
            ValueError: it is empty, or out of range.
        """
        try:
            return cls(start=max(start.astimezone(UTC), EARLIEST), end=end.astimezone(UTC))
        except OverflowError as error:
            raise ValueError(f"{start} or {end} is out of range") from error

    @property
    def start_ms(self) -> int:
        """Start in milliseconds since the epoch (inclusive)."""
        return _milliseconds(self.start)

    @property
    def end_ms(self) -> int:
        """End in milliseconds since the epoch (exclusive)."""
        return _milliseconds(self.end)

    def __str__(self) -> str:
        return f"{format_utc(self.start)}/{format_utc(self.end)}"


def _milliseconds(moment: datetime) -> int:
    return (moment - EARLIEST) // timedelta(milliseconds=1)


def format_utc(moment: datetime) -> str:
    """ISO 8601 in UTC with `Z`; milliseconds only when there are any."""
    precision = "milliseconds" if moment.microsecond else "seconds"
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=precision) + "Z"
