"""Airflow's real API server, with a database of its own and our plugin in it, over a store with one promoted run."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from airflow.sdk import Connection
from fastapi.testclient import TestClient

from teleprompt.config.settings import Settings
from teleprompt.pipeline.pipeline import Pipeline
from teleprompt.pipeline.whole_run import run_all_stages
from teleprompt.queries.history import RunSummary, list_runs
from teleprompt.tracking.connection import mlflow_client
from tests import REPOSITORY
from tests.conftest import store_in
from tests.loopback import free_port
from tests.support import WEEK, local_signer, log_shelf_calls, write_program

API = "/teleprompt/api/v1"
ROLES = ("VIEWER", "USER", "OP", "ADMIN")


@dataclass(frozen=True)
class World:
    """The server and what is behind it."""

    http: TestClient
    settings: Settings
    run: RunSummary
    tokens: dict[str, str]
    """By role in lower case."""
    environment: dict[str, str]
    """Variables that the server reads."""

    def call(self, method: str, path: str, *, role: str | None = "admin", **options: Any) -> Any:
        """The answer of the API; `role` None comes without a token."""
        headers = {} if role is None else {"Authorization": f"Bearer {self.tokens.get(role, role)}"}
        return self.http.request(method, f"{API}{path}", headers=headers | options.pop("headers", {}), **options)

    def get(self, path: str, *, role: str = "admin", **params: Any) -> Any:
        """The JSON of a GET that has to succeed."""
        answer = self.call("GET", path, role=role, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="session")
def world(_empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with (
        server_over(store_in(tmp_path_factory.mktemp("api"), _empty_store)) as made,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name in made.environment:  # this process runs other tests, too
            patch.delenv(name)
        yield made


@pytest.fixture(autouse=True)
def _environment(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)


@contextmanager
def server_over(settings: Settings, *, cache_seconds: float = 0) -> Iterator[World]:
    """The server over a store, in which one run is promoted before; tests change MLflow behind its back."""
    folder = Path(settings.storage_uri).parent
    programs = folder / "programs"
    file = write_program(programs)
    (programs / "broken.yaml").write_text("name: Broken\nnope: 1\n")
    log_shelf_calls(settings, count=160)
    signed = settings.model_copy(
        update={"signer": local_signer(), "programs_dir": programs, "spool_dir": folder / "spool"}
    )
    run_all_stages(Pipeline.of_file(file, settings=signed, window=WEEK))
    with mlflow_client(settings.tracking_uri) as client:
        (run,) = list_runs(client)
    environment = {
        "TELEPROMPT_PROGRAMS_DIR": str(programs),
        "TELEPROMPT_SPOOL_DIR": str(folder / "spool"),
        "TELEPROMPT_API_CACHE_SECONDS": str(cache_seconds),
        "AIRFLOW_CONN_MLFLOW_DEFAULT": _connection(tracking_uri=settings.tracking_uri.get_secret_value()),
        "AIRFLOW_CONN_TELEPROMPT_STORAGE": _connection(uri=settings.storage_uri),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        http, tokens = _server()
        with http:
            yield World(http=http, settings=signed, run=run, tokens=tokens, environment=environment)


def _connection(**extra: str) -> str:
    """A connection as Airflow reads it from the environment."""
    return Connection(conn_id="c", conn_type="generic", extra=json.dumps(extra)).get_uri()


def _server() -> tuple[TestClient, dict[str, str]]:
    from airflow.api_fastapi.app import create_app, get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.utils.db import initdb

    initdb()
    DagBundlesManager().sync_bundles_to_db()
    bag = DagBag(str(REPOSITORY / "dags"), bundle_path=REPOSITORY / "dags", bundle_name="dags-folder")
    sync_bag_to_db(bag, "dags-folder", None)
    http = TestClient(create_app(), raise_server_exceptions=False)
    tokens = {
        role.lower(): get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=role.lower(), role=role))
        for role in ROLES
    }
    return http, tokens


@pytest.fixture
def api(world: World) -> Callable[..., Any]:
    """Calls the API; returns the answer."""
    return world.call


@pytest.fixture(scope="session")
def address(world: World) -> Iterator[str]:
    """The server on a port of its own."""
    with listening(world) as found:
        yield found


@contextmanager
def listening(world: World) -> Iterator[str]:
    """The address of the server, on a port of its own."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(world.http.app, port=port, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)
