"""The database behind a tracking URI, if it can be read directly."""

from teleprompt.encoding.secret_uri import SecretUri
from teleprompt.traces.sources.sql._mysql import MysqlDatabase
from teleprompt.traces.sources.sql._postgresql import PostgresqlDatabase
from teleprompt.traces.sources.sql._sqlite import SqliteDatabase
from teleprompt.traces.sources.sql.database import Database, FastPathUnavailableError

KNOWN_REVISIONS = frozenset({"dc11669786a5", "75868b020152"})
"""Schema revisions (MLflow 3.17 and the one before it) between which no table that is read here differs."""


def open_database(tracking_uri: str) -> Database:
    """The database behind a tracking URI.

    Raises:
        FastPathUnavailableError: it is none of the three, cannot be read, or has a schema that is not known.
    """
    database = _database(tracking_uri)
    database.place = SecretUri(tracking_uri)
    try:
        revisions = [row[0] for row in database.rows("SELECT version_num FROM alembic_version")]
        database.rows("SELECT COUNT(*) FROM runs WHERE 1 = 0")
        database.rows("SELECT COUNT(*) FROM assessments WHERE 1 = 0")
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
