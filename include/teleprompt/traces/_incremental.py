"""Reading only what is new: raw traces are kept by UTC day, and a day is read again only if something in it changed.

Beside each day's rows stand when it was read and the source's mark of it. By SQL the marks tell, whatever their age,
which days changed: in a call, in what was said of one, or in its tags. So they do of traces by MLflow's API, where they
take reading the traces without their spans. Of runs it tells nothing without the rest: there, days are read again until
they are `settled`, and once in `SEEN_ANEW_AFTER`; between, the number of calls is checked. Spans that were read are
never read again.
"""

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from teleprompt.encoding.canonical_json import digest_of
from teleprompt.errors import TelepromptError
from teleprompt.records import Record
from teleprompt.storage.blobs import Blob, delete_blob, fetch_file, put_file, read_note, write_note
from teleprompt.traces.sources.pieces import days_of, is_whole_day
from teleprompt.traces.sources.raw import UNFETCHED, NotesMarks, TraceSource, raw_schema
from teleprompt.window import Window

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

VERSION = 7
"""Of what is kept; another one does not find it."""

SEEN_ANEW_AFTER = timedelta(days=7)
"""How long a settled day is taken from the cache where no mark tells what changed in it."""

MOST_BYTES_HELD = 64 * 2**20
"""Of what was read before, to compare with; beyond that, spans are read again."""


class Day(Record):
    """One UTC day of one program's calls of one kind, as it was read."""

    rows: int
    mark: str | None
    read_at: datetime
    blob: Blob


@dataclass(frozen=True)
class DayCache:
    """Where the days of one program and source are kept. Another store, experiment or outcome is another cache."""

    storage_uri: str
    name: str

    @classmethod
    def of(cls, storage_uri: str, **identity: Any) -> "DayCache":
        """The cache of what `identity` tells apart."""
        return cls(storage_uri, digest_of({**identity, "version": VERSION}))

    def find(self, day: Window) -> Day | None:
        """What is kept of `day`."""
        text = read_note(self.storage_uri, f"days/{self.name}/{day.start:%Y-%m-%d}.json")
        try:
            return None if text is None else Day.from_stored(text)
        except ValueError as error:
            log.warning("What is kept of %s cannot be read (%s); the day is read again.", f"{day.start:%F}", error)
            return None

    def fetch(self, day: Day, folder: Path) -> "DayFile | None":
        """The raw traces of `day`, laid into a folder; None if they were lost or damaged."""
        try:
            return DayFile(fetch_file(day.blob, folder), day.rows)
        except TelepromptError as error:
            log.warning("%s The day is read again.", error)
            delete_blob(day.blob)
            return None

    def keep(self, day: Window, file: "DayFile", *, mark: str | None, read_at: datetime) -> None:
        """Keep the raw traces of `day`, in place of what was kept of it."""
        blob = put_file(self.storage_uri, f"days/{self.name}", file.path, suffix=".arrow")
        before = self.find(day)
        kept = Day(rows=file.rows, mark=mark, read_at=read_at, blob=blob)
        write_note(self.storage_uri, f"days/{self.name}/{day.start:%Y-%m-%d}.json", kept.to_stored())
        if before and before.rows and before.blob.digest != blob.digest:  # all empty days are one file
            delete_blob(before.blob)


@dataclass(frozen=True)
class DayFile:
    """The raw traces of a day in a file, which no day is too large for."""

    path: Path
    rows: int

    def tables(self) -> Iterator["pa.Table"]:
        """The rows, a part at a time, as they were written."""
        import pyarrow as pa

        with pa.OSFile(str(self.path)) as source:
            reader = pa.ipc.open_file(source)
            for number in range(reader.num_record_batches):
                yield pa.Table.from_batches([reader.get_batch(number)])


