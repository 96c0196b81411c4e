"""Accepted rows on this machine's disk, until they are in MLflow."""

import fcntl
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from http import HTTPStatus
from itertools import count
from pathlib import Path
from time import time_ns
from typing import NamedTuple

from teleprompt.errors import TransientError
from teleprompt.traces.submission._events import Accepted
from teleprompt.traces.submission.row import SubmittedTrace

MOST_WAITING = 1_000_000
"""Rows that wait at most: then nothing more is accepted, rather than the disk filled."""
MOST_BYTES = 2 * 2**30
"""On disk at most, with the rows that were set aside: then nothing more is accepted, either."""

MOST_OF_A_PROBLEM = 300
"""Characters."""


class SpoolFullError(TransientError):
    """So much waits for MLflow, or was set aside, that nothing more is accepted."""

    http_status = HTTPStatus.TOO_MANY_REQUESTS


class WaitingRow(NamedTuple):
    """A row that waits for MLflow."""

    number: int
    accepted: Accepted
    body: str
    """The row as JSON."""


class AsideRow(NamedTuple):
    """A row that was set aside."""

    number: int
    program: str
    trace_id: str
    size: int
    """Bytes."""
    since: int
    """Seconds since 1970."""
    problem: str
    """Why, in a line that a terminal may show."""


