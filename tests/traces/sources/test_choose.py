"""Which way MLflow is read, and what happens where the fast one is barred."""

import logging
import sqlite3

import pytest

from teleprompt.config.settings import Settings
from teleprompt.config.traces import TraceAccess, TracesConfig
from teleprompt.errors import ConfigurationError
from teleprompt.traces.sources.choose import open_store
from teleprompt.traces.sources.sql.database import FastPathUnavailableError
from teleprompt.traces.sources.sql.open import open_database
from teleprompt.tracking.connection import mlflow_client
from tests.support import WEEK, log_run, log_shelf_calls


def routes(settings: Settings, access: TraceAccess, source: str = "auto") -> list[str]:
    with mlflow_client(settings.tracking_uri) as client, open_store(client) as store:
        config = TracesConfig(access=access, source=source)
        return [f"{s.kind} by {s.route}" for s in store.sources(config, outcomes=[], page_size=10)]


def change_revision(settings: Settings) -> None:
    with sqlite3.connect(settings.tracking_uri.get_secret_value().removeprefix("sqlite:///")) as database:
        database.execute("UPDATE alembic_version SET version_num = 'f00dfeed'")
    database.close()


def test_a_database_that_is_known_is_read_by_sql(settings: Settings) -> None:
    assert routes(settings, TraceAccess.AUTO) == ["runs by sql", "traces by sql"]
    assert routes(settings, TraceAccess.AUTO, "traces") == ["traces by sql"]
    assert routes(settings, TraceAccess.API) == ["runs by client", "traces by client"]


def test_an_unknown_schema_falls_back_and_says_so(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    with mlflow_client(settings.tracking_uri) as client, open_store(client) as store:
        client.search_experiments()  # MLflow itself would refuse the revision when it opens the store
        change_revision(settings)
        with caplog.at_level(logging.INFO):
            found = store.sources(TracesConfig(), outcomes=[], page_size=10)
        assert [source.route for source in found] == ["client", "client"]
        assert "schema revision f00dfeed, which is not known here; its API is used instead" in caplog.text
        with pytest.raises(ConfigurationError, match=r"`traces.access: sql` cannot be met"):
            store.sources(TracesConfig(access="sql"), outcomes=[], page_size=10)


def test_a_database_that_may_not_be_read_is_not_read(odd_postgresql: str) -> None:
    import psycopg

    host = odd_postgresql.partition("?host=")[2]
    name = odd_postgresql.partition("@/")[2].partition("?")[0]
    with psycopg.connect(dbname=name, user="postgres", host=host, autocommit=True) as admin:
        admin.execute("CREATE ROLE stranger LOGIN")
    with pytest.raises(FastPathUnavailableError, match="cannot be read directly"):
        open_database(f"postgresql://stranger:@/{name}?host={host}")


@pytest.mark.parametrize("uri", ["http://localhost:5000", "file:///tmp/mlruns", "sqlite://", "databricks"])
def test_what_is_no_database_has_no_fast_path(uri: str) -> None:
    with pytest.raises(FastPathUnavailableError, match=r"API is used instead"):
        open_database(uri)


def test_the_fast_path_cannot_write(settings: Settings) -> None:
    with (
        open_database(settings.tracking_uri.get_secret_value()) as database,
        pytest.raises(Exception, match="readonly"),
    ):
        database.query("DELETE FROM runs")


def test_an_id_of_an_unknown_form_is_never_put_into_a_statement(settings: Settings) -> None:
    import pyarrow as pa

    with (
        open_database(settings.tracking_uri.get_secret_value()) as database,
        pytest.raises(ValueError, match="unknown form"),
    ):
        database.among("x.run_uuid", pa.array(["a' OR '1'='1"]))


def test_a_call_that_is_deleted_between_two_pages_costs_no_other(settings: Settings) -> None:
    with mlflow_client(settings.tracking_uri) as client, open_store(client) as store:
        experiment = client.create_experiment("prod")
        ids = [log_run(client, experiment) for _ in range(9)]
        for access in (TraceAccess.API, TraceAccess.SQL):
            (source,) = store.sources(TracesConfig(access=access, source="runs"), outcomes=[], page_size=2)
            reading = source.read("P", WEEK)
            found = next(reading)["trace_id"].to_pylist()
            client.delete_run(found[0])
            found += [name for table in reading for name in table["trace_id"].to_pylist()]
            assert sorted(found) == sorted(ids)
            client.restore_run(found[0])


def test_what_mlflow_cuts_is_told_apart(settings: Settings) -> None:
    from teleprompt.config.program import ProgramConfig
    from teleprompt.program.fields import DeclaredFields
    from teleprompt.traces.collect import collect_snapshot
    from teleprompt.traces.snapshot import read_snapshot
    from tests.support import FIELDS

    with mlflow_client(settings.tracking_uri) as client:
        experiment = client.create_experiment("prod")
        for length in (10, 5_999, 7_000):
            log_run(client, experiment, inputs={"question": "x" * length})
        record, *_ = collect_snapshot(
            client,
            config=ProgramConfig(name="P", slug="p"),
            declared=DeclaredFields.exactly(FIELDS),
            window=WEEK,
            storage_uri=settings.storage_uri,
            least=1,
        )
    snapshot = read_snapshot(record)
    assert (snapshot.trace_count, snapshot.quarantined) == (2, {"truncated": 1})
    (reading,) = [source for source in snapshot.reading.sources if source.kind == "runs"]
    assert (reading.route, reading.rows, reading.newest) == ("sql", 3, "2026-11-09T00:00:00Z")


def test_a_lost_connection_is_made_anew(odd_postgresql: str) -> None:
    import psycopg

    from teleprompt.errors import TrackingUnavailableError

    host = odd_postgresql.partition("?host=")[2]
    with open_database(odd_postgresql) as database:
        database.query("SELECT 1")
        with psycopg.connect(dbname="postgres", user="postgres", host=host, autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        with pytest.raises(TrackingUnavailableError, match="does not answer"):
            database.query("SELECT 1")
        assert len(database.query("SELECT 1")) == 1


@pytest.mark.parametrize("access", [TraceAccess.SQL, TraceAccess.API])
def test_no_more_calls_are_fetched_at_a_time_than_asked(settings: Settings, access: TraceAccess) -> None:
    log_shelf_calls(settings, count=25)
    with mlflow_client(settings.tracking_uri) as client, open_store(client) as store:
        (runs,) = store.sources(TracesConfig(access=access, source="runs"), outcomes=[], page_size=10)
        sizes = [len(batch) for batch in runs.read("Shelves", WEEK)]
    assert sum(sizes) == 25
    assert max(sizes) <= 10
