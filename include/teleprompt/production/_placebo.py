"""The comparison that a watch makes, made where nothing was changed."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from teleprompt.deltaone.placebo import Placebo, placebo_of
from teleprompt.traces.in_production import AnsweredCall


def placebo_comparisons(
    calls: Sequence[AnsweredCall], *, until: datetime, length: timedelta, before: timedelta, history: timedelta
) -> Placebo:
    """The calls of one version in periods of a `length`, each with those in the time `before` it.

    The periods end `until` the version was replaced and reach back over `history`; one without outcomes on either side
    does not count.
    """
    end_ms, span_ms, before_ms = (_milliseconds(part) for part in (timedelta(0), length, before))
    until_ms = round(until.timestamp() * 1000)
    scored = [(until_ms - call.started_at_ms, call.score_e6) for call in calls if call.score_e6 is not None]
    differences = []
    while end_ms + span_ms <= _milliseconds(history):
        start_ms = end_ms + span_ms  # ago
        period = [score for ago, score in scored if end_ms < ago <= start_ms]
        earlier = [score for ago, score in scored if start_ms < ago <= start_ms + before_ms]
        if period and earlier:
            differences.append(sum(period) / len(period) - sum(earlier) / len(earlier))
        end_ms = start_ms
    return placebo_of(differences)


def _milliseconds(span: timedelta) -> int:
    return round(span.total_seconds() * 1000)
