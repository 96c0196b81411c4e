"""Read-only queries against MLflow's tracking database, with Arrow tables as answers."""

import threading
from abc import abstractmethod
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from include.teleprompt.errors import TelepromptError, TrackingUnavailableError
from include.teleprompt.tracking.connection import is_outage

if TYPE_CHECKING:
    import pyarrow as pa

KNOWN_REVISIONS = frozenset({"dc11669786a5", "b7e2c1a4d9f3", "75868b020152"})
"""Schema revisions (MLflow 3.17 and two before it) between which no table that is read here differs."""


THREADS = 2
SAFE_ID = "^[A-Za-z0-9_-]+$"


class FastPathUnavailableError(TelepromptError):
    """The database cannot be read directly; the client API can."""


class Database:
    """One connection for each of its threads, and one for everybody else. A query has at most one value, `:text`."""

    placeholder = ":text"
    place = "its database"
    """Where it is, without a password."""

    def __init__(self) -> None:
        self._local = threading.local()
        self._connections: list[Any] = []
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="mlflow-sql")
        """For queries side by side; drivers release Python's lock, so a second connection nearly halves the time."""

    def query(self, sql: str, text: str | None = None) -> "pa.Table":
        """The answer to `sql`, in which `:text` stands for `text`.

        Raises:
            TrackingUnavailableError: the database does not answer; the next query connects anew.
        """
        try:
            return self._fetch(self._connection(), sql.replace(":text", self.placeholder), text)
        except Exception as error:
            self._forget()
            if is_outage(error):
                raise TrackingUnavailableError(self.place, error) from error
            raise

    def among(self, column: str, ids: "pa.Array") -> str:
        """SQL for the condition that `column` is one of `ids`."""
        return f"{column} IN ('" + "', '".join(_safe(ids)) + "')"

    def is_text(self, column: str) -> str:
        """SQL for the condition that `column` is `:text`, letter for letter."""
        return f"{column} = :text"

    def close(self) -> None:
        """Close all connections."""
        self.threads.shutdown(cancel_futures=True)
        for connection in self._connections:
            connection.close()
        self._connections.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _connection(self) -> Any:
        if not hasattr(self._local, "connection"):
            self._local.connection = self._connect()
            self._connections.append(self._local.connection)
        return self._local.connection

    def _forget(self) -> None:
        """Give up this thread's connection, which may be broken."""
        connection = self._local.__dict__.pop("connection", None)
        if connection is not None:
            self._connections.remove(connection)
            with suppress(Exception):
                connection.close()

    @abstractmethod
    def _connect(self) -> Any:
        """A new connection that cannot write."""

    def _fetch(self, connection: Any, sql: str, text: str | None) -> "pa.Table":
        with connection.cursor() as cursor:
            cursor.execute(sql, None if text is None else (text,))
            return cursor.fetch_arrow_table()


class SqliteDatabase(Database):
    """SQLite through ADBC."""

    placeholder = "?"

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def _connect(self) -> Any:
        import adbc_driver_sqlite.dbapi

        connection = adbc_driver_sqlite.dbapi.connect(f"file:{quote(self._path)}?mode=ro", autocommit=True)
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout = 30000")
        return connection


class PostgresqlDatabase(Database):
    """PostgreSQL through ADBC."""

    placeholder = "$1"

    def among(self, column: str, ids: "pa.Array") -> str:
        """As an array: one constant is parsed and planned faster than thousands."""
        return f"{column} = ANY('{{{','.join(_safe(ids))}}}')"

    def __init__(self, uri: str) -> None:
        super().__init__()
        self._uri = uri

    def _connect(self) -> Any:
        import adbc_driver_postgresql.dbapi

        connection = adbc_driver_postgresql.dbapi.connect(self._uri, autocommit=True)
        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = on")
        return connection


class MysqlDatabase(Database):
    """MySQL and MariaDB through SQLAlchemy, with the driver that MLflow uses; there is no ADBC driver to install."""

    def __init__(self, uri: str) -> None:
        super().__init__()
        import sqlalchemy

        self._engine = sqlalchemy.create_engine(uri)

    def close(self) -> None:
        """Close all connections."""
        super().close()
        self._engine.dispose()

    def is_text(self, column: str) -> str:
        """Letter for letter: the usual collations know no upper and lower case."""
        return f"{column} = :text AND BINARY {column} = :text"

    def _connect(self) -> Any:
        import sqlalchemy

        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(sqlalchemy.text("SET SESSION TRANSACTION READ ONLY"))
        return connection

    def _fetch(self, connection: Any, sql: str, text: str | None) -> "pa.Table":
        import pyarrow as pa
        import sqlalchemy

        result = connection.execute(sqlalchemy.text(sql), {} if text is None else {"text": text})
        names, rows = list(result.keys()), result.fetchall()
        return pa.table([[row[i] for row in rows] for i in range(len(names))], names=names)


def _safe(ids: "pa.Array") -> list[str]:
    """`ids` as they can stand in a statement.

    Raises:
        ValueError: one is no id of MLflow's.
    """
    import pyarrow.compute as pc

    if not pc.all(pc.match_substring_regex(ids, SAFE_ID), min_count=0).as_py():
        raise ValueError("MLflow holds an id of an unknown form")
    names: list[str] = ids.to_pylist()
    return names


def open_database(tracking_uri: str) -> Database:
    """The database behind a tracking URI.

    Raises:
        FastPathUnavailableError: it is none of the three, cannot be read, or has a schema that is not known.
    """
    from sqlalchemy.engine import make_url

    database = _database(tracking_uri)
    database.place = make_url(tracking_uri).render_as_string(hide_password=True)
    try:
        revisions = database.query("SELECT version_num FROM alembic_version").column(0).to_pylist()
        database.query("SELECT COUNT(*) FROM runs WHERE 1 = 0")
        database.query("SELECT COUNT(*) FROM assessments WHERE 1 = 0")
    except Exception as error:
        database.close()
        raise FastPathUnavailableError(
            f"MLflow's database cannot be read directly ({type(error).__name__}); its API is used instead."
        ) from error
    if not set(revisions) <= KNOWN_REVISIONS or not revisions:
        database.close()
        raise FastPathUnavailableError(
            f"MLflow's database has schema revision {', '.join(revisions) or 'none'}, which is not known here; "
            "its API is used instead."
        )
    return database


def _database(tracking_uri: str) -> Database:
    scheme, _, rest = tracking_uri.partition("://")
    dialect = scheme.partition("+")[0]
    try:
        if dialect == "sqlite" and rest.startswith("/") and rest != "/":
            return SqliteDatabase(rest[1:].partition("?")[0])
        if dialect in {"postgresql", "postgres"}:
            return PostgresqlDatabase(f"postgresql://{rest}")
        if dialect in {"mysql", "mariadb"}:
            return MysqlDatabase(tracking_uri)
    except ImportError as error:
        raise FastPathUnavailableError(f"{error.name} is not installed; MLflow's API is used instead.") from error
    raise FastPathUnavailableError(f"A {scheme} store is no database; MLflow's API is used instead.")
