"""What rows say of outcomes, as events, and which of these are new."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from teleprompt.encoding.canonical_json import sha256_hex
from teleprompt.traces.submission.row import SubmittedTrace

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Accepted(NamedTuple):
    """When a row was accepted."""

    at_us: int
    """Microseconds since 1970; the same for all rows of one submission, and later than those of the one before."""
    line: int
    """Its line in the submission."""


class Event(NamedTuple):
    """Something that was said of one outcome of a call."""

    event_id: str
    """What MLflow calls it; the same event has the same id, whoever hands it in and when."""
    name: str
    value: float | None
    """None takes back what was said before."""
    at_us: int
    accepted: Accepted
    is_undated: bool
    """Whether it has neither an id nor a time of its own: it says what is so now."""

    @property
    def order(self) -> str:
        """Text that sorts as the events do: by time, then as they were accepted."""
        return f"{order_of(self.at_us)}.{self.accepted.at_us:020d}.{self.accepted.line:010d}"


class Known(NamedTuple):
    """What MLflow holds of an outcome of a call, whoever said it."""

    event_id: str
    value: object
    order: str
    is_valid: bool
    """False if somebody has overridden it."""


def order_of(at_us: int) -> str:
    """The beginning of an event's order, and the whole of one that was not handed in."""
    return f"{at_us:020d}"


def microseconds(moment: datetime) -> int:
    """Since 1970, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def events_of(row: SubmittedTrace, accepted: Accepted, *, call: str) -> list[Event]:
    """The events of a row; `call` is what MLflow calls its trace."""
    at_us = accepted.at_us if row.outcome_at is None else microseconds(row.outcome_at)
    is_undated = row.event_id is None and row.outcome_at is None
    events = []
    for name, value in row.outcomes.items():
        if row.event_id is not None:
            own = f"id\0{row.event_id}"
        elif row.outcome_at is not None:
            own = f"at\0{at_us}\0{value}"
        else:
            own = f"accepted\0{accepted.at_us}\0{accepted.line}"
        event_id = "a-" + sha256_hex(f"{call}\0{name}\0{own}".encode())[:32]
        events.append(Event(event_id, name, value, at_us, accepted, is_undated))
    return events


def contradicts(event: Event, known: Iterable[Known]) -> bool:
    """Whether the event of that id is known, and says something else."""
    return any(one.event_id == event.event_id and one.value != event.value for one in known)


def news(events: Sequence[Event], known: Iterable[Known]) -> list[Event]:
    """Those of `events`, all of one outcome of one call, that say something new.

    An event that is known by its id does not. An undated one that says what is so already does not, and nor do those
    of a submission that end as the history does: one that is sent again word for word adds nothing.
    """
    known = list(known)
    ids = {one.event_id for one in known}
    history = [(one.order, one.value) for one in known if one.is_valid]
    found: list[Event] = []
    for _, rows in groupby(sorted(events, key=lambda e: e.accepted), key=lambda e: e.accepted.at_us):
        submission = list(rows)
        if _is_repeated([event for event in submission if event.is_undated], history, ids):
            submission = [event for event in submission if not event.is_undated]
        for event in submission:
            if event.event_id in ids or (event.is_undated and _before(event, history)[-1:] == [event.value]):
                continue
            ids.add(event.event_id)
            history.append((event.order, event.value))
            found.append(event)
    return found


def _is_repeated(undated: Sequence[Event], history: Sequence[tuple[str, object]], ids: set[str]) -> bool:
    """Whether the history ends as they do; not when some of them are written, for then the rest was interrupted."""
    if not undated or any(event.event_id in ids for event in undated):
        return False
    return _before(undated[0], history)[-len(undated) :] == [event.value for event in undated]


def _before(event: Event, history: Iterable[tuple[str, object]]) -> list[object]:
    return [value for order, value in sorted(history, key=lambda one: one[0]) if order < event.order]
