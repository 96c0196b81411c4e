"""What others said of the log's checkpoints: witnesses' cosignatures, and time stamps. Kept for good."""

import re
from pathlib import Path
from typing import Any

from teleprompt.storage.blobs import location
from teleprompt.transparency.checkpoint import SignedCheckpoint
from teleprompt.transparency.log import PublicLog
from teleprompt.transparency.note import NoteError, NoteKey, SignatureLine
from teleprompt.transparency.tiles import LogDamagedError, write_file

FOLDER = "witnessed"
_NAME = re.compile(r"([0-9]{16})")


def name_of(size: int) -> str:
    """The file of the checkpoint of that size, with its cosignatures; with `.tsr` its time stamp."""
    return f"{FOLDER}/{size:016d}"


def sizes(log: PublicLog) -> list[int]:
    """Of the checkpoints that somebody vouched for, ascending."""
    place: Any = location(log.uri) / FOLDER
    if not isinstance(place, Path):
        place.fs.invalidate_cache()  # a listing of before would answer
    if not place.exists():
        return []
    names = {str(path.name).removesuffix(".tsr") for path in place.iterdir()}
    return sorted(int(name) for name in names if _NAME.fullmatch(name))


def vouched(log: PublicLog, size: int) -> SignedCheckpoint | None:
    """The checkpoint of that size with the cosignatures that are known; None where nobody vouched for it.

    Raises:
        LogDamagedError: it is not what was kept.
    """
    data, name = log.read(name_of(size)), name_of(size)
    if data is None:
        return None
    try:
        found = SignedCheckpoint.parse(data)
        if (key := log.key) is not None:
            found.check_signed(key)
    except NoteError as error:
        raise LogDamagedError(name, f"is not what was kept ({error})") from error
    if found.checkpoint.size != size:
        raise LogDamagedError(name, "is a checkpoint of another size")
    return found


def stamp_of(log: PublicLog, size: int) -> bytes | None:
    """The time stamp of the checkpoint of that size."""
    return log.read(f"{name_of(size)}.tsr")


def last_cosigned(log: PublicLog, key: NoteKey) -> int:
    """The size of the newest checkpoint that this witness cosigned, as far as is known here; 0 for none."""
    for size in reversed(sizes(log)):
        found = vouched(log, size)
        if found is not None and any(line.is_of(key) for line in found.note.signatures):
            return size
    return 0


def with_cosignatures(signed: SignedCheckpoint, lines: list[tuple[NoteKey, SignatureLine]]) -> SignedCheckpoint:
    """The checkpoint with these below it."""
    added = "".join(key.line(line.signature) for key, line in lines)
    return SignedCheckpoint.parse(signed.data + added.encode())


def keep(log: PublicLog, signed: SignedCheckpoint, stamp: bytes | None) -> None:
    """Keep the checkpoint with its cosignatures, and its time stamp."""
    name = name_of(signed.checkpoint.size)
    write_file(log.uri, name, signed.data)
    if stamp is not None:
        write_file(log.uri, f"{name}.tsr", stamp)
