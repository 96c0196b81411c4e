"""The half-open span of time, in UTC, that one run of the pipeline is about."""

from datetime import UTC, datetime, timedelta
from typing import Self

from pydantic import AwareDatetime, field_validator, model_validator

from include.teleprompt.records import Record


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
        value = value.astimezone(UTC).replace(microsecond=value.microsecond // 1000 * 1000)
        return datetime.combine(value.date(), value.time(), UTC)  # Airflow's times are of a class of their own

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.start >= self.end:
            raise ValueError(f"the window's start {self.start:%Y-%m-%dT%H:%M:%SZ} is not before its end "
                             f"{self.end:%Y-%m-%dT%H:%M:%SZ}")  # fmt: skip
        return self

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
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def format_utc(moment: datetime) -> str:
    """ISO 8601 in UTC with `Z`; milliseconds only when there are any."""
    moment = moment.astimezone(UTC)
    whole = moment.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{moment.microsecond // 1000:03d}Z" if moment.microsecond else f"{whole}Z"
