"""A store in which one run promoted and was attested, and another one promoted nothing."""

import shutil
from pathlib import Path

import pytest

from teleprompt.config.settings import Settings
from teleprompt.maintenance.backup import back_up
from teleprompt.pipeline.pipeline import Pipeline
from teleprompt.pipeline.whole_run import Outcome, run_all_stages
from teleprompt.tracking.connection import mlflow_client
from teleprompt.window import Window
from tests.conftest import store_in
from tests.support import WEEK, local_signer, log_shelf_calls, write_program

NEXT_WEEK = Window(start=WEEK.end, end=WEEK.end + (WEEK.end - WEEK.start))


def shelves(settings: Settings, window: Window = WEEK, **optimization: object) -> Pipeline:
    overrides = {"optimization": optimization} if optimization else None
    file = settings.programs_dir / "shelves.yaml"
    return Pipeline.of_file(file, settings=settings, window=window, overrides=overrides)


@pytest.fixture(scope="session")
def _shop(tmp_path_factory: pytest.TempPathFactory, _empty_store: Path) -> tuple[Settings, Outcome]:
    folder = tmp_path_factory.mktemp("shop")
    write_program(folder / "programs")
    own = {"programs_dir": folder / "programs", "spool_dir": folder / "spool", "signer": local_signer()}
    settings = store_in(folder, _empty_store).model_copy(update=own)
    log_shelf_calls(settings, count=160)
    log_shelf_calls(settings, count=160, window=NEXT_WEEK, first=1000)
    promoted = run_all_stages(shelves(settings))
    assert promoted.attestation is not None
    little = {"max_labeled_demos": 1, "max_bootstrapped_demos": 0}
    assert run_all_stages(shelves(settings, NEXT_WEEK, options=little)).version is None
    return settings, promoted


@pytest.fixture
def shop(_shop: tuple[Settings, Outcome]) -> Settings:
    """The store. Its storage may be changed: it is put back after the test."""
    settings, _ = _shop
    return settings


@pytest.fixture
def storage(shop: Settings) -> "object":
    """The folder of the storage; put back after the test, for MLflow's records name it where it lies."""
    folder = Path(shop.storage_uri)
    kept = folder.with_name("kept")
    shutil.copytree(folder, kept)
    yield folder
    shutil.rmtree(folder)
    kept.rename(folder)


@pytest.fixture
def promoted(_shop: tuple[Settings, Outcome]) -> Outcome:
    return _shop[1]


@pytest.fixture(scope="session")
def kept_backup(_shop: tuple[Settings, Outcome], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of the store, not to be changed."""
    folder = tmp_path_factory.mktemp("kept") / "backup"
    with mlflow_client(_shop[0].tracking_uri) as client:
        back_up(client, _shop[0], str(folder))
    return folder
