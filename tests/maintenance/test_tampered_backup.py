"""A backup that somebody changed is refused whole, and nothing is written: not in the place, and not beside it."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from teleprompt.config.settings import Settings
from teleprompt.errors import TelepromptError
from teleprompt.maintenance._archive import MANIFEST
from teleprompt.maintenance.restore import restore
from teleprompt.tracking.connection import mlflow_client


class Tampered:
    """A copy of a backup, and its manifest as a forger writes it anew."""

    def __init__(self, genuine: Path, folder: Path) -> None:
        shutil.copytree(genuine, folder)
        self.folder = folder
        self.manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
        self.duplicated = ""

    def state(self, name: str, data: bytes) -> None:
        """Name a file in the manifest."""
        self.manifest["files"][name] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}

    def add(self, name: str, data: bytes = b"x = 1\n", *, at: str | None = None) -> None:
        """Add a file, and name it."""
        path = self.folder / (at or name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self.state(name, data)

    def edit(self, name: str, change: Callable[[Any], None]) -> None:
        """Change a JSON file, and name it as it is then."""
        value = json.loads((self.folder / name).read_text())
        change(value)
        self.add(name, json.dumps(value).encode())

    def first(self, pattern: str) -> str:
        """The name of one of its files."""
        return next(self.folder.glob(pattern)).relative_to(self.folder).as_posix()

    def write(self) -> None:
        text = json.dumps(self.manifest)
        (self.folder / MANIFEST).write_text(text.replace('"files": {', f'"files": {{{self.duplicated}'))


def _absolute(backup: Tampered) -> None:
    target = backup.folder.parent / "escaped"
    backup.add(f"programs//{target}.py", at=f"programs{target}.py")


def _outside(backup: Tampered) -> None:
    (backup.folder.parent / "escaped.py").write_bytes(b"x = 1\n")
    backup.state("programs/../../escaped.py", b"x = 1\n")


def _link(backup: Tampered, make: Callable[[Path, Path], None]) -> None:
    other = backup.folder.parent / "other.py"
    other.write_bytes(b"x = 1\n")
    make(backup.folder / "programs/escaped.py", other)
    backup.state("programs/escaped.py", b"x = 1\n")


def _linked_folder(backup: Tampered) -> None:
    real = backup.folder.parent / "elsewhere"
    (backup.folder / "programs").rename(real)
    (backup.folder / "programs").symlink_to(real)


def _duplicated(backup: Tampered) -> None:
    name = backup.first("programs/*.py")
    stated = json.dumps({"sha256": "0" * 64, "size": 1})
    backup.duplicated = f'"{name}": {stated}, '


def _of_another_digest(backup: Tampered) -> None:
    backup.add(f"storage/traces/{'0' * 64}.parquet", b"rows")


def _first_run(copy: Any) -> Any:
    return copy["runs"][0]


CHANGES: dict[str, Callable[[Tampered], None]] = {
    "absolute below programs": _absolute,
    "outside by ..": _outside,
    "absolute": lambda backup: backup.state("/etc/hostname", Path("/etc/hostname").read_bytes()),
    "symbolic link": lambda backup: _link(backup, lambda new, other: new.symlink_to(other)),
    "hard link": lambda backup: _link(backup, lambda new, other: new.hardlink_to(other)),
    "linked folder": _linked_folder,
    "a link that leads nowhere": lambda backup: (backup.folder / "runs/nowhere").symlink_to("/nowhere"),
    "pipe": lambda backup: os.mkfifo(backup.folder / "programs/pipe.py"),
    "bidi": lambda backup: backup.add("programs/\u202eyp.py"),
    "newline": lambda backup: backup.add("programs/a\nb.py"),
    "backslash": lambda backup: backup.add("programs\\..\\a.py"),
    "NUL": lambda backup: backup.state("programs/a\0.py", b""),
    "case": lambda backup: backup.add("programs/SHELVES.py"),
    "a file below a file": lambda backup: backup.state("programs/shelves.py/a.py", b""),
    "a name twice": _duplicated,
    "not in the manifest": lambda backup: (backup.folder / "programs/more.py").write_bytes(b""),
    "not in the manifest, undecodable": lambda backup: (backup.folder / os.fsdecode(b"programs/\xe9.py")).touch(),
    "not in the backup": lambda backup: backup.state("programs/more.py", b""),
    "of no kind": lambda backup: backup.add("storage/cron.d/job"),
    "no program": lambda backup: backup.add("programs/keystore.json"),
    "of no run": lambda backup: backup.add("runs/other/records/x.json"),
    "of no version": lambda backup: backup.add("models/0/99/MLmodel"),
    "in no folder": lambda backup: backup.add("escaped.py"),
    "of another digest": _of_another_digest,
    "a negative size": lambda backup: backup.manifest["files"]["mlflow.json"].update(size=-1),
    "no records": lambda backup: backup.manifest["files"].pop("mlflow.json"),
    "an experiment that leads away": lambda backup: backup.edit(
        "mlflow.json", lambda copy: copy["experiments"].append(copy["experiments"][0] | {"name": "teleprompt/../../x"})
    ),
    "an experiment that leads away, encoded": lambda backup: backup.edit(
        "mlflow.json", lambda copy: copy["experiments"].append(copy["experiments"][0] | {"name": "teleprompt/%2e%2e/x"})
    ),
    "a run twice": lambda backup: backup.edit("mlflow.json", lambda copy: copy["runs"].append(_first_run(copy))),
    "a run of no experiment": lambda backup: backup.edit(
        "mlflow.json", lambda copy: _first_run(copy).update(experiment="teleprompt/None")
    ),
    "a version of no run": lambda backup: backup.edit(
        "mlflow.json", lambda copy: copy["models"][0]["versions"][0].update(run_id="f" * 32)
    ),
    "a record of a file elsewhere": lambda backup: backup.edit(
        backup.first("runs/*/records/snapshot.json"), lambda record: record["manifest"].update(uri="/x/../passwd")
    ),
    "a record of a file of another name": lambda backup: backup.edit(
        backup.first("runs/*/records/snapshot.json"), lambda record: record["manifest"].update(uri="/traces/a.parquet")
    ),
    "a record that is none": lambda backup: backup.add(backup.first("runs/*/records/snapshot.json"), b"{"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_it_is_refused_and_nothing_is_written(
    kept_backup: Path, settings: Settings, tmp_path: Path, change: str
) -> None:
    backup = Tampered(kept_backup, tmp_path / "tampered" / "backup")
    CHANGES[change](backup)
    backup.write()
    into = settings.model_copy(
        update={"programs_dir": tmp_path / "new/programs", "storage_uri": str(tmp_path / "new/storage")}
    )
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    with mlflow_client(into.tracking_uri) as client:
        with pytest.raises(TelepromptError, match="nothing was restored") as refused:
            restore(client, into, str(backup.folder))
        assert [experiment.name for experiment in client.search_experiments()] == ["Default"]
    assert not (tmp_path / "new").exists()
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert str(refused.value).isprintable()


def test_the_backup_itself_may_be_reached_by_a_link(kept_backup: Path, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to(kept_backup)
    into = settings.model_copy(update={"programs_dir": tmp_path / "new/programs"})
    with mlflow_client(into.tracking_uri) as client:
        manifest = restore(client, into, str(tmp_path / "latest"))
    assert manifest.counts["program files"] == len(list((tmp_path / "new/programs").rglob("*")))
