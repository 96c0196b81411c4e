"""Whether a source of one's own keeps what is promised of sources, tried on a window of its calls."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from teleprompt.config.outcome import OutcomeConfig
from teleprompt.errors import ConfigurationError, TelepromptError
from teleprompt.records import Record
from teleprompt.traces.outcomes import resolve
from teleprompt.traces.sources.raw import TraceSource, raw_schema
from teleprompt.window import Window

if TYPE_CHECKING:
    import pyarrow as pa


class SourceCheck(Record):
    """What was found."""

    calls: int
    """Of none nothing can be told."""
    with_outcome: int
    """Calls with an outcome that counts, or an expectation."""
    problems: tuple[str, ...]
    """Each in a sentence; none is a source that keeps its promises on this window."""


def check_source(source: TraceSource, program: str, window: Window, outcome: OutcomeConfig) -> SourceCheck:
    """Read a window in several ways and compare.

    Raises:
        TelepromptError: the source itself says what is wrong.
    """
    try:
        rows = _read(source, program, window)
        problems = list(_problems(source, program, window, rows))
    except TelepromptError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the source's
        return SourceCheck(calls=0, with_outcome=0, problems=(f"It raised {type(error).__name__}: {error}",))
    return SourceCheck(calls=len(rows), with_outcome=_judged(rows, outcome), problems=tuple(problems))


def _judged(rows: "pa.Table", outcome: OutcomeConfig) -> int:
    """How many calls have an outcome that counts and is a number, or an expectation."""
    values = resolve(rows.combine_chunks()["outcomes"], outcome).values[outcome.metric].to_pylist()
    expected = [any(one["kind"] == "expectation" for one in said) for said in rows["outcomes"].to_pylist()]
    return sum(label or (value is not None and value == value) for value, label in zip(values, expected, strict=True))


def _problems(source: TraceSource, program: str, window: Window, rows: "pa.Table") -> Iterator[str]:
    ids, starts = rows["trace_id"].to_pylist(), rows["started_at_ms"].to_pylist()
    if not ids:
        return
    if len(set(ids)) < len(ids):
        yield f"It gives {len(ids) - len(set(ids))} ids twice; an id is one call."
    if list(zip(starts, ids, strict=True)) != sorted(zip(starts, ids, strict=True)):
        yield "Its calls do not come in the order of start and id."
    outside = sum(not window.start_ms <= start < window.end_ms for start in starts)
    if outside:
        yield f"{outside} calls start outside of the window that was asked for."
    if _texts(_read(source, program, window)) != _texts(rows):
        yield "Read again, it gives other rows; a call must be the same each time."
    yield from _parts(source, program, window, rows)
    yield from _numbers(source, program, window, len(ids))


def _parts(source: TraceSource, program: str, window: Window, rows: "pa.Table") -> Iterator[str]:
    """The halves of the window together are the window; the border falls onto a call."""
    middle = window.start + timedelta(milliseconds=rows["started_at_ms"][len(rows) // 2].as_py() - window.start_ms)
    if not window.start < middle < window.end:
        return
    halves = [Window(start=window.start, end=middle), Window(start=middle, end=window.end)]
    if [text for half in halves for text in _texts(_read(source, program, half))] != _texts(rows):
        yield f"The parts of the window before and from {middle.isoformat()} on do not give what the whole gives."


def _numbers(source: TraceSource, program: str, window: Window, calls: int) -> Iterator[str]:
    counted = source.count(program, window)
    if counted != calls:
        yield f"count() says {counted}, and {calls} calls were read."
    for number in (0, calls, calls + 1):
        if source.holds(program, window, number) is not (number <= calls):
            yield f"holds({number}) is {number > calls}, with {calls} calls."
    marks = source.marks(program, [window])
    if marks is not None and (len(marks) != 1 or source.marks(program, [window]) != marks):
        yield "marks() is not one text for each window, the same while nothing changes."


def _texts(rows: "pa.Table") -> list[str]:
    """Each row as a text: NaN equals itself there."""
    return [repr(row) for row in rows.to_pylist()]


def _read(source: TraceSource, program: str, window: Window) -> "pa.Table":
    import pyarrow as pa

    tables: list[Any] = list(source.read(program, window))
    wrong = next((table for table in tables if table.schema != raw_schema()), None)
    if wrong is not None:
        names = sorted({field.name for field in raw_schema()} ^ set(wrong.schema.names)) or ["the types"]
        raise ConfigurationError(f"It gives tables of another schema than raw_schema() ({', '.join(names)} differ).")
    return pa.concat_tables([raw_schema().empty_table(), *tables])
