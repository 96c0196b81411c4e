"""In which order the windows of a trial count, whatever the order in which they come."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from teleprompt.errors import TelepromptError
from teleprompt.window import Window

Order = tuple[int, tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class NamedWindow:
    """A window as somebody called it."""

    name: str
    span: Window | None
    """None where the name is no interval."""
    order: Order
    """Equal for two names of one window."""


@lru_cache(maxsize=10_000)
def named(name: str) -> NamedWindow:
    """The window of that name: an interval `start/end` in ISO 8601, which counts by its start, or any other text.

    Other texts come after the intervals, with their numbers by value: `run 2` before `run 10`.

    Raises:
        TelepromptError: the name is empty, or its start is not before its end.
    """
    if not name:
        raise TelepromptError("A window of a trial needs a name; give its start and end, as 2026-01-05/2026-01-12.")
    start, separator, end = name.partition("/")
    try:
        times = (datetime.fromisoformat(start), datetime.fromisoformat(end)) if separator else None
    except ValueError:
        times = None
    if times is None:
        parts = re.split(r"(\d+)", name)
        return NamedWindow(name, None, (1, tuple(int(part) if i % 2 else part for i, part in enumerate(parts))))
    try:
        span = Window(start=times[0], end=times[1])
    except ValueError as error:
        raise TelepromptError(f"The window {name} of a trial does not start before it ends; correct it.") from error
    return NamedWindow(name, span, (0, (span.start_ms, span.end_ms)))


def gaps(windows: Iterable[NamedWindow]) -> tuple[str, ...]:
    """The times between windows, which are in order, that none of them covers."""
    found, until = [], None
    for window in windows:
        if window.span is None:
            continue
        if until is not None and until < window.span.start:
            found.append(str(Window(start=until, end=window.span.start)))
        until = max(until or window.span.end, window.span.end)
    return tuple(found)
