"""Reading only what is new: raw traces are kept by UTC day, and a day is read again only if something in it changed.

Beside each day's rows stand when it was read and the source's mark of it. By SQL the marks tell, whatever their age,
which days changed: in a call, in what was said of one, or in its tags. MLflow's API cannot tell: there, days are read
again until they are `settled`, and of settled ones the number of calls is checked. Spans that were read are never read
again.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

from teleprompt.encoding.canonical_json import digest_of
from teleprompt.errors import TelepromptError
from teleprompt.records import Record
from teleprompt.storage.blobs import Blob, delete_blob, get_blob, put_blob, read_note, write_note
from teleprompt.traces.sources.pieces import days_of, is_whole_day
from teleprompt.traces.sources.raw import UNFETCHED, TraceSource, raw_schema
from teleprompt.window import Window

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

VERSION = 4
"""Of what is kept; another one does not find it."""

MOST_BYTES_OF_A_DAY = 32 * 2**20
"""A larger day is not kept: it would have to be held whole."""


class Day(Record):
    """One UTC day of one program's calls of one kind, as it was read."""

    rows: int
    mark: str | None
    read_at: datetime
    blob: Blob


@dataclass(frozen=True)
class Shelf:
    """Where the days of one program and source are kept. Another store, experiment or outcome is another shelf."""

    storage_uri: str
    name: str

    @classmethod
    def of(cls, storage_uri: str, **identity: Any) -> "Shelf":
        """The shelf of what `identity` tells apart."""
        return cls(storage_uri, digest_of({**identity, "version": VERSION}))

    def find(self, day: Window) -> Day | None:
        """What is kept of `day`."""
        text = read_note(self.storage_uri, f"days/{self.name}/{day.start:%Y-%m-%d}.json")
        try:
            return None if text is None else Day.from_stored(text)
        except ValueError as error:
            log.warning("What is kept of %s cannot be read (%s); the day is read again.", f"{day.start:%F}", error)
            return None

    def rows(self, day: Day) -> "pa.Table | None":
        """The raw traces of `day`; None if they were lost or damaged."""
        import pyarrow as pa

        try:
            return pa.ipc.open_file(get_blob(day.blob)).read_all()
        except TelepromptError as error:
            log.warning("%s The day is read again.", error)
            delete_blob(day.blob)
            return None

    def keep(self, day: Window, table: "pa.Table", *, mark: str | None, read_at: datetime) -> None:
        """Keep the raw traces of `day`, in place of what was kept of it."""
        import pyarrow as pa

        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
            writer.write_table(table)
        blob = put_blob(self.storage_uri, f"days/{self.name}", sink.getvalue().to_pybytes(), suffix=".arrow")
        before = self.find(day)
        kept = Day(rows=len(table), mark=mark, read_at=read_at, blob=blob)
        write_note(self.storage_uri, f"days/{self.name}/{day.start:%Y-%m-%d}.json", kept.to_stored())
        if before and before.rows and before.blob.digest != blob.digest:  # all empty days are one file
            delete_blob(before.blob)


def read_new(
    source: TraceSource, program: str, window: Window, *, shelf: Shelf, settled: timedelta, now: datetime
) -> Iterator["pa.Table"]:
    """The raw traces of `window`, in order: from the shelf what did not change, the rest from `source`."""
    days = list(days_of(window))
    marks = source.marks(program, days)
    known = [shelf.find(day) if is_whole_day(day) else None for day in days]
    fresh = [
        kept is not None and (kept.mark == marks[i] if marks is not None else kept.read_at >= days[i].end + settled)
        for i, kept in enumerate(known)
    ]
    if marks is None:
        fresh = _confirmed(source, program, days, known, fresh)
    log.info("%s by %s: %d of %d days kept from before", source.kind, source.route, sum(fresh), len(days))
    for is_fresh, numbers in groupby(range(len(days)), key=lambda i: fresh[i]):
        stretch = list(numbers)
        for some in ([i] for i in stretch) if is_fresh else [stretch]:
            kept = known[some[0]] if is_fresh else None
            rows = shelf.rows(kept) if kept is not None else None
            if rows is not None:
                yield rows
            else:
                yield from _read_stretch(source, program, days, some, known, marks, shelf=shelf, now=now)


