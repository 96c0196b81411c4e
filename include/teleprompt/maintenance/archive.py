"""A backup as files: written one by one, the manifest with all their digests last; checked whole before it is used."""

import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from pydantic import AwareDatetime, ValidationError, field_validator

from include.teleprompt.errors import ConfigurationError, TelepromptError
from include.teleprompt.records import Digest, Record
from include.teleprompt.storage import location, read_note, write_note

FORMAT = 1
"""Of a backup; one of another format is refused."""

MANIFEST = "manifest.json"
CHUNK = 1 << 20


class ArchivedFile(Record):
    """One file of a backup."""

    sha256: Digest
    size: int
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
            if name.startswith("/") or "\\" in name or ".." in PurePosixPath(name).parts:
                raise ValueError(f"{name} leads out of the backup")
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
        if self._root.exists() and any(self._root.iterdir()):
            raise ConfigurationError(
                f"There is something in {uri} already; name an empty folder, or delete what an interrupted backup left."
            )

    def add(self, name: str, data: bytes) -> None:
        """Add a file."""
        self.copy(name, io.BytesIO(data))

    def copy(self, name: str, source: BinaryIO) -> Digest:
        """Add a file without holding it in memory; its SHA-256."""
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
        """Write the manifest, which makes it a backup."""
        manifest = Manifest(format=FORMAT, made_at=made_at, versions=versions, counts=counts, files=self._files)
        write_note(self._uri, MANIFEST, manifest.model_dump_json(indent=1))
        return manifest


class Archive:
    """A backup that was checked: each file is there and is what was written.

    Raises:
        TelepromptError: it is not complete, or something in it was changed.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._root = location(uri)
        self.manifest = self._read_manifest()
        for name, file in self.manifest.files.items():
            self._check(name, file)

    def read(self, name: str) -> bytes:
        """The bytes of a file."""
        return bytes((self._root / name).read_bytes())

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """A file, to be read from."""
        with (self._root / name).open("rb") as file:
            yield file

    def names(self, folder: str) -> list[str]:
        """The files below a folder, by their whole names."""
        return [name for name in self.manifest.files if name.startswith(f"{folder}/")]

    def unpack(
        self, folder: str, target: Path, change: Callable[[str, bytes], bytes] = lambda _name, data: data
    ) -> bool:
        """Write the files below a folder to `target`, as `change` makes them; whether there are any."""
        names = self.names(folder)
        for name in names:
            below = name.removeprefix(f"{folder}/")
            path = target / below
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(change(below, self.read(name)))
        return bool(names)

    def _read_manifest(self) -> Manifest:
        text = read_note(self._uri, MANIFEST)
        if text is None:
            raise TelepromptError(
                f"There is no complete backup in {self._uri}: it lacks {MANIFEST}, which comes last; name another one."
            )
        try:
            manifest = Manifest.model_validate_json(text)
        except ValidationError as error:
            raise TelepromptError(f"The {MANIFEST} of the backup {self._uri} cannot be read; name another.") from error
        if manifest.format != FORMAT:
            raise TelepromptError(
                f"The backup {self._uri} has the format {manifest.format}, and this version of the package reads "
                f"{FORMAT}; restore it with the version that wrote it ({manifest.versions})."
            )
        return manifest

    def _check(self, name: str, stated: ArchivedFile) -> None:
        path: Any = self._root / name
        try:
            with path.open("rb") as file:
                digest, size = hashlib.sha256(), 0
                while chunk := file.read(CHUNK):
                    digest.update(chunk)
                    size += len(chunk)
        except FileNotFoundError:
            raise TelepromptError(f"The backup {self._uri} lacks {name}; nothing was restored, name another.") from None
        if (digest.hexdigest(), size) != (stated.sha256, stated.size):
            raise TelepromptError(
                f"{name} in the backup {self._uri} is not what was written; nothing was restored, name another."
            )
