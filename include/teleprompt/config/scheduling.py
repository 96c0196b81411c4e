"""The section `scheduling`: when a program's runs may begin, beside its schedule, and what they give way to."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Self

from pydantic import Field, field_validator, model_validator

from teleprompt.config._section import Section
from teleprompt.config.cron import is_cron, last_fire

MOST_SPANS = 1000
"""So many spans without a gap are taken for endless."""


class RecurringBlackout(Section):
    """A span that comes again and again."""

    cron: str
    """When it begins: a cron expression of five fields (UTC)."""
    hours: float = Field(gt=0, le=24 * 31)
    """How long it lasts."""

    @field_validator("cron")
    @classmethod
    def _cron_is_one(cls, value: str) -> str:
        if not is_cron(value):
            raise ValueError(f"{value!r} is not a cron expression of five fields")
        return value

    def end_around(self, moment: datetime) -> datetime | None:
        """End of the span that `moment` lies in, if it lies in one."""
        end = last_fire(self.cron, moment) + timedelta(hours=self.hours)
        return end if moment < end else None


class DatedBlackout(Section):
    """Some days, the first and the last included (UTC)."""

    first: date
    last: date = Field(lt=date(9000, 1, 1))

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.first > self.last:
            raise ValueError(f"first {self.first} is after last {self.last}")
        return self

    def end_around(self, moment: datetime) -> datetime | None:
        """End of the span if `moment` lies in it."""
        begin, end = (datetime.combine(day, time(), UTC) for day in (self.first, self.last + timedelta(days=1)))
        return end if begin <= moment < end else None


Blackout = RecurringBlackout | DatedBlackout


class SchedulingConfig(Section):
    """When runs may begin. A run that somebody asks for begins at once."""

    min_gap_hours: float = Field(0, ge=0, le=24 * 366)
    """At least so long from the beginning of one run to that of the next; backfills neither wait nor count."""
    blackout: tuple[Blackout, ...] = ()
    """No run begins within these spans: `{cron, hours}` or `{first, last}`. A run that is due waits for their end; one
    that is under way goes on."""
    depends_on: tuple[str, ...] = ()
    """Programs, by their file's name, whose runs come first. With `schedule: none` a run begins when each of them has
    ended one, over the span of theirs; else a scheduled run waits until each has ended one that reaches as far."""
    priority: int = Field(1, ge=1, le=1000)
    """Where the pool is short of slots, tasks of the higher number go first."""
    pool: str = Field("teleprompt", min_length=1, max_length=256)
    """Airflow's pool of the tasks that call the language model."""

    @field_validator("blackout")
    @classmethod
    def _leaves_some_time(cls, spans: tuple[Blackout, ...]) -> tuple[Blackout, ...]:
        free_from(spans, datetime(2025, 1, 1, tzinfo=UTC))
        return spans

    @field_validator("depends_on")
    @classmethod
    def _each_once(cls, programs: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(programs)) < len(programs):
            raise ValueError("a program stands twice")
        return programs


def earliest_start(scheduling: SchedulingConfig, now: datetime, *, last: datetime | None) -> datetime:
    """When a run that is due may begin; `last` is when the one before began."""
    after_gap = now if last is None else max(now, last + timedelta(hours=scheduling.min_gap_hours))
    return free_from(scheduling.blackout, after_gap)


def free_from(spans: tuple[Blackout, ...], moment: datetime) -> datetime:
    """The first moment from `moment` on that lies in no blackout.

    Raises:
        ValueError: there is none.
    """
    for _ in range(MOST_SPANS):
        ends = [end for span in spans if (end := span.end_around(moment)) is not None]
        if not ends:
            return moment
        moment = max(ends)
    raise ValueError("the blackouts leave no time at all")
