"""Cutting a window into pieces: UTC days that are kept and found again, or spans that are read side by side."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from teleprompt.window import Window

MOST_SPANS = 5000


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


def spans_of(window: Window, length: timedelta) -> list[Window]:
    """The parts of `window` of that length, oldest first, the last maybe shorter; at most `MOST_SPANS`."""
    length = max(length, (window.end - window.start) / MOST_SPANS, timedelta(milliseconds=1))
    starts = [window.start]
    while starts[-1] + length < window.end:
        starts.append(starts[-1] + length)
    return [Window(start=start, end=end) for start, end in pairwise([*starts, window.end]) if start < end]


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _next_midnight(moment: datetime) -> datetime:
    return _midnight(moment) + timedelta(days=1)
