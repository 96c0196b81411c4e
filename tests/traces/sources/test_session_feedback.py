"""Feedback on a whole session."""

from teleprompt.traces.sources._assessments import Assessed, event
from teleprompt.traces.sources._session_feedback import REACH_MS, SessionFeedback


def said(value: float) -> Assessed:
    one = event(
        "ok", value, 5, kind="feedback", source="HUMAN", rater=None, span="abc", rationale=None,
        metadata={"mlflow.trace.session": "S"},
    )  # fmt: skip
    assert one is not None
    return one.said


def values(
    sessions: SessionFeedback, at_ms: int, trace_id: str = "later", session: str | None = "S"
) -> list[float | None]:
    return [one.value for one in sessions.of(session, at_ms, trace_id)]


def test_it_counts_for_the_later_calls_of_the_session_for_a_day() -> None:
    sessions = SessionFeedback()
    sessions.add("S", 1000, "first", [said(1)])
    assert values(sessions, 1000) == values(sessions, 1000 + REACH_MS) == [1]
    assert values(sessions, 1000 + REACH_MS + 1) == values(sessions, 999) == values(sessions, 2000, session="T") == []
    assert sessions.of("S", 2000, "x")[0].span is None


def test_it_is_counted_once_however_often_the_call_was_read() -> None:
    sessions = SessionFeedback()
    for _ in range(3):
        sessions.add("S", 1000, "first", [said(1)])
    assert values(sessions, 2000) == [1]


def test_a_call_that_carries_its_own_takes_no_other() -> None:
    sessions = SessionFeedback()
    sessions.add("S", 1000, "first", [said(1)])
    sessions.add("S", 2000, "second", [said(0)])
    assert values(sessions, 2000, "second") == []
    assert values(sessions, 3000) == [0]
    assert values(sessions, 1500) == [1]
