"""Cutting a window into UTC days: the pieces that are read at a time, kept, and found again."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from include.teleprompt.window import Window


def days_of(window: Window) -> Iterator[Window]:
    """The parts of `window` by UTC day, oldest first; the first and the last may be shorter than a day."""
    start = window.start
    while start < window.end:
        end = min(_next_midnight(start), window.end)
        yield Window(start=start, end=end)
        start = end


def is_whole_day(window: Window) -> bool:
    """Whether `window` is one UTC day."""
    return _midnight(window.start) == window.start and _next_midnight(window.start) == window.end


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _next_midnight(moment: datetime) -> datetime:
    return _midnight(moment) + timedelta(days=1)
