"""What was said of a call over time, and what of it still stands."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from teleprompt.program.fields import json_text
from teleprompt.traces.sources import tags

FEEDBACK, EXPECTATION = "feedback", "expectation"


class Assessed(NamedTuple):
    """One assessment of a call, in the order of the raw schema's `outcomes`."""

    name: str
    value: float | None
    """None where it is no number and no boolean."""
    at_ms: int
    kind: str
    """`feedback` or `expectation`."""
    source: str
    """MLflow's `AssessmentSourceType`: `HUMAN`, `CODE`, `LLM_JUDGE`; what says none is code."""
    rater: str | None
    """Who of that source."""
    span: str | None
    """Id of the span that it was said of, later its name; None for the whole trace."""
    on_call: bool
    """Whether it was said of the whole trace, of the span that is the call, or of one without a parent."""
    text: str | None
    """A value that is no number: a text as it is, anything else as JSON. Of an expectation always JSON."""
    rationale: str | None
    of_session: bool
    """Whether it was said of the whole session."""


class Event(NamedTuple):
    """An assessment among those before and after it."""

    said: Assessed
    order: str
    """Among those of one millisecond, where it was handed in; empty for what others logged."""
    retracts: bool
    """Whether it takes back what was said under that name before it, and says nothing itself."""


def event(
    name: str,
    value: Any,
    at_ms: int,
    *,
    kind: str,
    source: str | None,
    rater: str | None,
    span: str | None,
    rationale: str | None,
    metadata: Any,
) -> Event | None:
    """An assessment as MLflow holds it; None for one that gives no value: a comment, or a scorer's error."""
    own = metadata if isinstance(metadata, Mapping) else {}
    retracts = tags.RETRACTS in own
    if value is None and not retracts:
        return None
    number, text = _read(value) if kind == FEEDBACK else (None, _as_json(value))
    said = Assessed(
        name=name,
        value=number,
        at_ms=at_ms,
        kind=kind,
        source=_SAME.get(source or "", source or "CODE"),
        rater=rater or None,
        span=span or None,
        on_call=not span,
        text=text,
        rationale=_writable(rationale or None),
        of_session=tags.SESSION in own,
    )
    return Event(said, str(own.get(tags.EVENT_ORDER, "")), retracts)


_SAME = {"AI_JUDGE": "LLM_JUDGE", "SOURCE_TYPE_UNSPECIFIED": "CODE"}
"""MLflow's older names."""


def standing(history: Iterable[Event | None]) -> list[Assessed]:
    """The assessments that were not taken back, in order of time."""
    kept: list[Assessed] = []
    for one in sorted((each for each in history if each is not None), key=_by_time):
        if one.retracts:
            kept = [said for said in kept if said.name != one.said.name]
        else:
            kept.append(one.said)
    return kept


def _by_time(one: Event) -> tuple[Any, ...]:
    said = one.said
    return said.at_ms, one.order, said.name, said.value is None, said.value or 0.0, said.source, said.text or ""


def _read(value: Any) -> tuple[float | None, str | None]:
    """A value as a number, else as a text; neither of one that no text can hold."""
    if isinstance(value, (bool, int, float)):
        try:
            return float(value), None
        except OverflowError:  # an integer beyond 10**308
            return None, "number"
    try:
        return None, _writable(value if isinstance(value, str) else json_text(_whole(value)))
    except (ValueError, TypeError, RecursionError):
        return None, None


def _as_json(value: Any) -> str | None:
    try:
        return _writable(json_text(_whole(value)))
    except (ValueError, TypeError, RecursionError):
        return None


def _whole(value: Any) -> Any:
    """A value with whole numbers as such: MLflow's API gives each number as a float, its database as it was logged."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {name: _whole(item) for name, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list) else value


def _writable(text: str | None) -> str | None:
    """A text that Unicode can encode; None of one with half of a surrogate pair."""
    try:
        (text or "").encode()
    except UnicodeEncodeError:
        return None
    return text
