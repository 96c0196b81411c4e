"""What reading runs and traces by SQL have in common: ids first, then everything of some thousand calls at a time."""

from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

from teleprompt.traces.sources import tags
from teleprompt.traces.sources._marks import DayMarks
from teleprompt.traces.sources._patience import patiently
from teleprompt.traces.sources.raw import in_order
from teleprompt.traces.sources.sql.database import THREADS, Database
from teleprompt.window import EARLIEST, Window

if TYPE_CHECKING:
    import pyarrow as pa

PIECE = 50_000
"""Calls whose ids, or marks, are held at a time."""

CHUNK = 5000
"""Calls that are asked about in one query."""

CHUNK_BYTES = 8 * 2**20
"""Calls whose details are fetched at a time are no more than these, where the store knows how large calls are."""

WORTH_TWO = 8
"""Parts from which a second connection is worth its start; of SQLite that is a process."""

SCAN_WHEN_ONE_OF = 5
"""Tags are scanned once when the window holds at least one in so many of the store's calls."""

EVER = datetime(1970, 1, 1, tzinfo=UTC)


class SqlSource:
    """Reads one kind of calls from the tables; a subclass knows which."""

    kind: str
    route = "sql"
    call_table: ClassVar[str]
    tag_tables: ClassVar[Sequence[str]]
    """Where a call may name its program; what the first says goes before the others."""
    id_column: ClassVar[str]
    reach: ClassVar[timedelta] = timedelta()
    """How long after a call what was said of it may count for others."""

    def __init__(self, database: Database, experiment_ids: Sequence[str], *, page_size: int) -> None:
        """`page_size` calls at most have their details fetched at a time."""
        self._database = database
        self._page_size = page_size
        self._total: int | None = None
        """Calls of the store, all programs', counted once."""
        self._experiments = ", ".join(str(int(experiment)) for experiment in experiment_ids)

    def read(self, program: str, window: Window, *, known: "pa.Table | None" = None) -> Iterator["pa.Table"]:
        """The calls of `program` that started in `window`."""
        if not self._experiments:
            return
        details = self._details(program, window)
        under_way: deque[Future[pa.Table]] = deque()
        try:
            for piece in self._pieces(window):
                ids = self._ids(program, piece)
                chunks = list(self._chunks(ids))
                turns = nullcontext() if len(chunks) >= WORTH_TWO else Lock()
                for first, number in chunks:
                    calls = ids.slice(first, number).combine_chunks()
                    asked = partial(_in_turn, turns, partial(details, calls, known))
                    under_way.append(self._database.threads.submit(patiently, asked))
                    if len(under_way) > THREADS:
                        yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()

    def _pieces(self, window: Window) -> Iterator[Window]:
        """A window in pieces of not many more than `PIECE` calls of all programs."""
        import numpy as np

        table = patiently(lambda: self._database.query(self._starts(window)))
        starts = np.sort(table.column(0).to_numpy().astype(np.int64)) if len(table) else np.empty(0, np.int64)
        cuts = np.unique(starts[PIECE::PIECE])
        inner = [EARLIEST + timedelta(milliseconds=cut) for cut in cuts[cuts > window.start_ms].tolist()]
        for start, end in pairwise([window.start, *inner, window.end]):
            yield Window(start=start, end=end)

    def _chunks(self, ids: "pa.Table") -> Iterator[tuple[int, int]]:
        """Where to cut the calls: first and number of each part."""
        sizes = patiently(partial(self._sizes, ids))
        if sizes is None:
            step = self._page_size
            yield from ((first, min(step, len(ids) - first)) for first in range(0, len(ids), step))
            return
        first = held = 0
        for i, size in enumerate(sizes):
            if i > first and (held + size > CHUNK_BYTES or i - first == self._page_size):
                yield first, i - first
                first, held = i, 0
            held += size
        if len(ids):
            yield first, len(ids) - first

    def _sizes(self, ids: "pa.Table") -> Sequence[int] | None:
        """Bytes of each call; None where the store does not know, and calls are small."""
        del ids
        return None

    def _ids(self, program: str, window: Window) -> "pa.Table":
        """Ids, starts, latencies and states of the calls, ordered."""
        import pyarrow.compute as pc

        calls = in_order(patiently(lambda: self._database.query(self._calls(window))))
        if not len(calls):
            return calls
        ids = calls["trace_id"].combine_chunks()
        return calls.filter(pc.is_in(ids, value_set=self._named(program, ids)))

    def _named(self, program: str, ids: "pa.Array") -> "pa.Array":
        """Ids of the program's calls, at least those among `ids`.

        MLflow's index on tags serves single calls; of many calls, scanning the tags once is four times faster.
        """
        import pyarrow as pa

        mine = self._database.is_text("x.value")
        if self._total is None:
            count = f"SELECT COUNT(*) FROM {self.call_table}"  # noqa: S608 - our own names
            self._total = int(patiently(lambda: self._database.rows(count))[0][0])
        found = []
        for table in self.tag_tables:
            named = f"SELECT x.{self.id_column} FROM {table} x WHERE {mine}"  # noqa: S608
            if len(ids) * SCAN_WHEN_ONE_OF >= self._total:
                scans = [f"{named}{one_of('x.key', (tags.PROGRAM,))}"]
            else:
                chunks = (ids.slice(first, CHUNK) for first in range(0, len(ids), CHUNK))
                among = (self._database.among(f"x.{self.id_column}", chunk) for chunk in chunks)
                scans = [f"{named} AND x.key = '{tags.PROGRAM}' AND {these}" for these in among]
            found += [_texts(patiently(partial(self._database.query, scan, program)).column(0)) for scan in scans]
        return pa.concat_arrays(found)

    def count(self, program: str, window: Window, *, enough: int | None = None) -> int:
        """How many calls started in `window`, also if they are more than `enough`."""
        del enough
        return self._number(f"SELECT COUNT(*) FROM {self._mine(window)}", program)  # noqa: S608 - our own names

    def holds(self, program: str, window: Window, number: int) -> bool:
        """Whether at least `number` calls started in `window`."""
        limited = f"SELECT 1 AS one FROM {self._mine(window)} LIMIT {max(number, 0)}"  # noqa: S608
        return self._number(f"SELECT COUNT(*) FROM ({limited}) limited", program) >= number  # noqa: S608

    def outcomes(self, program: str, window: Window, metric: str) -> int | None:
        """How many values of `metric` arrived in `window`."""
        if not self._experiments:
            return 0
        return [name for (name,) in self._database.rows(self._arrived(window), program)].count(metric)

    def marks(self, program: str, windows: Sequence[Window]) -> list[str] | None:
        """A digest of each UTC day in which a window lies: of its calls, what was said of them, and their tags."""
        if not windows or not self._experiments:
            return ["" for _ in windows]
        marks = DayMarks()
        for piece in self._pieces(Window(start=max(windows[0].start - self.reach, EARLIEST), end=windows[-1].end)):
            self._add_to(marks, program, piece)
        return marks.of(window.start_ms for window in windows)

    @abstractmethod
    def _of_window(self, window: Window) -> str:
        """SQL for the table of calls as `c` and the condition that they started in the window."""

    @abstractmethod
    def _calls(self, window: Window) -> str:
        """SQL for `trace_id`, `started_at_ms`, `latency_ms` and `status` of all programs' calls of the window."""

    def _mine(self, window: Window) -> str:
        """SQL for the calls `c` of the program `:text` in the window."""
        return f"{self._of_window(window)} AND {self._names_program()}"

    def _names_program(self) -> str:
        """SQL for the condition that the call `c` is the program's, by the first table that names one."""
        said, before = [], ""
        for table in self.tag_tables:
            here = (
                f"SELECT 1 FROM {table} t WHERE t.{self.id_column} = c.{self.id_column} "  # noqa: S608
                f"AND t.key = '{tags.PROGRAM}'"
            )
            said.append(f"{before}EXISTS ({here} AND {self._database.is_text('t.value')})")
            before += f"NOT EXISTS ({here}) AND "
        return f"({' OR '.join(said)})"

    @abstractmethod
    def _arrived(self, window: Window) -> str:
        """SQL for the names of the outcomes of `:text` that arrived in the window."""

    @abstractmethod
    def _starts(self, window: Window) -> str:
        """SQL for the start of each call of the window, in milliseconds."""

    @abstractmethod
    def _add_to(self, marks: DayMarks, program: str, window: Window) -> None:
        """Add all that can change of the program's calls of a window."""

    @abstractmethod
    def _details(self, program: str, window: Window) -> Callable[["pa.Table", "pa.Table | None"], "pa.Table"]:
        """What gives the raw table of some of the window's calls, out of what is known of them where it can."""

    def _changeable(self, program: str, sql: str) -> "pa.Table":
        return patiently(partial(self._database.query, sql, program))

    def _of_calls(
        self, table: str, id_column: str, columns: Sequence[str], calls: "pa.Table", more: str = ""
    ) -> Iterator["pa.Table"]:
        """Rows of `table` that belong to calls (start and id the first columns): start, id, and the columns.

        By id, some thousand at a time: joining in the database takes twice as long.
        """
        import pyarrow.compute as pc

        if not len(calls):
            return
        starts, ids = calls.column(0).combine_chunks(), _texts(calls.column(1))
        for first in range(0, len(ids), CHUNK):
            some = partial(self._of, table, id_column, columns, ids.slice(first, CHUNK), more)
            rows = patiently(some)
            if len(rows):
                yield rows.add_column(0, "at_ms", starts.take(pc.index_in(_texts(rows.column(0)), value_set=ids)))

    def _number(self, sql: str, program: str) -> int:
        if not self._experiments:
            return 0
        return int(self._database.rows(sql, program)[0][0])

    def _of(self, table: str, id_column: str, columns: Sequence[str], ids: "pa.Array", more: str = "") -> "pa.Table":
        """Rows of `table`, which is called `x`, that belong to `ids`, the id first."""
        selected = ", ".join((f"x.{id_column}", *columns))
        found = self._database.query(
            f"SELECT {selected} FROM {table} x WHERE {self._database.among(f'x.{id_column}', ids)}{more}"  # noqa: S608 - ids are checked
        )
        return found if len(found) else _empty(found.column_names)


def _in_turn(turns: AbstractContextManager[Any], work: "Callable[[], pa.Table]") -> "pa.Table":
    with turns:
        return work()


def _texts(column: "pa.ChunkedArray") -> "pa.Array":
    import pyarrow as pa

    return column.cast(pa.string()).combine_chunks()


def _empty(names: Sequence[str]) -> "pa.Table":
    """SQLite has no types for the columns of an empty answer; texts can be cast to anything."""
    import pyarrow as pa

    return pa.table({name: pa.array([], pa.string()) for name in names})


def one_of(column: str, names: Sequence[str]) -> str:
    """SQL that keeps rows whose `column` is one of our own `names`.

    COALESCE keeps SQLite from an index that begins with `column`, which takes twice as long as filtering.
    """
    return f" AND COALESCE({column}, '') IN ({', '.join(repr(name) for name in names)})"
