"""The child that reads an SQLite file into Arrow, with a driver that no process which writes to the file may load.

It is here for its speed: the driver's low-level interface imports Arrow only, its DB-API pandas as well, which takes
longer than reading a week.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from teleprompt.traces.sources._arrow_process import AnswerError, asker

if TYPE_CHECKING:
    import pyarrow as pa

BUSY_SECONDS = 30
CACHE_MB = 32
"""Pages of the file that are kept: those of its indexes are read again and again."""


def serve() -> None:
    """The process: it is told a file's URI, and asked for the answers to statements."""
    import adbc_driver_manager
    import adbc_driver_sqlite
    import pyarrow as pa

    with (
        asker() as parent,
        adbc_driver_sqlite.connect(parent.hello) as database,
        adbc_driver_manager.AdbcConnection(database) as connection,
    ):
        for setting in (f"busy_timeout = {BUSY_SECONDS * 1000}", f"cache_size = -{CACHE_MB * 1024}"):
            with _answer(connection, f"PRAGMA {setting}"):
                pass
        for sql in parent.lines():
            try:
                with _answer(connection, sql) as found, parent.answer(found.schema) as stream:
                    for batch in _batches(found):
                        stream.write_batch(batch)
            except adbc_driver_manager.Error as error:
                said = str(error).partition("\nquery:")[0]
                with parent.answer(pa.schema([])):
                    raise AnswerError(said) from error


def _batches(found: "pa.RecordBatchReader") -> "Iterator[pa.RecordBatch]":
    """All batches; the driver fails in the middle where a later row is of another type than the first thousand."""
    import pyarrow as pa

    try:
        yield from found
    except (pa.ArrowException, OSError) as error:
        raise AnswerError(str(error)) from error


@contextmanager
def _answer(connection: Any, sql: str) -> Iterator[Any]:
    import adbc_driver_manager
    import pyarrow as pa

    with adbc_driver_manager.AdbcStatement(connection) as statement:
        statement.set_sql_query(sql)
        stream, _rows = statement.execute_query()
        yield pa.RecordBatchReader.from_stream(stream)