def _read_stretch(
    source: TraceSource,
    program: str,
    days: Sequence[Window],
    stretch: Sequence[int],
    known: Sequence[Day | None],
    marks: Sequence[str] | None,
    *,
    shelf: Shelf,
    now: datetime,
) -> Iterator["pa.Table"]:
    """Read consecutive days at once; each is kept as soon as it is complete, so that a later attempt goes on there."""
    import pyarrow as pa
    import pyarrow.compute as pc

    held = _held(source, shelf, [day for i in stretch if (day := known[i]) is not None])
    span = Window(start=days[stretch[0]].start, end=days[stretch[-1]].end)
    pending: list[pa.Table] = []
    todo, too_large = list(stretch), set[int]()

    def close(upto_ms: int | None) -> Iterator[pa.Table]:
        """Give out and keep the days that end by `upto_ms`; all of them for None."""
        nonlocal pending
        while todo and (upto_ms is None or days[todo[0]].end_ms <= upto_ms):
            day = days[todo[0]]
            rows = pa.concat_tables([raw_schema().empty_table(), *pending])
            mine = pc.less(rows["started_at_ms"], day.end_ms)
            pending = [rows.filter(pc.invert(mine))]
            rows = rows.filter(mine).combine_chunks()
            if is_whole_day(day) and day.end <= now and todo[0] not in too_large:
                # What could not be read whole is kept for the next attempt, but as old as the day itself.
                whole = not pc.any(pc.is_in(_forms(rows), value_set=pa.array([UNFETCHED]))).as_py()
                mark = marks[todo[0]] if marks is not None and whole else None
                shelf.keep(day, rows, mark=mark, read_at=now if whole else day.start)
            todo.pop(0)
            if len(rows):
                yield rows

    for batch in source.read(program, span, known=pa.concat_tables(held) if held else None):
        if len(batch):
            pending.append(batch)
            yield from close(batch["started_at_ms"][-1].as_py())
            if sum(table.nbytes for table in pending) > MOST_BYTES_OF_A_DAY:
                if todo[0] not in too_large:
                    log.info(
                        "%s has more than %d MB and is not kept", f"{days[todo[0]].start:%F}", MOST_BYTES_OF_A_DAY >> 20
                    )
                too_large.add(todo[0])
                yield from pending
                pending = []
    yield from close(None)


def _held(source: TraceSource, shelf: Shelf, days: Sequence[Day]) -> "list[pa.Table]":
    """What is kept of days that are read again, so that their spans need not be; as much as memory may hold."""
    held: list[pa.Table] = []
    for day in days if source.kind == "traces" else ():
        table = shelf.rows(day)
        if table is not None:
            held.append(table)
        if sum(table.nbytes for table in held) > 2 * MOST_BYTES_OF_A_DAY:
            break
    return held


def _forms(rows: "pa.Table") -> "pa.Array":
    """Which forms there are in `rows`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    entries = rows["forms"].combine_chunks().cast(pa.list_(pa.struct([("key", pa.string()), ("value", pa.string())])))
    return pc.list_flatten(entries).field("key")


def _confirmed(
    source: TraceSource, program: str, days: Sequence[Window], known: Sequence[Day | None], fresh: Sequence[bool]
) -> list[bool]:
    """`fresh`, but for stretches whose number of calls is no longer the one that was read; these are halved."""
    result = list(fresh)

    def check(numbers: list[int]) -> None:
        span = Window(start=days[numbers[0]].start, end=days[numbers[-1]].end)
        expected = sum(day.rows for i in numbers if (day := known[i]) is not None)
        if source.holds(program, span, expected) and not source.holds(program, span, expected + 1):
            return
        if len(numbers) == 1:
            result[numbers[0]] = False
            return
        check(numbers[: len(numbers) // 2])
        check(numbers[len(numbers) // 2 :])

    for is_fresh, numbers in groupby(range(len(days)), key=lambda i: fresh[i]):
        if is_fresh:
            check(list(numbers))
    return result


def utc_now() -> datetime:
    """The present."""
    return datetime.now(UTC)
