"""A backup as files: written one by one, the manifest with all their digests last; checked whole before it is used."""

import hashlib
import io
import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import AwareDatetime, Field, ValidationError, field_validator

from teleprompt.errors import ConfigurationError, TelepromptError
from teleprompt.maintenance._names import odd_name, same_place
from teleprompt.records import Digest, Record
from teleprompt.storage.blobs import location, write_note

FORMAT = 1
"""Of a backup; one of another format is refused."""

MANIFEST = "manifest.json"
CHUNK = 1 << 20


class ArchivedFile(Record):
    """One file of a backup."""

    sha256: Digest
    size: int = Field(ge=0)
    """Bytes."""


class Manifest(Record):
    """What a backup holds. Without it there is no backup."""

    format: int
    made_at: AwareDatetime
    versions: dict[str, str]
    """Of the packages that wrote it."""
    counts: dict[str, int]
    """Of runs, attestations and so on, for people."""
    files: dict[str, ArchivedFile]

    @field_validator("files")
    @classmethod
    def _stay_below(cls, files: dict[str, ArchivedFile]) -> dict[str, ArchivedFile]:
        for name in files:
            if fault := odd_name(name):
                raise ValueError(f"{name!a} {fault}")
        if both := same_place(files):
            raise ValueError(f"{both[0]!a} and {both[1]!a} are one place")
        return files

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files.values())


