"""Shared set-up: an Airflow home of the test run's own, and fresh MLflow stores that cost a file copy."""

import logging
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tests import REPOSITORY

HOME = Path(tempfile.mkdtemp(prefix="teleprompt-tests-"))

# Airflow and our settings read the environment when they are imported.
for name in [n for n in os.environ if n.startswith(("TELEPROMPT_", "MLFLOW_", "AIRFLOW_"))]:
    del os.environ[name]
os.environ.update(
    AIRFLOW_HOME=str(HOME / "airflow"),
    TELEPROMPT_PROJECT_DIR=str(REPOSITORY),
    AIRFLOW__CORE__DAGS_FOLDER=str(REPOSITORY / "dags"),
    AIRFLOW__CORE__PLUGINS_FOLDER=str(REPOSITORY / "plugins"),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__UNIT_TEST_MODE="False",
    AIRFLOW__DAG_PROCESSOR__DAG_VERSION_INFLATION_CHECK_LEVEL="error",
    TZ="UTC",
    DSPY_CACHEDIR=str(HOME / "dspy"),
)

from teleprompt.environment import configure_third_party  # noqa: E402

configure_third_party()

import pytest  # noqa: E402
from sqlalchemy import Engine, event  # noqa: E402

from teleprompt.config.settings import Settings  # noqa: E402
from teleprompt.tracking.connection import mlflow_client  # noqa: E402
from teleprompt.window import Window  # noqa: E402
from tests.empty_store import empty_store  # noqa: E402
from tests.many_runs import log_many  # noqa: E402
from tests.rewind import Rewindable  # noqa: E402
from tests.warm import WORKER, WORKER_MODULES, forking, program_code_in_forks, write_command  # noqa: E402

if TYPE_CHECKING:
    from teleprompt.pipeline.whole_run import Outcome
    from tests.chain.anvil import Anvil

FORKED = tuple(
    f"tests/{place}"
    for place in (
        "airflow/", "alerts/", "attribution/", "cli/", "docs/", "gate/", "maintenance/", "monitoring/",
        "pipeline/test_metering", "pipeline/test_pipeline", "pipeline/test_trials", "pipeline/test_whole",
        "production/", "queries/", "registry/", "serving/", "test_snippets", "tracking/",
    )
)  # fmt: skip
"""Tests whose program code may run in forks of a process that has imported DSPy: see tests/warm.py."""

COMMAND_MODULES = (
    "dspy", "mlflow.store.tracking.sqlalchemy_store", "mlflow.store.model_registry.sqlalchemy_store",
    "alembic.command", "rich.table", "teleprompt.attest.stored", "teleprompt.cli.attest_chain", "teleprompt.cli.backup",
    "teleprompt.pipeline.whole_run", "teleprompt.queries.history",
)  # fmt: skip

logging.getLogger("alembic").setLevel(logging.WARNING)


@event.listens_for(Engine, "connect")
def _trust_the_power_supply(connection: object, _record: object) -> None:
    """No test survives a power cut, which is all that SQLite waits for the disk for."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


def store_in(folder: Path, empty_store: Path) -> Settings:
    """An environment of its own in `folder`."""
    (folder / "mlflow").mkdir()
    shutil.copy(empty_store, folder / "mlflow" / "mlflow.db")
    return Settings(tracking_uri=f"sqlite:///{folder}/mlflow/mlflow.db", storage_uri=str(folder / "storage"))


def _places() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(("TELEPROMPT_", "MLFLOW_TRACKING_"))}


@pytest.fixture(autouse=True)
def _environment_stays_as_it_was() -> Iterator[None]:
    """MLflow's fluent API sets a variable that later settings would follow."""
    before = _places()
    yield
    assert _places() == before


@pytest.fixture(scope="session")
def _program_processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The door to a process that forks for program code."""
    with forking(tmp_path_factory.mktemp("forks"), WORKER, WORKER_MODULES) as door:
        yield door


@pytest.fixture(autouse=True, scope="module")
def _program_code_runs_in_forks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Only where a process is not what is tested."""
    if not request.node.nodeid.startswith(FORKED):
        yield
        return
    with program_code_in_forks(request.getfixturevalue("_program_processes")):
        yield


