"""Restoring a backup into a new place: an MLflow without anything of ours, an empty storage, an empty programs folder.

All of it is checked, then made where nobody looks, then swapped in.
"""

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from teleprompt.config.settings import Settings
from teleprompt.encoding.canonical_json import sha256_hex
from teleprompt.errors import ConfigurationError, TelepromptError
from teleprompt.maintenance._archive import Archive, Manifest
from teleprompt.maintenance._inventory import kind_of, list_files, path_below
from teleprompt.maintenance._layout import PROGRAMS, STORAGE, misplaced
from teleprompt.maintenance._mlflow_import import MlflowImport, check_is_empty, read_copy
from teleprompt.maintenance._relocate import Relocation
from teleprompt.maintenance._staging import staged
from teleprompt.maintenance.plan import Kind
from teleprompt.records import Digest
from teleprompt.storage.blobs import location, write_whole

if TYPE_CHECKING:
    from mlflow import MlflowClient


def restore(client: "MlflowClient", settings: Settings, source: str) -> Manifest:
    """Restore a backup. It is checked whole, and so is that the place is empty, before anything is written.

    Raises:
        TelepromptError: the backup is not complete, or was changed.
        ConfigurationError: the place is not empty.
    """
    archive = Archive(source)
    copy = read_copy(archive)
    if found := misplaced({name: file.sha256 for name, file in archive.manifest.files.items()}, copy):
        raise TelepromptError(
            f"{found!a} in the backup {source} is nothing that a backup holds; nothing was restored, name another."
        )
    storage = _StorageCopy.of(archive, settings.storage_uri)
    programs = {name: archive.manifest.files[f"{PROGRAMS}/{name}"].sha256 for name in archive.names(PROGRAMS)}
    importing = MlflowImport(client, archive, storage.relocation)
    importing.check(copy)
    check_is_empty(client, copy)
    with ExitStack() as places:
        swap_storage = places.enter_context(_storage(archive, storage, settings.storage_uri))
        swap_programs = places.enter_context(_programs(archive, programs, settings.programs_dir))
        places.enter_context(importing.staged(copy))
        swap_storage()
        swap_programs()
        importing.show(copy)
    return archive.manifest


@dataclass(frozen=True)
class _StorageCopy:
    """The files of a storage, as they are elsewhere: manifests name where others lie, so they get new names."""

    relocation: Relocation
    rewritten: Mapping[str, bytes]
    digests: Mapping[str, Digest]
    """Of all files, by their names below the storage."""

    @classmethod
    def of(cls, archive: Archive, storage_uri: str) -> "_StorageCopy":
        here = Relocation(storage_uri)
        rewritten, digests, renamed = {}, {}, {}
        for name in archive.names(STORAGE):
            digest = archive.manifest.files[f"{STORAGE}/{name}"].sha256
            if kind_of(name) is Kind.MANIFESTS:
                data = here.canonical(archive.read(f"{STORAGE}/{name}"))
                renamed[digest] = sha256_hex(data)
                name = name.replace(digest, renamed[digest])
                digest, rewritten[name] = renamed[digest], data
            digests[name] = digest
        return cls(Relocation(storage_uri, renamed), rewritten, digests)

    def write(self, archive: Archive, folder: Path) -> None:
        """Write all files below a folder that is empty."""
        for name in self.digests:
            if name in self.rewritten:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                write_whole(folder / name, io.BytesIO(self.rewritten[name]))
            else:
                archive.copy(f"{STORAGE}/{name}", folder / name)


@contextmanager
def _storage(archive: Archive, storage: _StorageCopy, storage_uri: str) -> Iterator[Callable[[], None]]:
    """What puts the storage in its place."""
    root = location(storage_uri)
    files = [file for file in list_files(storage_uri) if file.kind is not Kind.OTHER]
    present = {path_below(root, location(file.uri)): file.uri for file in files}
    for name, uri in present.items():
        if storage.digests.get(name) != _digest_of(location(uri)):
            raise ConfigurationError(f"The storage {storage_uri} is not empty ({uri}); restore into a new one.")
    if present.keys() == storage.digests.keys():
        yield lambda: None  # an earlier try came so far
    elif isinstance(root, Path):
        _check_is_new(root)
        with staged(root) as folder:
            storage.write(archive, folder.path)
            yield folder.swap_in
    else:
        yield lambda: _upload(archive, storage, root)


def _upload(archive: Archive, storage: _StorageCopy, root: Any) -> None:
    """A bucket has no rename: each object is there whole or not at all, and a second try writes what lacks."""
    with TemporaryDirectory() as folder:
        storage.write(archive, Path(folder))
        for name in storage.digests:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            with Path(folder, name).open("rb") as file:
                write_whole(root / name, file)


@contextmanager
def _programs(archive: Archive, programs: Mapping[str, Digest], folder: Path) -> Iterator[Callable[[], None]]:
    """What puts the program files in their place; where all of them are there already, nothing."""
    if all((folder / name).is_file() and _digest_of(folder / name) == digest for name, digest in programs.items()):
        yield lambda: None
        return
    _check_is_new(folder)
    with staged(folder) as new:
        for name in programs:
            archive.copy(f"{PROGRAMS}/{name}", new.path / name)
        yield new.swap_in


def _check_is_new(folder: Path) -> None:
    if folder.exists() and (found := next(folder.iterdir(), None)):
        raise ConfigurationError(f"{folder} is not empty ({found.name!a}); name a new folder to restore into.")


def _digest_of(path: Any) -> Digest:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