class ArchiveWriter:
    """Writes a backup to a folder or URI that holds nothing yet.

    Raises:
        ConfigurationError: it holds something.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._root = location(uri)
        self._files: dict[str, ArchivedFile] = {}
        if self._root.is_file():
            raise ConfigurationError(f"{uri} is a file; name an empty folder, or one that is to be made.")
        if self._root.exists() and any(self._root.iterdir()):
            raise ConfigurationError(
                f"There is something in {uri} already; name an empty folder, or delete what an interrupted backup left."
            )

    def add(self, name: str, data: bytes) -> None:
        """Add a file."""
        self.copy(name, io.BytesIO(data))

    def copy(self, name: str, source: BinaryIO) -> Digest:
        """Add a file without holding it in memory; its SHA-256.

        Raises:
            ConfigurationError: its name is one that `restore` would refuse.
        """
        if fault := odd_name(name):
            raise ConfigurationError(f"{name!a} {fault}, so a backup cannot hold it; rename the file.")
        target = self._root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        digest, size = hashlib.sha256(), 0
        with target.open("wb") as file:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
                file.write(chunk)
        self._files[name] = ArchivedFile(sha256=digest.hexdigest(), size=size)
        return digest.hexdigest()

    def add_folder(self, name: str, folder: Path) -> tuple[str, ...]:
        """Add all files of a folder; their paths below it."""
        paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        for path in paths:
            with (folder / path).open("rb") as file:
                self.copy(f"{name}/{path}", file)
        return tuple(paths)

    def finish(self, *, made_at: AwareDatetime, versions: dict[str, str], counts: dict[str, int]) -> Manifest:
        """Write the manifest, which makes it a backup.

        Raises:
            ConfigurationError: two files would be one where names differ by more than case.
        """
        if both := same_place(self._files):
            raise ConfigurationError(f"{both[0]!a} and {both[1]!a} could not be told apart everywhere; rename one.")
        manifest = Manifest(format=FORMAT, made_at=made_at, versions=versions, counts=counts, files=self._files)
        write_note(self._uri, MANIFEST, manifest.model_dump_json(indent=1))
        return manifest


class Archive:
    """A backup that was checked: it holds the files that its manifest names, as they were written, and nothing else.

    What is read later is held against the manifest again, so that a file which is changed meanwhile is never used.

    Raises:
        TelepromptError: it is not complete, something in it was changed, or something else is in it.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        root = location(uri)
        self._root = root.resolve() if isinstance(root, Path) else root
        found = set(self._list())
        self.manifest = self._read_manifest(found)
        for name in sorted(found - self.manifest.files.keys() - {MANIFEST}):
            raise self._refusal(f"{name!a} is in it and not in its {MANIFEST}")
        for name in sorted(self.manifest.files.keys() - found):
            raise self._refusal(f"it lacks {name}")
        for name in self.manifest.files:
            self._verify(name, lambda _chunk: None)

    def read(self, name: str) -> bytes:
        """The bytes of a file.

        Raises:
            TelepromptError: they are others than the manifest states.
        """
        held = io.BytesIO()
        self._verify(name, held.write)
        return held.getvalue()

    def copy(self, name: str, target: Path) -> None:
        """Copy a file, never holding it in memory.

        Raises:
            TelepromptError: it is another than the manifest states.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as out:
            self._verify(name, out.write)
            out.flush()
            os.fsync(out.fileno())

    def names(self, folder: str) -> list[str]:
        """The names of the files below a folder, as they are below it."""
        prefix = f"{folder}/"
        return [name.removeprefix(prefix) for name in self.manifest.files if name.startswith(prefix)]

    def unpack(
        self, folder: str, target: Path, change: Callable[[str, bytes], bytes] = lambda _name, data: data
    ) -> bool:
        """Write the files below a folder to `target`, as `change` makes them; whether there are any."""
        names = self.names(folder)
        for name in names:
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(change(name, self.read(f"{folder}/{name}")))
        return bool(names)

    def _list(self) -> Iterator[str]:
        """The names of all that lies in it; in a folder no links, and no devices or pipes, which may never end."""
        if not isinstance(self._root, Path):
            base = self._root.path.rstrip("/")
            self._root.fs.invalidate_cache()
            yield from (path.removeprefix(base).lstrip("/") for path in self._root.fs.find(base))
            return
        for folder, folders, files in os.walk(self._root, onerror=_raise):
            for path in (Path(folder, name) for name in (*folders, *files)):
                name, status = path.relative_to(self._root).as_posix(), path.lstat()
                if stat.S_ISDIR(status.st_mode):
                    continue
                if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
                    raise self._refusal(f"{name!a} is a link or no ordinary file")
                yield name

    def _read_manifest(self, found: set[str]) -> Manifest:
        if MANIFEST not in found:
            raise ConfigurationError(
                f"There is no complete backup in {self._uri}: it lacks {MANIFEST}, which comes last; name another one."
            )
        try:
            text = (self._root / MANIFEST).read_text(encoding="utf-8")
            manifest = Manifest.model_validate(json.loads(text, object_pairs_hook=_distinct))
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]["msg"].removeprefix("Value error, ")
            raise self._refusal(f"its {MANIFEST} cannot be read ({fault})") from error
        except (ValueError, RecursionError) as error:
            raise self._refusal(f"its {MANIFEST} cannot be read") from error
        if manifest.format != FORMAT:
            raise TelepromptError(
                f"The backup {self._uri} has the format {manifest.format}, and this version of the package reads "
                f"{FORMAT}; restore it with the version that wrote it ({manifest.versions})."
            )
        return manifest

    def _verify(self, name: str, use: Callable[[bytes], object]) -> None:
        """Hand the bytes of a file to `use`, and hold them against the manifest."""
        stated, digest, size = self.manifest.files[name], hashlib.sha256(), 0
        path: Any = self._root / name
        with path.open("rb") as file:
            while size <= stated.size and (chunk := file.read(CHUNK)):
                digest.update(chunk)
                size += len(chunk)
                use(chunk)
        if (digest.hexdigest(), size) != (stated.sha256, stated.size):
            raise self._refusal(f"{name} is not what was written")

    def _refusal(self, fault: str) -> TelepromptError:
        return TelepromptError(f"The backup {self._uri} is refused, for {fault}; nothing was restored, name another.")


def _raise(error: OSError) -> None:
    """A folder that cannot be listed is no empty one; one that is not there holds nothing."""
    if not isinstance(error, FileNotFoundError):
        raise TelepromptError(f"{error.filename} cannot be read ({error.strerror}); nothing was restored.") from error


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found
