"""What reading runs and traces by SQL have in common: ids first, then everything of some thousand calls at a time."""

from abc import abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from teleprompt.traces.sources import tags
from teleprompt.traces.sources._patience import patiently
from teleprompt.traces.sources.raw import in_order
from teleprompt.traces.sources.sql.database import THREADS, Database
from teleprompt.window import Window

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK = 5000
"""Calls whose details are fetched at a time; more is no faster and takes more memory."""

SCAN_WHEN_ONE_OF = 5
"""Tags are scanned once when the window holds at least one in so many of the store's calls."""

DAY_MS = 86_400_000
EVER = datetime(1970, 1, 1, tzinfo=UTC)


class SqlSource:
    """Reads one kind of calls from the tables; a subclass knows which."""

    kind: str
    route = "sql"
    call_table: ClassVar[str]
    tag_table: ClassVar[str]
    id_column: ClassVar[str]

    def __init__(self, database: Database, experiment_ids: Sequence[str]) -> None:
        self._database = database
        self._experiments = ", ".join(str(int(experiment)) for experiment in experiment_ids)

    def read(self, program: str, window: Window, *, known: "pa.Table | None" = None) -> Iterator["pa.Table"]:
        """The calls of `program` that started in `window`."""
        if not self._experiments:
            return
        ids = self._ids(program, window)
        under_way: deque[Future[pa.Table]] = deque()
        try:
            for first in range(0, len(ids), CHUNK):
                calls = ids.slice(first, CHUNK).combine_chunks()
                under_way.append(self._database.threads.submit(patiently, partial(self._details, calls, known)))
                if len(under_way) > THREADS:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()

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

        table, column, mine = self.tag_table, self.id_column, self._database.is_text("x.value")
        total = self._database.rows(f"SELECT COUNT(*) FROM {self.call_table}")[0][0]  # noqa: S608 - our own names
        if len(ids) * SCAN_WHEN_ONE_OF >= total:
            scan = f"SELECT x.{column} FROM {table} x WHERE {mine}{one_of('x.key', (tags.PROGRAM,))}"  # noqa: S608
            return _texts(patiently(partial(self._database.query, scan, program)).column(0))
        found = []
        for first in range(0, len(ids), CHUNK):
            few = (
                f"SELECT x.{column} FROM {table} x WHERE x.key = '{tags.PROGRAM}' AND {mine} "  # noqa: S608
                f"AND {self._database.among(f'x.{column}', ids.slice(first, CHUNK))}"
            )
            found.append(_texts(patiently(partial(self._database.query, few, program)).column(0)))
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
        """Numbers of calls and outcomes of each window, and when the last outcome came."""
        if not windows or not self._experiments:
            return ["" for _ in windows]
        whole = Window(start=windows[0].start, end=windows[-1].end)
        found = patiently(lambda: self._database.rows(self._marks(whole), program))
        by_day = {day_ms: "/".join(str(value) for value in values) for day_ms, *values in found}
        return [by_day.get(window.start_ms // DAY_MS * DAY_MS, "0") for window in windows]

    @abstractmethod
    def _of_window(self, window: Window) -> str:
        """SQL for the table of calls as `c` and the condition that they started in the window."""

    @abstractmethod
    def _calls(self, window: Window) -> str:
        """SQL for `trace_id`, `started_at_ms`, `latency_ms` and `status` of all programs' calls of the window."""

    def _mine(self, window: Window) -> str:
        """SQL for the calls `c` of the program `:text` in the window."""
        named = f"SELECT 1 FROM {self.tag_table} t WHERE t.{self.id_column} = c.{self.id_column}"  # noqa: S608
        tag = f"t.key = '{tags.PROGRAM}' AND {self._database.is_text('t.value')}"
        return f"{self._of_window(window)} AND EXISTS ({named} AND {tag})"

    @abstractmethod
    def _arrived(self, window: Window) -> str:
        """SQL for the names of the outcomes of `:text` that arrived in the window."""

    @abstractmethod
    def _marks(self, window: Window) -> str:
        """SQL for `day_ms` (its start), and numbers that tell changes of each UTC day of the window."""

    @abstractmethod
    def _details(self, calls: "pa.Table", known: "pa.Table | None") -> "pa.Table":
        """The raw table of these calls."""

    def _number(self, sql: str, program: str) -> int:
        if not self._experiments:
            return 0
        return int(self._database.rows(sql, program)[0][0])

    def _of(self, table: str, id_column: str, columns: Sequence[str], ids: "pa.Array", more: str = "") -> "pa.Table":
        """Rows of `table` that belong to `ids`, the id first."""
        selected = ", ".join(f"x.{name}" for name in (id_column, *columns))  # `key` alone is a word of MySQL's own
        found = self._database.query(
            f"SELECT {selected} FROM {table} x WHERE {self._database.among(f'x.{id_column}', ids)}{more}"  # noqa: S608 - ids are checked
        )
        return found if len(found) else _empty(found.column_names)


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
