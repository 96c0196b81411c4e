"""Names of files that are safe to write, and distinct, on whatever file system. Pure."""

import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath

from teleprompt.encoding.canonical_json import is_plain

MAX_PART_BYTES = 255
"""Of a name between two slashes; file systems take no longer one."""


def odd_name(name: str) -> str | None:
    """What is wrong with a file's name, or None: it is relative, in parts that every file system takes as they are."""
    if any(part in {"", ".", ".."} for part in name.split("/")):
        return "leads out of the backup"
    if "\\" in name or not all(map(is_plain, name.split("/"))):
        return "is no plain name"
    if any(len(part.encode()) > MAX_PART_BYTES for part in name.split("/")):
        return "is too long"
    return None


def same_place(names: Iterable[str]) -> tuple[str, str] | None:
    """Two names that are one file on a disk that ignores case, or of which one is a folder of the other."""
    seen: dict[str, str] = {}
    for name in names:
        own = _folded(name)
        if own in seen:
            return seen[own], name
        seen[own] = name
    for own, name in seen.items():
        for folder in PurePosixPath(own).parents:
            if str(folder) in seen:
                return seen[str(folder)], name
    return None


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name.casefold())
