"""A copy of the log's files for a web server: what is new is copied, and the checkpoint last."""

from collections.abc import Callable

from teleprompt.transparency.checkpoint import SignedCheckpoint
from teleprompt.transparency.log import PublicLog
from teleprompt.transparency.note import NoteError
from teleprompt.transparency.tiles import CHECKPOINT, LogDamagedError, files_of, reader_of, write_file
from teleprompt.transparency.vouched import name_of, sizes


def copy_tiles(log: PublicLog, uri: str, size: int) -> int:
    """Copy the tiles and bundles that a log of `size` entries needs and the copy's checkpoint does not; how many.

    Raises:
        LogDamagedError: a file of the log is missing.
    """
    known = set(files_of(_size_of(uri)))
    new = [name for name in files_of(size) if name not in known]
    for name in new:
        data = log.read(name)
        if data is None:
            raise LogDamagedError(name, "is missing")
        write_file(uri, name, data)
    return len(new)


def publish_checkpoint(log: PublicLog, uri: str, check: Callable[[], None]) -> None:
    """Copy what else is there for the newest checkpoint, and then itself, unless the copy has it; under the log's lock.

    Raises:
        LogDamagedError: a file of the log is missing.
        LogForkedError: the log is not the one that MLflow knows.
    """
    signed = log.checkpoint()
    if signed is None:
        return
    copied = _size_of(uri)
    copy_tiles(log, uri, signed.checkpoint.size)
    for size in sizes(log):
        for name in (name_of(size), f"{name_of(size)}.tsr") if size >= copied else ():
            if (data := log.read(name)) is not None:
                write_file(uri, name, data)
    if reader_of(uri)(CHECKPOINT) != signed.data:
        check()
        write_file(uri, CHECKPOINT, signed.data)


def _size_of(uri: str) -> int:
    """Of the copy's own checkpoint; 0 where it has none that can be read: then all is copied."""
    data = reader_of(uri)(CHECKPOINT)
    try:
        return 0 if data is None else SignedCheckpoint.parse(data).checkpoint.size
    except NoteError:
        return 0
