"""The child that reads an SQLite file into Arrow, with a driver that no process which writes to the file may load.

It is here for its speed: the driver's low-level interface imports Arrow only, its DB-API pandas as well, which takes
longer than reading a week.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from teleprompt.traces.sources._arrow_process import asker

BUSY_SECONDS = 30
ERROR = b"error"
"""Key in the metadata of an answer without columns: what SQLite said instead."""


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
        with _answer(connection, f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}"):
            pass
        for sql in parent.lines():
            try:
                with _answer(connection, sql) as found, parent.answer(found.schema) as stream:
                    for batch in found:
                        stream.write_batch(batch)
            except adbc_driver_manager.Error as error:
                said = str(error).partition("\nquery:")[0]
                with parent.answer(pa.schema([], {ERROR: said.encode()})):
                    continue


@contextmanager
def _answer(connection: Any, sql: str) -> Iterator[Any]:
    import adbc_driver_manager
    import pyarrow as pa

    with adbc_driver_manager.AdbcStatement(connection) as statement:
        statement.set_sql_query(sql)
        stream, _rows = statement.execute_query()
        yield pa.RecordBatchReader.from_stream(stream)