class Spool:
    """A SQLite file; what `add` has returned from survives a kill and a loss of power. For any number of processes."""

    def __init__(self, folder: Path, *, most: int = MOST_WAITING, most_bytes: int = MOST_BYTES) -> None:
        self._file = folder / "traces.db"
        self._most = most
        self._most_bytes = most_bytes
        folder.mkdir(parents=True, exist_ok=True)
        with self._connected() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            _make_tables(connection)

    def add(self, program: str, rows: Sequence[SubmittedTrace], *, lines: Sequence[int] | None = None) -> None:
        """Keep rows of one submission; they are on disk when this returns.

        `lines` says where in the submission each stood, if that is not their order here.

        Raises:
            SpoolFullError: too many wait, or they are too large; none of these was kept.
        """
        bodies = [row.model_dump_json(exclude_none=True) for row in rows]
        with self._writing() as connection:
            self._check_space(connection, rows=len(bodies), size=sum(len(body.encode()) for body in bodies))
            accepted = _next_moment(connection)
            connection.executemany(
                "INSERT INTO waiting (program, body, accepted, line) VALUES (?, ?, ?, ?)",
                [(program, body, accepted, line) for line, body in zip(lines or count(1), bodies, strict=False)],
            )

    def _check_space(self, connection: sqlite3.Connection, *, rows: int, size: int) -> None:
        waiting = self._count(connection)
        if waiting + rows > self._most:
            raise SpoolFullError(f"{waiting} traces wait for MLflow already; try again when it answers.")
        used = _used_bytes(connection)
        if used + size > self._most_bytes:
            raise SpoolFullError(
                f"Traces that wait for MLflow or were set aside take {used >> 20} MB of at most "
                f"{self._most_bytes >> 20}; try again when it answers, and see `teleprompt traces set-aside list`."
            )

    def oldest(self, limit: int, *, most_bytes: int = MOST_BYTES) -> tuple[str, list[WaitingRow]] | None:
        """The program that waits longest, and its oldest rows; None if nothing waits.

        At most `limit` rows, and beyond the first one not more than `most_bytes`.
        """
        with self._connected() as connection:
            first = connection.execute("SELECT program FROM waiting ORDER BY id LIMIT 1").fetchone()
            if first is None:
                return None
            query = "SELECT id, accepted, line, body FROM waiting WHERE program = ? ORDER BY id LIMIT ?"
            rows: list[WaitingRow] = []
            for number, at_us, line, body in connection.execute(query, (first[0], limit)):
                most_bytes -= len(body.encode())
                if rows and most_bytes < 0:
                    break
                rows.append(WaitingRow(number, Accepted(at_us, line), body))
        return first[0], rows

    def remove(self, numbers: Sequence[int]) -> None:
        """Forget rows that are in MLflow."""
        with self._writing() as connection:
            connection.executemany("DELETE FROM waiting WHERE id = ?", [(number,) for number in numbers])

    def set_aside(self, numbers: Sequence[int], problem: str) -> None:
        """Keep rows that MLflow refuses where they stop nobody; a person looks at them."""
        with self._writing() as connection:
            connection.executemany(
                "INSERT INTO aside (id, program, body, accepted, line, problem, since) "
                "SELECT id, program, body, accepted, line, ?, unixepoch() FROM waiting WHERE id = ?",
                [(problem, number) for number in numbers],
            )
            connection.executemany("DELETE FROM waiting WHERE id = ?", [(number,) for number in numbers])

    def aside(self) -> int:
        """How many rows were set aside."""
        with self._connected() as connection:
            return int(connection.execute("SELECT count(*) FROM aside").fetchone()[0])

    def list_aside(self, program: str | None = None) -> list[AsideRow]:
        """The rows that were set aside, of one program if given, oldest first."""
        return self._select_aside("program = coalesce(?, program)", program)

    def untold_aside(self) -> list[AsideRow]:
        """Those that nobody was told of, oldest first."""
        return self._select_aside("NOT told")

    def _select_aside(self, condition: str, *values: str | None) -> list[AsideRow]:
        size = "length(CAST(body AS BLOB))"
        query = f"SELECT id, program, json_extract(body, '$.trace_id'), {size}, since, problem FROM aside"  # noqa: S608
        with self._connected() as connection:
            rows = connection.execute(f"{query} WHERE {condition} ORDER BY id", values).fetchall()
        return [AsideRow(*row)._replace(problem=_one_line(row[-1])) for row in rows]

    def mark_told(self, numbers: Sequence[int]) -> None:
        """Somebody was told of these."""
        with self._writing() as connection:
            connection.executemany("UPDATE aside SET told = 1 WHERE id = ?", [(number,) for number in numbers])

    def read_aside(self, number: int) -> WaitingRow | None:
        """A row that was set aside, as it waited; None if it is gone."""
        with self._connected() as connection:
            query = "SELECT accepted, line, body FROM aside WHERE id = ?"
            found = connection.execute(query, (number,)).fetchone()
        return None if found is None else WaitingRow(number, Accepted(*found[:2]), found[2])

    def take_up(self, program: str | None = None) -> int:
        """Let rows that were set aside, of one program if given, wait again as they were accepted; how many."""
        mine = "FROM aside WHERE program = coalesce(?, program)"
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO waiting (id, program, body, accepted, line) "
                f"SELECT id, program, body, accepted, line {mine}",
                (program,),
            )
            return connection.execute(f"DELETE {mine}", (program,)).rowcount

    def forget_aside(self, numbers: Sequence[int]) -> None:
        """Delete rows that were set aside, for good."""
        with self._writing() as connection:
            connection.executemany("DELETE FROM aside WHERE id = ?", [(number,) for number in numbers])

    @contextmanager
    def only_one(self) -> Iterator[bool]:
        """Whether this is the only one that takes rows out now, of all threads and processes."""
        with (self._file.parent / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def __len__(self) -> int:
        with self._connected() as connection:
            return self._count(connection)

    @staticmethod
    def _count(connection: sqlite3.Connection) -> int:
        return int(connection.execute("SELECT count(*) FROM waiting").fetchone()[0])

    @staticmethod
    def is_in(folder: Path) -> bool:
        """Whether there is a spool in the folder."""
        return (folder / "traces.db").exists()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, that no other process writes beside from its first question on."""
        with self._connected() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._file, timeout=30)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            yield connection


_TABLES = """
CREATE TABLE IF NOT EXISTS waiting (
    id INTEGER PRIMARY KEY AUTOINCREMENT, program TEXT NOT NULL, body TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS aside (
    id INTEGER PRIMARY KEY, program TEXT NOT NULL, body TEXT NOT NULL, problem TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS clock (accepted INTEGER NOT NULL);
"""
_ADDED = (
    ("aside", "told", "0"),
    ("aside", "since", "unixepoch()"),
    ("aside", "accepted", "since * 1000000"),
    ("aside", "line", "id"),
    ("waiting", "accepted", "unixepoch() * 1000000"),
    ("waiting", "line", "id"),
)
"""Columns that a spool of an earlier version of the package does not have, and what they are in it: it is from now."""


def _one_line(text: str) -> str:
    """The first line, without what a terminal would obey: MLflow's words may quote anything."""
    first = next(iter(text.splitlines()), "")
    return "".join(letter if letter.isprintable() else "?" for letter in first)[:MOST_OF_A_PROBLEM]


def _make_tables(connection: sqlite3.Connection) -> None:
    connection.executescript(_TABLES)
    if not _missing_columns(connection):
        return
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        for table, column, value in _missing_columns(connection):  # another process may have been faster
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} INTEGER NOT NULL DEFAULT 0")
            connection.execute(f"UPDATE {table} SET {column} = {value}")  # noqa: S608 - our own names


def _missing_columns(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
    there = {table: {column[1] for column in connection.execute(f"PRAGMA table_info({table})")} for table, *_ in _ADDED}
    return [added for added in _ADDED if added[1] not in there[added[0]]]


def _next_moment(connection: sqlite3.Connection) -> int:
    """Microseconds since 1970, later than all before even if the machine's clock was put back."""
    (last,) = connection.execute("SELECT coalesce(max(accepted), 0) FROM clock").fetchone()
    now = max(time_ns() // 1000, int(last) + 1)
    connection.execute("DELETE FROM clock")
    connection.execute("INSERT INTO clock VALUES (?)", (now,))
    return now


def _used_bytes(connection: sqlite3.Connection) -> int:
    """Of the file, without the pages that rows have left."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)