class _OpenDay:
    """A day's rows on their way into a file."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa

        self._path, self._rows = path, 0
        self._writer = pa.ipc.new_file(str(path), raw_schema(), options=pa.ipc.IpcWriteOptions(compression="zstd"))
        self.is_whole = True
        """Whether all of it could be read."""

    def append(self, rows: "pa.Table") -> None:
        """Add rows that follow those before."""
        import pyarrow as pa
        import pyarrow.compute as pc

        self._writer.write_table(rows)
        self._rows += len(rows)
        self.is_whole = self.is_whole and not pc.any(pc.is_in(_forms(rows), value_set=pa.array([UNFETCHED]))).as_py()

    def close(self) -> DayFile:
        """The file, complete."""
        self._writer.close()
        return DayFile(self._path, self._rows)


def read_new(
    source: TraceSource, program: str, window: Window, *, cache: DayCache, settled: timedelta, now: datetime
) -> Iterator["pa.Table"]:
    """The raw traces of `window`, in order: from the cache what did not change, the rest from `source`."""
    days = list(days_of(window))
    known = [cache.find(day) if is_whole_day(day) else None for day in days]
    marks = _marks(source, program, days, known)
    fresh = [
        kept is not None
        and (
            kept.mark == marks[i]
            if marks is not None
            else kept.read_at >= days[i].end + settled and now - kept.read_at < SEEN_ANEW_AFTER
        )
        for i, kept in enumerate(known)
    ]
    if marks is None:
        fresh = _confirmed(source, program, days, known, fresh)
    log.info("%s by %s: %d of %d days kept from before", source.kind, source.route, sum(fresh), len(days))
    for is_fresh, numbers in groupby(range(len(days)), key=lambda i: fresh[i]):
        stretch = list(numbers)
        for some in ([i] for i in stretch) if is_fresh else [stretch]:
            kept = known[some[0]] if is_fresh else None
            with TemporaryDirectory(prefix="teleprompt-days-") as folder:
                file = cache.fetch(kept, Path(folder)) if kept is not None else None
                if file is not None:
                    yield from file.tables()
                else:
                    yield from _read_stretch(
                        source, program, days, some, known, marks, cache=cache, now=now, folder=Path(folder)
                    )


def _marks(source: TraceSource, program: str, days: Sequence[Window], known: Sequence[Day | None]) -> list[str] | None:
    """The mark of each day, as far as it is worth asking for; None if the source has none."""
    if not isinstance(source, NotesMarks):
        return source.marks(program, days)
    kept = [day for day, there in zip(days, known, strict=True) if there is not None]
    found = dict(zip(kept, source.marks(program, kept) or (), strict=True))
    return [found.get(day, "") for day in days]


def _read_stretch(
    source: TraceSource,
    program: str,
    days: Sequence[Window],
    stretch: Sequence[int],
    known: Sequence[Day | None],
    marks: Sequence[str] | None,
    *,
    cache: DayCache,
    now: datetime,
    folder: Path,
) -> Iterator["pa.Table"]:
    """Read consecutive days at once; each is kept as soon as it is complete, so that a later attempt goes on there."""
    import pyarrow.compute as pc

    held = _held(source, cache, [day for i in stretch if (day := known[i]) is not None], folder)
    span = Window(start=days[stretch[0]].start, end=days[stretch[-1]].end)
    todo, opened = deque(stretch), _OpenDay(folder / "day.arrow")

    def close() -> None:
        """Keep the day that was read, if it is one that can be kept, and begin the next."""
        nonlocal opened
        number, file = todo.popleft(), opened.close()
        day = days[number]
        if is_whole_day(day) and day.end <= now:
            # What could not be read whole is kept for the next attempt, but as old as the day itself.
            mark = None
            if marks is not None and opened.is_whole:
                mark = source.noted(day) if isinstance(source, NotesMarks) else marks[number]
            cache.keep(day, file, mark=mark, read_at=now if opened.is_whole else day.start)
        opened = _OpenDay(folder / "day.arrow")

    for batch in source.read(program, span, known=held):
        rows = batch
        while len(rows):
            mine = pc.less(rows["started_at_ms"], days[todo[0]].end_ms)
            of_day, rows = rows.filter(mine), rows.filter(pc.invert(mine))
            if len(of_day):
                opened.append(of_day)
                yield of_day
            if len(rows):
                close()
    while todo:
        close()
    opened.close()


def _held(source: TraceSource, cache: DayCache, days: Sequence[Day], folder: Path) -> "pa.Table | None":
    """What is kept of days that are read again, so that their spans need not be; as much as memory may hold."""
    import pyarrow as pa

    held: list[pa.Table] = []
    for day in days if source.kind == "traces" else ():
        file = cache.fetch(day, folder)
        for table in file.tables() if file is not None else ():
            if sum(part.nbytes for part in held) + table.nbytes > MOST_BYTES_HELD:
                return pa.concat_tables(held) if held else None
            held.append(table)
    return pa.concat_tables(held) if held else None


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
