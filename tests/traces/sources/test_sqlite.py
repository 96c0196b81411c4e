"""Reading MLflow's SQLite file without harm to whoever writes to it."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from teleprompt.config.files import load_program_file
from teleprompt.config.settings import Settings
from teleprompt.errors import TrackingUnavailableError
from teleprompt.traces.collect import open_reading
from teleprompt.traces.sources.sql._sqlite import SqliteDatabase
from teleprompt.traces.volume import volume
from teleprompt.tracking.connection import mlflow_client
from tests.support import WEEK, log_shelf_calls, write_program

ROOT = Path(__file__).parents[3]
DRIVER = "adbc_driver_" + "sqlite"
WRITE_ELSEWHERE = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1], timeout=0) as connection:
    connection.execute("CREATE TABLE written_elsewhere (x)")
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "with space.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE t (id, word); INSERT INTO t VALUES (1, 'one'), (2, 'it''s \"2\"')")
    return path


@pytest.fixture
def database(file: Path) -> Iterator[SqliteDatabase]:
    with SqliteDatabase(str(file)) as database:
        yield database


def test_a_lock_that_this_process_holds_outlives_all_reading(file: Path) -> None:
    """A second SQLite library that closes the file in this process would drop it."""
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with SqliteDatabase(str(file)) as database:
            assert database.query("SELECT id FROM t").to_pylist() == [{"id": 1}, {"id": 2}]
            assert database.rows("SELECT COUNT(*) FROM t") == [(2,)]
        assert "database is locked" in write_elsewhere(file)
        writer.execute("COMMIT")
    assert write_elsewhere(file) == ""


def test_a_lock_outlives_collecting_and_counting(settings: Settings, tmp_path: Path) -> None:
    log_shelf_calls(settings, count=20)
    config = load_program_file(write_program(tmp_path / "programs"))
    file = Path(settings.tracking_uri.get_secret_value().removeprefix("sqlite:///"))
    with mlflow_client(settings.tracking_uri) as client, closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert volume(client, config=config, window=WEEK).calls == 20
        with open_reading(client, config=config, window=WEEK) as reading:
            assert sum(len(table) for table in reading.batches()) == 20
        assert "database is locked" in write_elsewhere(file)


def write_elsewhere(file: Path) -> str:
    """What another process says that writes to `file`; empty if it could."""
    command = [sys.executable, "-c", WRITE_ELSEWHERE, str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


def test_only_the_child_that_reads_knows_the_driver() -> None:
    knowing = [
        str(path.relative_to(ROOT))
        for folder in ("include", "plugins", "dags", "dev", "bench", "tests")
        for path in (ROOT / folder).rglob("*.py")
        if DRIVER in path.read_text()
    ]
    assert knowing == ["include/teleprompt/traces/sources/sql/_sqlite_process.py"]


@pytest.mark.parametrize("word", ["one", 'it\'s "2"', "naïve 🎉", "a\0b", "'; DROP TABLE t; --", ""])
def test_any_text_is_found_letter_for_letter(file: Path, database: SqliteDatabase, word: str) -> None:
    with closing(sqlite3.connect(file)) as writer:
        writer.execute("INSERT INTO t VALUES (3, ?)", (word,))
        writer.commit()
    sql = "SELECT COUNT(*) AS n FROM t WHERE word = :text"
    expected = 1 + (word in {"one", 'it\'s "2"'})
    assert database.query(sql, word).to_pylist() == [{"n": expected}]
    assert database.rows(sql, word) == [(expected,)]


def test_what_sqlite_says_is_raised_and_the_next_query_is_answered(database: SqliteDatabase) -> None:
    for ask in (database.query, database.rows):
        with pytest.raises(sqlite3.OperationalError, match="no such column: absent"):
            ask("SELECT absent FROM t")
    assert len(database.query("SELECT id FROM t")) == 2


def test_an_answer_that_fails_in_the_middle_is_no_outage(file: Path, database: SqliteDatabase) -> None:
    """The driver takes a column's type from its first rows, and SQLite lets each row have another."""
    with closing(sqlite3.connect(file)) as writer:
        writer.executemany("INSERT INTO t VALUES (?, 'x')", [(i,) for i in range(20_000)])
        writer.execute("INSERT INTO t VALUES ('no number', 'x')")
        writer.commit()
    with pytest.raises(sqlite3.OperationalError, match="Type mismatch"):
        database.query("SELECT id FROM t")
    assert len(database.query("SELECT word FROM t")) == 20_003


def test_a_child_that_was_killed_is_an_outage_and_the_next_query_starts_another(database: SqliteDatabase) -> None:
    database.query("SELECT id FROM t")
    child = database._idle[0]._process
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    with pytest.raises(TrackingUnavailableError):
        database.query("SELECT id FROM t")
    assert len(database.query("SELECT id FROM t")) == 2


def test_nothing_can_be_written(database: SqliteDatabase) -> None:
    for ask in (database.query, database.rows):
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            ask("DELETE FROM t")