@pytest.fixture(scope="session")
def teleprompt_command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An executable file: the command `teleprompt`, for tests that call it often; on its own it imports for seconds."""
    folder = tmp_path_factory.mktemp("command")
    with forking(folder, "teleprompt.cli:main", COMMAND_MODULES) as door:
        write_command(folder / "teleprompt", door)
        yield folder / "teleprompt"


@pytest.fixture(scope="session")
def _empty_store() -> Path:
    return empty_store()


@pytest.fixture
def settings(request: pytest.FixtureRequest, tmp_path: Path, _empty_store: Path) -> Settings:
    """An environment with an empty MLflow store and storage of its own, or that of `promoted_store`."""
    if "promoted_store" in request.fixturenames:
        store: PromotedStore = request.getfixturevalue("promoted_store")
        return store.settings
    return store_in(tmp_path, _empty_store)


@dataclass(frozen=True)
class PromotedStore:
    """An environment in which a run over 160 calls of `Shelves` promoted a version, which was attested."""

    settings: Settings
    outcome: "Outcome"
    at: datetime
    place: Rewindable

    @classmethod
    def make(cls, folder: Path, empty_store: Path, *, yaml: str = "") -> "PromotedStore":
        """Make it in an empty folder; `yaml` is the program file, where it is not the usual one."""
        from teleprompt.pipeline.pipeline import Pipeline
        from teleprompt.pipeline.whole_run import run_all_stages
        from tests.support import WEEK, local_signer, log_shelf_calls, write_program

        settings = store_in(folder, empty_store)
        signed = settings.model_copy(update={"signer": local_signer()})
        log_shelf_calls(settings, count=160)
        outcome = run_all_stages(
            Pipeline.of_file(write_program(folder / "programs", yaml=yaml), settings=signed, window=WEEK)
        )
        return cls(settings, outcome, datetime.now(UTC), Rewindable.of(folder))


@pytest.fixture(scope="session")
def _promoted_store(tmp_path_factory: pytest.TempPathFactory, _empty_store: Path) -> PromotedStore:
    return PromotedStore.make(tmp_path_factory.mktemp("promoted"), _empty_store)


@pytest.fixture
def promoted_store(_promoted_store: PromotedStore) -> PromotedStore:
    """As it was made, whatever the test before did to it."""
    _promoted_store.place.rewind()
    return _promoted_store


@pytest.fixture(scope="module")
def email_store(tmp_path_factory: pytest.TempPathFactory, _email_traffic: Path) -> Settings:
    """A module's own store with a week of `email_draft` traffic up to now, and nothing registered yet."""
    folder = tmp_path_factory.mktemp("email")
    shutil.copy(_email_traffic, folder / "mlflow.db")
    return Settings(tracking_uri=f"sqlite:///{folder}/mlflow.db", storage_uri=str(folder / "storage"))


@pytest.fixture(scope="module")
def email_week() -> Window:
    """A window that holds all of it."""
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=1)
    return Window(start=end - timedelta(days=8), end=end)


@pytest.fixture(scope="session")
def _email_traffic(tmp_path_factory: pytest.TempPathFactory, _empty_store: Path) -> Path:
    """The database of such a store, filled once."""
    from dev.traffic.email_draft import SCENARIO
    from dev.traffic.log import AsRun
    from dev.traffic.simulate import simulate
    from include.programs.email_draft import EmailDraft
    from teleprompt.config.settings import LMConfig
    from teleprompt.lm.build import build_lm

    folder = tmp_path_factory.mktemp("traffic")
    shutil.copy(_empty_store, folder / "mlflow.db")
    end = datetime.now(UTC)
    lm = build_lm(LMConfig(temperature=SCENARIO.temperature))
    calls = simulate(SCENARIO, EmailDraft(), lm, start=end - timedelta(days=7), end=end)
    with mlflow_client(f"sqlite:///{folder}/mlflow.db") as client:
        prod = client.create_experiment("production", (folder / "artifacts").as_uri())
        log_many(client, prod, [AsRun.of("EmailDraft", "reply_rate", call) for call in calls])
    return folder / "mlflow.db"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, or one process would work on it while the others have ended."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Keep together what shares something dear."""
    from tests.scheduling import GroupsFirst

    return GroupsFirst(config, log)


def pytest_unconfigure() -> None:
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture
def anvil(tmp_path: Path) -> "Iterator[Anvil]":
    """A node of its own; it mines a block for each transaction until it is told not to."""
    from tests.attest.documents import SIGNER_ADDRESS
    from tests.chain.anvil import Anvil

    node = Anvil(tmp_path)
    node.give(SIGNER_ADDRESS)
    yield node
    node.stop()


@pytest.fixture
def chained(settings: Settings, anvil: "Anvil") -> Settings:
    """Settings with a node that has a chain of its own, and a signer."""
    from pydantic import SecretStr

    from teleprompt.config.settings import Web3Config
    from tests.support import local_signer

    return settings.model_copy(update={"signer": local_signer(), "web3": Web3Config(url=SecretStr(anvil.url))})
