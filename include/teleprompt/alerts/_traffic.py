"""Whether a window's traffic is like that of the windows before."""

from collections.abc import Sequence
from datetime import timedelta
from statistics import median

from teleprompt.records import Record, from_millionths
from teleprompt.traces.snapshot import Snapshot

LEAST_BEFORE = 4
"""Earlier windows without which nothing is called unusual."""

SD_OF_MAD = 1.4826
"""A normal distribution's standard deviation is so many median absolute deviations (Rousseeuw and Croux 1993)."""

LEAST_SPREAD = 0.02
"""Of the median: traffic that never changed is not unusual for changing a little."""


class Traffic(Record):
    """What a window brought."""

    calls_a_day: float
    """Of the rows that were used."""
    mean_score: float
    quarantined_share: float
    largest_contribution: float
    """Share of the rows by the contributor who brought most."""


NAMES = {
    "calls_a_day": "calls a day",
    "mean_score": "the mean score",
    "quarantined_share": "the share of quarantined rows",
    "largest_contribution": "the largest contributor's share",
}


def traffic_of(snapshot: Snapshot) -> Traffic:
    """The figures of a snapshot."""
    rows = snapshot.trace_count
    quarantined = sum(snapshot.quarantined.values())
    days = (snapshot.window.end - snapshot.window.start) / timedelta(days=1)
    brought = [contributor.trace_count for contributor in snapshot.contributors]
    return Traffic(
        calls_a_day=rows / days,
        mean_score=from_millionths(sum(c.score_sum_e6 for c in snapshot.contributors)) / max(1, sum(brought)),
        quarantined_share=quarantined / max(1, rows + quarantined),
        largest_contribution=max(brought, default=0) / max(1, rows),
    )


def unusual(now: Traffic, before: Sequence[Traffic], *, sensitivity: float) -> dict[str, tuple[float, float]]:
    """The figures that are more than `sensitivity` robust standard deviations from their median: (now, median).

    The spread is the median absolute deviation of the windows before, so that one odd window among them hides nothing.
    """
    if len(before) < LEAST_BEFORE:
        return {}
    found = {}
    for name in NAMES:
        known = [getattr(earlier, name) for earlier in before]
        middle = median(known)
        spread = SD_OF_MAD * median(abs(value - middle) for value in known)
        value = getattr(now, name)
        if abs(value - middle) > sensitivity * max(spread, LEAST_SPREAD * abs(middle), 1e-3):
            found[name] = (value, middle)
    return found


def in_words(found: dict[str, tuple[float, float]]) -> str:
    """One sentence."""
    parts = (f"{NAMES[name]} is {value:.3g} instead of about {usual:.3g}" for name, (value, usual) in found.items())
    return f"The traffic is unusual: {', '.join(parts)}."
