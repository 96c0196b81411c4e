"""What lies in the storage, whatever it is: a folder or a bucket."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from include.teleprompt.maintenance.plan import Kind, StoredFile
from include.teleprompt.storage import location, modified_at

_FOLDERS = {
    "traces": Kind.ROWS,
    "snapshots": Kind.MANIFESTS,
    "programs": Kind.PROGRAMS,
    "checkpoints": Kind.CHECKPOINTS,
    "days": Kind.READ_TRACES,
    "attestations": Kind.ATTESTATIONS,
    "looks": Kind.LOOKS,
    "outbox": Kind.OUTBOX,
}
_NAMED_BY_DIGEST = re.compile(r"([0-9a-f]{64})\.\w+")
_HALF_WRITTEN = re.compile(r"\..+\.[0-9a-f]{8}\.part")


def list_files(storage_uri: str) -> list[StoredFile]:
    """All files below the storage, in the order of their names; none where there is no storage yet."""
    root = location(storage_uri)
    found = (_described_if_there(root, path) for path in sorted(_files_below(root), key=str))
    return [file for file in found if file is not None]


def kind_of(name: str) -> Kind:
    """What the file with that path below the storage is."""
    folder, _, rest = name.partition("/")
    own_name = rest.rpartition("/")[2]
    if _HALF_WRITTEN.fullmatch(own_name):
        return Kind.LEFTOVERS
    if folder == "scores":  # those of a comparison lie beside the folders of the kept ones
        return Kind.SCORES if "/" in rest else Kind.COMPARISONS
    return _FOLDERS.get(folder, Kind.OTHER) if rest else Kind.OTHER


def path_below(root: Any, path: Any) -> str:
    """The path of a file below the storage, with `/` between its parts."""
    return str(path.relative_to(root).as_posix())


def _files_below(root: Any) -> Iterator[Any]:
    if isinstance(root, Path):
        yield from (path for path in root.rglob("*") if path.is_file())
    elif root.exists():  # one listing, where walking would ask for each folder
        base = root.path.rstrip("/")
        yield from (root / found.removeprefix(base).lstrip("/") for found in root.fs.find(base))


def _described_if_there(root: Any, path: Any) -> StoredFile | None:
    """None for a file that went since it was listed, as half-written ones do."""
    try:
        return _described(root, path)
    except FileNotFoundError:
        return None


def _described(root: Any, path: Any) -> StoredFile:
    name = path_below(root, path)
    kind = kind_of(name)
    by_digest = None if kind is Kind.SCORES else _NAMED_BY_DIGEST.fullmatch(path.name)  # they bear a program's name
    return StoredFile(
        uri=str(path),
        kind=kind,
        size=path.stat().st_size,
        modified=datetime.fromtimestamp(modified_at(path), tz=UTC),
        digest=by_digest[1] if by_digest else None,
    )
