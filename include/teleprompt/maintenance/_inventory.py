"""What lies in the storage, whatever it is: a folder or a bucket."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from teleprompt.maintenance.plan import Kind, StoredFile
from teleprompt.records import Digest
from teleprompt.storage.blobs import location, modified_at

_FOLDERS = {
    "traces": Kind.ROWS,
    "snapshots": Kind.MANIFESTS,
    "programs": Kind.PROGRAMS,
    "bootstraps": Kind.BOOTSTRAPS,
    "checkpoints": Kind.CHECKPOINTS,
    "days": Kind.READ_TRACES,
    "attestations": Kind.ATTESTATIONS,
    "looks": Kind.LOOKS,
    "outbox": Kind.OUTBOX,
    "signers": Kind.SIGNERS,
    "log": Kind.PUBLIC_LOG,
}
_NAMED_BY_DIGEST = re.compile(r"([0-9a-f]{64})\.\w+")
_HALF_WRITTEN = re.compile(r"\..+\.[0-9a-f]{8}\.part")


def list_files(storage_uri: str) -> list[StoredFile]:
    """All files below the storage, in the order of their names; none where there is no storage yet."""
    root = location(storage_uri)
    listed = _of_folder(root) if isinstance(root, Path) else _of_bucket(root)
    return sorted(listed, key=lambda file: file.uri)


def kind_of(name: str) -> Kind:
    """What the file with that path below the storage is."""
    folder, _, rest = name.partition("/")
    own_name = rest.rpartition("/")[2]
    if _HALF_WRITTEN.fullmatch(own_name):
        return Kind.LEFTOVERS
    if folder == "scores":  # those of a comparison lie beside the folders of the kept ones
        return Kind.SCORES if "/" in rest else Kind.COMPARISONS
    return _FOLDERS.get(folder, Kind.OTHER) if rest else Kind.OTHER


def digest_in_name(name: str) -> Digest | None:
    """The digest that a file of the storage is named by, if it is."""
    if kind_of(name) is Kind.SCORES:  # they bear a program's name
        return None
    found = _NAMED_BY_DIGEST.fullmatch(name.rpartition("/")[2])
    return found[1] if found else None


def path_below(root: Any, path: Any) -> str:
    """The path of a file below the storage, with `/` between its parts."""
    return str(path.relative_to(root).as_posix())


def _of_folder(root: Path) -> Iterator[StoredFile]:
    for path in root.rglob("*"):
        with suppress(FileNotFoundError):  # it went since it was listed, as half-written ones do
            if path.is_file():
                found = path.stat()
                yield _described(path, path_below(root, path), found.st_size, found.st_mtime)


def _of_bucket(root: Any) -> Iterator[StoredFile]:
    """By one listing, which tells size and time of each file."""
    if not root.exists():
        return
    base = root.path.rstrip("/")
    root.fs.invalidate_cache()
    for found, details in root.fs.find(base, detail=True).items():
        path = root / found.removeprefix(base).lstrip("/")
        yield _described(path, path_below(root, path), details["size"], _modified(path, details))


def _modified(path: Any, details: Mapping[str, Any]) -> float:
    """Seconds since 1970; asked for where the listing does not tell."""
    for name in ("LastModified", "last_modified", "updated", "mtime", "created"):
        moment = details.get(name)
        if isinstance(moment, datetime):
            return moment.timestamp()
        if isinstance(moment, int | float):
            return float(moment)
    return modified_at(path)


def _described(path: Any, name: str, size: int, modified: float) -> StoredFile:
    return StoredFile(
        uri=str(path),
        kind=kind_of(name),
        size=size,
        modified=datetime.fromtimestamp(modified, tz=UTC),
        digest=digest_in_name(name),
    )
