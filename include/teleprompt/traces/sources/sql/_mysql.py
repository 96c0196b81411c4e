"""MySQL and MariaDB, read with the driver that MLflow uses; no ADBC driver can be installed by pip."""

from typing import TYPE_CHECKING, Any

from teleprompt.traces.sources.sql.database import Database

if TYPE_CHECKING:
    import pyarrow as pa


class MysqlDatabase(Database):
    """A MySQL or MariaDB database that MLflow keeps."""

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
