"""Restoring a backup into an empty place: an MLflow without anything of ours, and an empty storage."""

import json
import shutil
from typing import Any

from include.teleprompt.canonical import canonical_json, sha256_hex
from include.teleprompt.config.settings import Settings
from include.teleprompt.errors import ConfigurationError
from include.teleprompt.maintenance.archive import Archive, Manifest
from include.teleprompt.maintenance.inventory import kind_of, list_files
from include.teleprompt.maintenance.mlflow_import import MlflowImport, check_is_empty, read_copy
from include.teleprompt.maintenance.plan import Kind
from include.teleprompt.maintenance.relocate import Relocation
from include.teleprompt.storage import location, put_blob

STORAGE = "storage"
PROGRAMS = "programs"


def restore(client: Any, settings: Settings, source: str) -> Manifest:
    """Restore a backup. It is checked whole, and so is that the place is empty, before anything is written.

    Raises:
        TelepromptError: the backup is not complete, or was changed.
        ConfigurationError: the place is not empty.
    """
    archive = Archive(source)
    copy = read_copy(archive)
    check_is_empty(client, copy)
    _check_storage(settings)
    _check_programs(archive, settings)
    relocation = _restore_storage(archive, settings.storage_uri)
    MlflowImport(client, archive, relocation).restore(copy)
    for name in archive.names(PROGRAMS):
        target = settings.programs_dir / name.removeprefix(f"{PROGRAMS}/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(archive.read(name))
    return archive.manifest


def _check_storage(settings: Settings) -> None:
    found = [file for file in list_files(settings.storage_uri) if file.kind is not Kind.OTHER]
    if found:
        raise ConfigurationError(
            f"The storage {settings.storage_uri} is not empty ({found[0].uri}); restore into an empty one."
        )


def _check_programs(archive: Archive, settings: Settings) -> None:
    for name in archive.names(PROGRAMS):
        target = settings.programs_dir / name.removeprefix(f"{PROGRAMS}/")
        if target.exists() and target.read_bytes() != archive.read(name):
            raise ConfigurationError(
                f"{target} is another file than the backup's; move it away, or set TELEPROMPT_PROGRAMS_DIR to an empty "
                "folder."
            )


def _restore_storage(archive: Archive, storage_uri: str) -> Relocation:
    """Write the files; the manifests name where others lie, so they get new names in another place."""
    here = Relocation(storage_uri)
    renamed = {}
    for name in archive.names(STORAGE):
        below = name.removeprefix(f"{STORAGE}/")
        if kind_of(below) is Kind.MANIFESTS:
            before = archive.read(name)
            manifest = canonical_json(here.value(json.loads(before)))
            renamed[sha256_hex(before)] = put_blob(storage_uri, "snapshots", manifest, suffix=".json").digest
            continue
        target = location(storage_uri) / below
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(name) as file, target.open("wb") as out:
            shutil.copyfileobj(file, out)
    return Relocation(storage_uri, renamed)
