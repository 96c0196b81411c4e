"""Accepted rows on this machine's disk, until they are in MLflow."""

import fcntl
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from include.teleprompt.errors import TelepromptError
from include.teleprompt.traces.submission.row import SubmittedTrace

MOST_WAITING = 1_000_000
"""Rows that wait at most: then nothing more is accepted, rather than the disk filled."""


class SpoolFullError(TelepromptError):
    """So much waits for MLflow that nothing more is accepted."""

    def __init__(self, waiting: int) -> None:
        super().__init__(f"{waiting} traces wait for MLflow already; try again when it answers.")


class AsideRow(NamedTuple):
    """A row that was set aside."""

    number: int
    size: int
    """Bytes."""
    since: int
    """Seconds since 1970."""


class Spool:
    """A SQLite file; what `add` has returned from survives a kill and a loss of power. For any number of processes."""

    def __init__(self, folder: Path, *, most: int = MOST_WAITING) -> None:
        self._file = folder / "traces.db"
        self._most = most
        folder.mkdir(parents=True, exist_ok=True)
        with self._connected() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS waiting "
                "(id INTEGER PRIMARY KEY AUTOINCREMENT, program TEXT NOT NULL, body TEXT NOT NULL)"
            )
            connection.execute(
                "CREATE TABLE IF NOT EXISTS aside "
                "(id INTEGER PRIMARY KEY, program TEXT NOT NULL, body TEXT NOT NULL, problem TEXT NOT NULL, "
                "since INTEGER NOT NULL DEFAULT 0)"
            )
            _add_since(connection)

    def add(self, program: str, rows: Sequence[SubmittedTrace]) -> None:
        """Keep rows; they are on disk when this returns.

        Raises:
            SpoolFullError: too many wait; none of these was kept.
        """
        with self._connected() as connection, connection:
            waiting = self._count(connection)
            if waiting + len(rows) > self._most:
                raise SpoolFullError(waiting)
            bodies = [(program, row.model_dump_json(exclude_none=True)) for row in rows]
            connection.executemany("INSERT INTO waiting (program, body) VALUES (?, ?)", bodies)

    def oldest(self, limit: int) -> tuple[str, list[tuple[int, SubmittedTrace]]] | None:
        """The program that waits longest, and its oldest rows with their numbers; None if nothing waits."""
        with self._connected() as connection:
            first = connection.execute("SELECT program FROM waiting ORDER BY id LIMIT 1").fetchone()
            if first is None:
                return None
            query = "SELECT id, body FROM waiting WHERE program = ? ORDER BY id LIMIT ?"
            rows = connection.execute(query, (first[0], limit)).fetchall()
        return first[0], [(number, SubmittedTrace.model_validate_json(body)) for number, body in rows]

    def remove(self, numbers: Sequence[int]) -> None:
        """Forget rows that are in MLflow."""
        with self._connected() as connection, connection:
            connection.executemany("DELETE FROM waiting WHERE id = ?", [(number,) for number in numbers])

    def set_aside(self, numbers: Sequence[int], problem: str) -> None:
        """Keep rows that MLflow refuses where they stop nobody; a person looks at them."""
        with self._connected() as connection, connection:
            connection.executemany(
                "INSERT INTO aside (id, program, body, problem, since) "
                "SELECT id, program, body, ?, unixepoch() FROM waiting WHERE id = ?",
                [(problem, number) for number in numbers],
            )
            connection.executemany("DELETE FROM waiting WHERE id = ?", [(number,) for number in numbers])

    def aside(self) -> int:
        """How many rows were set aside."""
        with self._connected() as connection:
            return int(connection.execute("SELECT count(*) FROM aside").fetchone()[0])

    def list_aside(self) -> list[AsideRow]:
        """The rows that were set aside, oldest first."""
        with self._connected() as connection:
            rows = connection.execute("SELECT id, length(CAST(body AS BLOB)), since FROM aside ORDER BY id").fetchall()
        return [AsideRow(*row) for row in rows]

    def forget_aside(self, numbers: Sequence[int]) -> None:
        """Delete rows that were set aside, for good."""
        with self._connected() as connection, connection:
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
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._file, timeout=30)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            yield connection


def _add_since(connection: sqlite3.Connection) -> None:
    """A spool of an earlier version of the package did not say since when a row is aside: let it be since now."""
    if _has_since(connection):
        return
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        if not _has_since(connection):  # another process may have been faster
            connection.execute("ALTER TABLE aside ADD COLUMN since INTEGER NOT NULL DEFAULT 0")
            connection.execute("UPDATE aside SET since = unixepoch()")


def _has_since(connection: sqlite3.Connection) -> bool:
    return "since" in {column[1] for column in connection.execute("PRAGMA table_info(aside)")}
