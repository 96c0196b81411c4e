"""Feedback on a whole session, which MLflow keeps on the session's first trace."""

from collections.abc import Sequence
from datetime import timedelta

from teleprompt.traces.sources._assessments import Assessed

REACH = timedelta(days=1)
"""How long after the call that it lies on it counts for the session's other calls."""

REACH_MS = REACH // timedelta(milliseconds=1)


class SessionFeedback:
    """What was said of sessions, as far as calls were read; these come in order of time."""

    def __init__(self) -> None:
        self._said: dict[str, list[tuple[int, Assessed]]] = {}

    def add(self, session: str | None, started_at_ms: int, outcomes: Sequence[Assessed]) -> None:
        """Take note of what lies on a call of the session."""
        if session is not None:
            said = [(started_at_ms, one) for one in outcomes if one.of_session]
            if said:
                self._said.setdefault(session, []).extend(said)

    def with_session(self, session: str | None, started_at_ms: int, outcomes: Sequence[Assessed]) -> list[Assessed]:
        """What was said of a call, with what was said of its session on another one."""
        if session not in self._said:
            return list(outcomes)
        before = [
            one
            for at_ms, one in self._said[session]
            if at_ms <= started_at_ms <= at_ms + REACH_MS and one not in outcomes
        ]
        return sorted([*before, *outcomes], key=lambda one: one.at_ms)
