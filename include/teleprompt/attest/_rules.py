"""What the checks of offline and of online evidence have in common."""

from collections.abc import Callable, Sequence
from datetime import datetime
from math import sqrt

from teleprompt.attest.section import DateRange
from teleprompt.records import MILLION, to_millionths

Rule = tuple[bool, str]
"""Whether it holds, and what contradicts what if not."""

MOST_RESAMPLES = 99_999
"""A resampled p-value counts what was observed in, so it is never below 1 / (this + 1)."""
LEAST_RESAMPLES = 9_999
LEAST_RESAMPLED_P_E6 = MILLION // (MOST_RESAMPLES + 1)
CHANCE = 6.0
"""Standard errors by which a resampled p-value may lie below the exact one: once in a thousand million."""

Interval = tuple[float, float]
Formula = Callable[[float], Interval]
"""Of a two-sided error."""


def points(millionths: int) -> str:
    """A score for people."""
    return f"{millionths / 10_000:g} points"


def is_recomputed(stated_e6: Interval, formulas: Sequence[Formula], *, confidence_e6: int) -> bool:
    """Whether both ends are those of a formula for the error that the confidence leaves.

    The error is stated to a millionth, so an end may lie anywhere between those of the neighbouring halves; of several
    `formulas`, for the least and the most that rounded figures may stand for, anywhere between them.
    """
    alpha_e6 = MILLION - confidence_e6
    found = [formula((alpha_e6 + half) / MILLION) for formula in formulas for half in (-0.5, 0.5)]
    return all(
        to_millionths(min(ends)) <= stated <= to_millionths(max(ends))
        for stated, ends in zip(stated_e6, zip(*found, strict=True), strict=True)
    )


def counts_behind(mean_e6: int, n: int) -> range:
    """The numbers of ones among `n` values of 0 or 1 whose mean is `mean_e6`, rounded to a millionth."""
    least = -(-(2 * mean_e6 - 1) * n // (2 * MILLION))
    most = (2 * mean_e6 + 1) * n // (2 * MILLION)
    return range(max(0, least), min(n, most) + 1)


def least_resampled_p(exact: float) -> float:
    """What a p-value by resampling is at least, if the exact one is at least `exact`."""
    return exact - CHANCE * sqrt(exact / LEAST_RESAMPLES)


def is_within(inner: DateRange, outer: DateRange) -> bool:
    """Whether one span lies in another, compared as times and not as texts."""
    start, end = span_of(inner)
    first, last = span_of(outer)
    return first <= start and end <= last


def span_of(dates: DateRange) -> tuple[datetime, datetime]:
    """Start and end as times."""
    return datetime.fromisoformat(dates.start), datetime.fromisoformat(dates.end)
