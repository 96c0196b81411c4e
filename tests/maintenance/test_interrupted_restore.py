"""A restore that ends in the middle leaves nothing that anybody reads, and a second one works."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from teleprompt.config.settings import Settings
from teleprompt.errors import ConfigurationError
from teleprompt.maintenance import restore as restoring
from teleprompt.maintenance._inventory import list_files
from teleprompt.maintenance._mlflow_import import MlflowImport
from teleprompt.maintenance._staging import staged
from teleprompt.maintenance.restore import restore
from teleprompt.queries.history import list_runs
from teleprompt.registry.listing import list_versions
from teleprompt.storage.blobs import location
from teleprompt.tracking.connection import mlflow_client
from teleprompt.tracking.search import own_experiment_ids
from tests import REPOSITORY


@pytest.fixture
def new(settings: Settings, tmp_path: Path) -> Settings:
    """An empty place."""
    return settings.model_copy(
        update={"programs_dir": tmp_path / "new/programs", "storage_uri": str(tmp_path / "new/storage")}
    )


def visible(settings: Settings) -> tuple[int, int, int]:
    """How many experiments, versions and files of the storage are there to be read."""
    with mlflow_client(settings.tracking_uri) as client:
        versions = client.search_model_versions("name = 'Shelves'")
        return len(own_experiment_ids(client)), len(versions), len(list_files(settings.storage_uri))


def assert_whole_after_another_try(source: Path, settings: Settings) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        restore(client, settings, str(source))
        assert [run.program for run in list_runs(client)] == ["Shelves", "Shelves"]
        assert [version.number for version in list_versions(client, "Shelves")] == [2, 1]
    stored = source / "storage"
    assert len(list_files(settings.storage_uri)) == len([path for path in stored.rglob("*") if path.is_file()])
    assert (settings.programs_dir / "shelves.py").read_bytes() == (source / "programs/shelves.py").read_bytes()


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ("archive.Archive.copy", 3),
        ("mlflow_import.MlflowImport._restore_run", 2),
        ("staging.StagedFolder.swap_in", 1),
        ("staging.StagedFolder.swap_in", 2),
        ("mlflow_import.MlflowImport.show", 1),
    ],
)
def test_killed(kept_backup: Path, new: Settings, where: str, count: int) -> None:
    module, kind, method = where.split(".")
    code = f"""
import os, signal
from pathlib import Path
from teleprompt.config.settings import Settings
from teleprompt.maintenance import _archive as archive, _mlflow_import as mlflow_import, _staging as staging
from teleprompt.maintenance import restore
from teleprompt.tracking.connection import mlflow_client
calls, genuine = [], {module}.{kind}.{method}
def counted(*arguments):
    calls.append(1)
    return os.kill(os.getpid(), signal.SIGKILL) if len(calls) == {count} else genuine(*arguments)
{module}.{kind}.{method} = counted
settings = Settings(tracking_uri={new.tracking_uri.get_secret_value()!r}, storage_uri={new.storage_uri!r},
                    programs_dir=Path({str(new.programs_dir)!r}))
with mlflow_client(settings.tracking_uri) as client:
    restore.restore(client, settings, {str(kept_backup)!r})
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True)
    assert done.returncode == -9, done.stderr.decode()
    experiments, versions, files = visible(new)
    assert (experiments, versions) == (0, 0)
    assert files in {0, len(list((kept_backup / "storage").rglob("*.*")))}
    assert_whole_after_another_try(kept_backup, new)
    assert sorted(path.name for path in new.programs_dir.parent.iterdir()) == ["programs", "storage"]


def test_a_file_that_is_changed_meanwhile_is_never_used(
    kept_backup: Path, new: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replaced(client: Any, copy: Any) -> None:  # after all was checked
        (source / "programs/shelves.py").write_text("import os\n")

    source = tmp_path / "backup"
    for path in (path for path in kept_backup.rglob("*") if path.is_file()):
        (source / path.relative_to(kept_backup)).parent.mkdir(parents=True, exist_ok=True)
        (source / path.relative_to(kept_backup)).write_bytes(path.read_bytes())
    monkeypatch.setattr(restoring, "check_is_empty", replaced)
    with (
        mlflow_client(new.tracking_uri) as client,
        pytest.raises(Exception, match=r"shelves\.py is not what was written"),
    ):
        restore(client, new, str(source))
    assert not list(new.programs_dir.parent.iterdir())
    assert visible(new) == (0, 0, 0)


@pytest.fixture
def bucket(new: Settings, tmp_path: Path) -> Iterator[Settings]:
    uri = f"memory://{tmp_path.name}/storage"
    yield new.model_copy(update={"storage_uri": uri})
    location(uri).fs.rm(location(uri).path, recursive=True)


def test_a_bucket_that_was_half_written_is_filled_up(
    kept_backup: Path, bucket: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Any] = []

    def breaks_off(target: Any, source: Any) -> None:
        written.append(target)
        if len(written) == 12:
            raise OSError("the bucket went away")
        genuine(target, source)

    genuine = restoring.write_whole
    with monkeypatch.context() as patch, mlflow_client(bucket.tracking_uri) as client:
        patch.setattr(restoring, "write_whole", breaks_off)
        with pytest.raises(OSError, match="went away"):
            restore(client, bucket, str(kept_backup))
    experiments, versions, files = visible(bucket)
    assert (experiments, versions) == (0, 0)
    assert files
    assert not bucket.programs_dir.exists()
    assert_whole_after_another_try(kept_backup, bucket)


def test_a_place_that_holds_anything_else_is_left_as_it_is(kept_backup: Path, new: Settings) -> None:
    for folder in (Path(new.storage_uri), new.programs_dir):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "notes.txt").write_text("mine")
        with mlflow_client(new.tracking_uri) as client, pytest.raises(ConfigurationError, match="is not empty"):
            restore(client, new, str(kept_backup))
        assert [path.name for path in folder.iterdir()] == ["notes.txt"]
        (folder / "notes.txt").unlink()
    assert_whole_after_another_try(kept_backup, new)


def test_programs_that_are_there_already_stay(kept_backup: Path, new: Settings) -> None:
    new.programs_dir.mkdir(parents=True)
    for path in (kept_backup / "programs").iterdir():
        (new.programs_dir / path.name).write_bytes(path.read_bytes())
    (new.programs_dir / "another.py").touch()
    assert_whole_after_another_try(kept_backup, new)
    assert (new.programs_dir / "another.py").exists()


def test_two_restores_into_one_place_do_not_mix(tmp_path: Path) -> None:
    with staged(tmp_path / "storage") as first:
        (first.path / "a").touch()
        with pytest.raises(ConfigurationError, match="is under way"), staged(tmp_path / "storage"):
            pass
        first.swap_in()
    assert [path.name for path in (tmp_path / "storage").iterdir()] == ["a"]


def test_what_the_swap_cannot_replace_is_said_before(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is where a disk is mounted"), staged(Path("/")):
        pass


def test_mlflow_that_fails_in_the_middle_keeps_nothing(
    kept_backup: Path, new: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: Any, run: Any) -> str:
        raise RuntimeError("the server went away")

    with monkeypatch.context() as patch, mlflow_client(new.tracking_uri) as client:
        patch.setattr(MlflowImport, "_restore_run", fails)
        with pytest.raises(RuntimeError):
            restore(client, new, str(kept_backup))
        assert [experiment.name for experiment in client.search_experiments()] == ["Default"]
    assert visible(new) == (0, 0, 0)
    assert_whole_after_another_try(kept_backup, new)
