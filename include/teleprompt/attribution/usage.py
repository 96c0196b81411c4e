"""Which traces were used where."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from teleprompt.evaluate.examples import good_rows
from teleprompt.program.fields import Field, ProgramFields
from teleprompt.program.state import predictor_states
from teleprompt.records import Record
from teleprompt.traces.row import TraceRow
from teleprompt.traces.split import Part


class Used(Record):
    """How many of a contributor's traces went where; `demos` are those of `train` that stand in the program."""

    train: int
    select: int
    gate: int
    demos: int


def rows_read(
    parts: Mapping[Part, Sequence[TraceRow]], *, min_quality_score: float, compared: Collection[str]
) -> dict[Part, list[TraceRow]]:
    """Of the collected rows those that a stage read.

    Compiling and selecting read the rows that turned out well; the gate reads those whose ids are `compared`, which
    leaves out what it had retired and what a program knew by heart.
    """
    ids = set(compared)
    return {
        part: [row for row in rows if row.trace_id in ids]
        if part is Part.GATE
        else good_rows(rows, min_quality_score=min_quality_score)
        for part, rows in parts.items()
    }


def with_borrowed(parts: Mapping[Part, Sequence[TraceRow]], borrowed: Sequence[TraceRow]) -> dict[Part, list[TraceRow]]:
    """The rows that stages read, with those of another program that it was taught by."""
    known = {row.trace_id for rows in parts.values() for row in rows}
    found = {part: list(rows) for part, rows in parts.items()}
    found[Part.TRAIN] += [row for row in borrowed if row.trace_id not in known]
    return found


def used_by(
    parts: Mapping[Part, Sequence[TraceRow]],
    demos: Iterable[str],
    *,
    holder_of: Callable[[TraceRow], str],
    contributors: Iterable[str],
) -> dict[str, Used]:
    """Counts per contributor; `demos` are ids of traces, `holder_of` names the contributor behind each row."""
    shown = set(demos)
    counts = {part: Counter(holder_of(row) for row in rows) for part, rows in parts.items()}
    in_program = Counter(holder_of(row) for row in parts[Part.TRAIN] if row.trace_id in shown)
    return {
        holder: Used(
            train=counts[Part.TRAIN][holder],
            select=counts[Part.SELECT][holder],
            gate=counts[Part.GATE][holder],
            demos=in_program[holder],
        )
        for holder in sorted(contributors)
    }


def demo_traces(state: bytes, train: Sequence[TraceRow], fields: ProgramFields) -> tuple[str, ...]:
    """Ids of the train traces whose inputs stand as demonstrations in a program's state, in order.

    An optimizer keeps no trace ids, so a demonstration is known by its inputs: of equal ones the earliest trace counts.
    A demonstration of an inner predictor is known by those of its fields that are the program's own.
    """
    inputs = {field.name: field for field in fields.inputs}
    known: dict[tuple[str, ...], dict[tuple[str | None, ...], str]] = {}
    found: dict[str, None] = {}
    for demo in (demo for _, predictor in predictor_states(state) for demo in predictor["demos"]):
        names = tuple(name for name in inputs if name in demo)
        if not names:
            continue
        if names not in known:
            known[names] = {}
            for row in train:
                key = tuple(_comparable(inputs[name], row.inputs.get(name)) for name in names)
                known[names].setdefault(key, row.trace_id)
        trace_id = known[names].get(tuple(inputs[name].comparable(demo[name]) for name in names))
        if trace_id is not None:
            found[trace_id] = None
    return tuple(found)


def _comparable(field: Field, text: str | None) -> str | None:
    return None if text is None else field.comparable(field.from_row(text))
