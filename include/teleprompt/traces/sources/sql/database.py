"""Read-only queries against MLflow's tracking database, with Arrow tables as answers."""

from abc import abstractmethod
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from teleprompt.encoding.secret_uri import SecretUri
from teleprompt.errors import TelepromptError, TrackingUnavailableError
from teleprompt.tracking.connection import is_outage

if TYPE_CHECKING:
    import pyarrow as pa

THREADS = 2
SAFE_ID = "^[A-Za-z0-9_-]+$"


class FastPathUnavailableError(TelepromptError):
    """The database cannot be read directly; the client API can."""


class Database:
    """As many connections as are in use at once. A query has at most one value, `:text`."""

    placeholder = ":text"
    place = SecretUri("its database")

    def __init__(self) -> None:
        self._idle: deque[Any] = deque()
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="mlflow-sql")
        """For queries side by side; drivers release Python's lock, so a second connection nearly halves the time."""

    def query(self, sql: str, text: str | None = None) -> "pa.Table":
        """The answer to `sql`, in which `:text` stands for `text`.

        Raises:
            TrackingUnavailableError: the database does not answer; the next query connects anew.
        """
        connection = None
        try:
            connection = self._take()
            answer = self._fetch(connection, sql.replace(":text", self.placeholder), text)
        except Exception as error:
            if connection is not None:  # it may be broken
                with suppress(Exception):
                    connection.close()
            if is_outage(error) and not isinstance(error, TrackingUnavailableError):
                raise TrackingUnavailableError(self.place, error) from error
            raise
        self._idle.append(connection)
        return answer

    def rows(self, sql: str, text: str | None = None) -> list[tuple[Any, ...]]:
        """The same for few rows, as tuples."""
        return [tuple(row.values()) for row in self.query(sql, text).to_pylist()]

    def among(self, column: str, ids: "pa.Array") -> str:
        """SQL for the condition that `column` is one of `ids`."""
        return f"{column} IN ('" + "', '".join(safe(ids)) + "')"

    def is_text(self, column: str) -> str:
        """SQL for the condition that `column` is `:text`, letter for letter."""
        return f"{column} = :text"

    def close(self) -> None:
        """Close all connections."""
        self.threads.shutdown(cancel_futures=True)
        while self._idle:
            self._idle.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self) -> Any:
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    @abstractmethod
    def _connect(self) -> Any:
        """A new connection that cannot write."""

    def _fetch(self, connection: Any, sql: str, text: str | None) -> "pa.Table":
        with connection.cursor() as cursor:
            cursor.execute(sql, None if text is None else (text,))
            return cursor.fetch_arrow_table()


def safe(ids: "pa.Array") -> list[str]:
    """`ids` as they can stand in a statement.

    Raises:
        ValueError: one is no id of MLflow's.
    """
    import pyarrow.compute as pc

    if not pc.all(pc.match_substring_regex(ids, SAFE_ID), min_count=0).as_py():
        raise ValueError("MLflow holds an id of an unknown form")
    names: list[str] = ids.to_pylist()
    return names
