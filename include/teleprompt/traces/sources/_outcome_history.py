"""What was said of a call's outcomes over time, and what of it still stands."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from teleprompt.traces.sources import tags


class Assessed(NamedTuple):
    """One assessment of a call."""

    name: str
    value: float | None
    """None where it was no number and no boolean."""
    at_ms: int
    order: str
    """Among those of one millisecond, where it was handed in; empty for what others logged."""
    retracts: bool
    """Whether it takes back what was said of that outcome before it, and says nothing itself."""


def assessed(name: str, value: Any, at_ms: int, metadata: Mapping[str, str] | None) -> Assessed:
    """An assessment as MLflow holds it."""
    number = float(value) if isinstance(value, (bool, int, float)) else None
    own = metadata or {}
    return Assessed(name, number, at_ms, own.get(tags.EVENT_ORDER, ""), tags.RETRACTS in own)


def standing(history: Iterable[Assessed]) -> list[tuple[str, float | None, int]]:
    """The outcomes (name, value, time) that were not taken back, in order of time."""
    kept: list[tuple[str, float | None, int]] = []
    for one in sorted(history, key=lambda a: (a.at_ms, a.order, a.name, a.value is None, a.value or 0.0)):
        if one.retracts:
            kept = [outcome for outcome in kept if outcome[0] != one.name]
        else:
            kept.append((one.name, one.value, one.at_ms))
    return kept
