"""Writing into a project that is somebody else's: only what is not there yet, and so that it can be taken back."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from teleprompt.errors import ConfigurationError
from teleprompt.records import Record

RECEIPT = Path(".teleprompt/init.json")
"""Below the project: what was written, with digests."""


class Scaffolded(Record):
    """What became of each file, named relative to the project."""

    written: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    """Were there already, or were changed since they were written; left as they are."""
    removed: tuple[str, ...] = ()


class Receipt(Record):
    """What was written, so that it can be taken back."""

    files: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of each file as it was written, by its path below the project."""
    folders: tuple[str, ...] = ()
    """Made for them."""


def scaffold(project: Path, files: Mapping[str, str]) -> Scaffolded:
    """Write those of `files`, text by relative path, that are not there, and remember them in `RECEIPT`.

    Raises:
        ConfigurationError: a folder cannot be written to.
    """
    receipt = _read(project)
    written, kept = [], []
    try:
        for name, text in files.items():
            file = project / name
            if file.exists() or file.is_symlink():
                kept.append(name)
                continue
            folders = _make_folder(project, file.parent)
            file.write_text(text, encoding="utf-8")
            written.append(name)
            receipt = Receipt(files={**receipt.files, name: _digest(file)}, folders=(*receipt.folders, *folders))
            _write(project, receipt)
    except OSError as error:
        raise ConfigurationError(
            f"{error.filename} cannot be written ({error.strerror}); name a project that you may write to."
        ) from error
    return Scaffolded(written=tuple(written), kept=tuple(kept))


def take_back(project: Path) -> Scaffolded:
    """Remove what `scaffold` wrote: files that are as it wrote them, then folders that it made and that are empty.

    Raises:
        ConfigurationError: nothing was written there.
    """
    if not (project / RECEIPT).is_file():
        raise ConfigurationError(f"Nothing was written into {project} by `teleprompt init`; name the project it was.")
    receipt = _read(project)
    removed, kept = [], []
    for name, digest in receipt.files.items():
        file = project / name
        if not file.exists():
            continue
        if _digest(file) != digest:
            kept.append(name)
            continue
        file.unlink()
        removed.append(name)
    (project / RECEIPT).unlink()
    for folder in sorted([*receipt.folders, str(RECEIPT.parent)], key=len, reverse=True):
        place = project / folder
        for cache in place.glob("__pycache__"):
            _remove_compiled(cache, receipt.files)
        if place.is_dir() and not any(place.iterdir()):
            place.rmdir()
    return Scaffolded(removed=tuple(removed), kept=tuple(kept))


def _remove_compiled(cache: Path, files: Mapping[str, str]) -> None:
    """What Python compiled of our files; a folder that is left with nothing else."""
    ours = {Path(name).stem for name in files if name.endswith(".py")}
    for file in cache.iterdir():
        if file.name.partition(".")[0] in ours:
            file.unlink()
    if not any(cache.iterdir()):
        cache.rmdir()


def _make_folder(project: Path, folder: Path) -> list[str]:
    missing = [f for f in (folder, *folder.parents) if f.is_relative_to(project) and not f.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return [str(f.relative_to(project)) for f in missing if f != project]


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _read(project: Path) -> Receipt:
    file = project / RECEIPT
    return Receipt.from_stored(file.read_bytes()) if file.is_file() else Receipt()


def _write(project: Path, receipt: Receipt) -> None:
    file = project / RECEIPT
    file.parent.mkdir(exist_ok=True)
    file.write_text(receipt.to_stored(indent=1))
