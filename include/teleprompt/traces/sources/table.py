"""Any table: a query in DuckDB, or in a database with an ADBC driver.

Columns: `trace_id`, `started_at`, `input.<field>` and `output.<field>` are needed; `outcome.<name>`,
`expected.<field>`, `ended_at`, `failed`, `contributor_id`, `contributor_address`, `program_version`, `group`, `user`,
`assignment_key`, `assignment_share` and `propensity` are not.
"""

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from teleprompt.config.project import project_dir
from teleprompt.encoding.secret_uri import SecretUri
from teleprompt.errors import ConfigurationError
from teleprompt.traces.sources.calls import Call, CallSource, Said
from teleprompt.window import Window, format_utc

if TYPE_CHECKING:
    import pyarrow as pa

PREFIXES = ("input.", "output.", "outcome.", "expected.")


class Table(CallSource):
    """Calls from a query.

    Args:
        query: SQL; `:program`, `:start` and `:end` stand for the program's name and the window as texts (ISO 8601).
        uri: `duckdb:` (also for files: `SELECT … FROM 'calls/*.parquet'`), `duckdb:///path`, or `postgresql://…`;
            `$NAME` stands for a variable of the environment.
    """

    route = "sql"

    def __init__(self, query: str, *, uri: str = "duckdb:") -> None:
        if _shows_a_password(uri):
            raise ConfigurationError(
                "`traces.options.uri` holds a password, and many people read program files; put the URI into the "
                "environment and name the variable: `uri: $WAREHOUSE`."
            )
        self._query, self._uri = query, SecretUri(os.path.expandvars(uri))

    def calls(self, program: str, window: Window) -> Iterator[Call]:
        """A row is a call."""
        return map(_call, self._rows(program, window).to_pylist())

    def _rows(self, program: str, window: Window) -> "pa.Table":
        sql = self._query
        for name, value in (("program", program), ("start", format_utc(window.start)), ("end", format_utc(window.end))):
            quoted = value.replace("'", "''")
            sql = sql.replace(f":{name}", f"'{quoted}'")
        uri = self._uri.get_secret_value()
        try:
            table = _duckdb(uri, sql) if uri.startswith("duckdb:") else _adbc(uri, sql)
        except Exception as error:
            self._uri.hide_in_error(error)
            raise
        missing = {"trace_id", "started_at"} - set(table.column_names)
        if missing:
            raise ConfigurationError(
                f"The query of `traces.options` gives no column {min(missing)!r}; name one so (`AS {min(missing)}`)."
            )
        return table


def _shows_a_password(uri: str) -> bool:
    parts = urlsplit(uri)
    given = [parts.password, *(value for name, value in parse_qsl(parts.query) if "password" in name.lower())]
    return any(value and not value.startswith("$") for value in given)


def _duckdb(uri: str, sql: str) -> "pa.Table":
    try:
        import duckdb
    except ImportError as error:
        raise ConfigurationError("A DuckDB query needs the package duckdb; add it to requirements.txt.") from error
    place = uri.removeprefix("duckdb:").removeprefix("///")  # as in sqlite:///relative and sqlite:////absolute
    path = str(project_dir() / place) if place else ":memory:"
    with duckdb.connect(path, read_only=bool(place)) as found:
        return found.execute(sql).to_arrow_table()


def _adbc(uri: str, sql: str) -> "pa.Table":
    if not uri.startswith(("postgresql://", "postgres://")):
        raise ConfigurationError(f"A table is read by `duckdb:` or `postgresql://`, not by {uri.partition(':')[0]!r}.")
    try:
        import adbc_driver_postgresql.dbapi as adbc
    except ImportError as error:
        raise ConfigurationError("PostgreSQL needs the extra [postgres]; install it.") from error
    with adbc.connect(uri) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetch_arrow_table()


def _call(row: Mapping[str, Any]) -> Call:
    by_prefix: dict[str, dict[str, Any]] = {prefix: {} for prefix in PREFIXES}
    for name, value in row.items():
        for prefix in PREFIXES:
            if name.startswith(prefix) and value is not None:
                by_prefix[prefix][name.removeprefix(prefix)] = value
    said = [Said(name, value) for name, value in by_prefix["outcome."].items()]
    said += [Said(name, value, source="HUMAN", is_expected=True) for name, value in by_prefix["expected."].items()]
    return Call(
        trace_id=str(row["trace_id"]),
        started_at=_moment(row["started_at"]),
        ended_at=None if row.get("ended_at") is None else _moment(row["ended_at"]),
        inputs=by_prefix["input."],
        outputs=by_prefix["output."],
        failed=bool(row.get("failed")),
        said=said,
        contributor_id=_text(row.get("contributor_id")),
        contributor_address=_text(row.get("contributor_address")),
        program_version=_text(row.get("program_version")),
        group=_text(row.get("group")),
        user=_text(row.get("user")),
        assignment_key=_text(row.get("assignment_key")),
        assignment_share=_text(row.get("assignment_share")),
        propensity=_text(row.get("propensity")),
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _moment(value: Any) -> datetime:
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(found, datetime):
        raise ConfigurationError(f"A call's `started_at` or `ended_at` is {type(value).__name__}; give a time.")
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
