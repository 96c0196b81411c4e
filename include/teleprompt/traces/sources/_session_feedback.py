"""Feedback on a whole session, which MLflow keeps on one of the session's traces: the first."""

from bisect import bisect_right, insort
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from teleprompt.traces.sources._assessments import Assessed

REACH = timedelta(days=1)
"""How long after the call that it lies on it counts for the session's other calls."""

REACH_MS = REACH // timedelta(milliseconds=1)


class SessionFeedback:
    """What was said of sessions, as far as calls were read. For a call that counts which lies last before it."""

    def __init__(self) -> None:
        self._carriers: dict[str, list[tuple[int, str]]] = {}
        """Of each session, the calls with feedback on it: start and id, in order."""
        self._said: dict[tuple[int, str], list[Assessed]] = {}

    def add(self, session: str | None, started_at_ms: int, trace_id: str, outcomes: Sequence[Assessed]) -> None:
        """Take note of what lies on a call of the session; a second time it changes nothing."""
        said = [one._replace(span=None, on_call=True) for one in outcomes if one.of_session]
        carrier = (started_at_ms, trace_id)
        if session and said and carrier not in self._said:
            self._said[carrier] = said
            insort(self._carriers.setdefault(session, []), carrier)

    def of(self, session: str | None, started_at_ms: int, trace_id: str) -> list[Assessed]:
        """What was said of the session on the last call before this one; nothing for one that has its own."""
        carriers = self._carriers.get(session or "", ())
        if not carriers or (started_at_ms, trace_id) in self._said:
            return []
        place = bisect_right(carriers, (started_at_ms, trace_id))
        if not place or carriers[place - 1][0] < started_at_ms - REACH_MS:
            return []
        return self._said[carriers[place - 1]]


def in_order_of_time(of_session: Sequence[Assessed], own: Sequence[Any]) -> list[Any]:
    """What was said of a call and of its session, as mappings."""
    return sorted([*(one._asdict() for one in of_session), *own], key=lambda one: one["at_ms"])
