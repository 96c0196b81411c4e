"""The log's files (c2sp.org/tlog-tiles): tiles of 256 hashes, and bundles of as many entries.

They hold what is signed and nothing else, so any web server can serve the folder as it is.
"""

import io
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from http import HTTPStatus
from typing import Any

from teleprompt.errors import TelepromptError
from teleprompt.storage.blobs import location, write_whole
from teleprompt.transparency.tree import Hashes, leaf_hash, node_hash

WIDTH, LEVELS = 256, 8
"""Hashes of a tile, and levels of the tree that it stands for."""
HASH_BYTES, LENGTH_BYTES = 32, 2
MOST_ENTRY_BYTES = 2**16 - 1
CHECKPOINT = "checkpoint"
ENTRIES = "entries"
PATIENCE_SECONDS = 15.0

Read = Callable[[str], bytes | None]
"""The bytes of a file of the log by its name below the log's folder; None where it is not there."""


class LogDamagedError(TelepromptError):
    """A file of the log is missing, or is not what was signed."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(
            f"The public log's file {name} {what}; restore the log's folder from its backup or its mirror."
        )


def reader_of(uri: str) -> Read:
    """Reads the files of a log in a folder, in a bucket or at a web server."""
    if uri.startswith(("http://", "https://")):
        return partial(_fetch, uri.rstrip("/"))
    place = location(uri)

    def read(name: str) -> bytes | None:
        try:
            return bytes((place / name).read_bytes())
        except FileNotFoundError:
            return None

    return read


def _fetch(prefix: str, name: str) -> bytes | None:
    """A file of a web server.

    Raises:
        TelepromptError: it does not answer.
    """
    import httpx

    try:
        answer = httpx.get(f"{prefix}/{name}", timeout=PATIENCE_SECONDS, follow_redirects=True)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise TelepromptError(f"The public log at {prefix} did not answer ({type(error).__name__}).") from None
    if answer.status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN, HTTPStatus.GONE}:
        return None
    if not answer.is_success:
        raise TelepromptError(f"The public log at {prefix} answered {answer.status_code} for {name}.")
    return answer.content


def write_file(uri: str, name: str, data: bytes) -> None:
    """Write a file of the log, whole or not at all."""
    target: Any = location(uri) / name
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, io.BytesIO(data))


def tile_name(level: int | str, number: int, width: int) -> str:
    """Where the tile lies: `tile/0/x001/000`, and one that is not full yet `tile/0/000.p/5`."""
    parts = [f"{number % 1000:03d}"]
    while number := number // 1000:
        parts.append(f"x{number % 1000:03d}")
    return f"tile/{level}/{'/'.join(reversed(parts))}" + ("" if width == WIDTH else f".p/{width}")


def files_of(size: int) -> Iterator[str]:
    """The files that a log of `size` entries needs, but for those that a fuller tile holds, too."""
    for level in (ENTRIES, *range(64 // LEVELS)):
        count = size >> (0 if level == ENTRIES else LEVELS * int(level))
        for number in range(-(-count // WIDTH)):
            yield tile_name(level, number, min(WIDTH, count - number * WIDTH))


def read_tile(read: Read, level: int | str, number: int, width: int) -> bytes:
    """The bytes of the tile when it was `width` wide; those of the full one where only that is there.

    Raises:
        LogDamagedError: it is missing.
    """
    name = tile_name(level, number, width)
    data = read(name)
    if data is None and width < WIDTH:
        data = read(tile_name(level, number, WIDTH))
    if data is None:
        raise LogDamagedError(name, "is missing")
    return data


def hashes_of(read: Read, size: int) -> Hashes:
    """The hashes of the tree of `size` entries, read from its tiles; each tile once.

    What they say is as good as the tiles: compare what is made of them with a root that is signed.

    Raises:
        LogDamagedError: a tile is missing or too short (once a hash is asked for).
    """

    @lru_cache(maxsize=512)
    def tile(level: int, number: int) -> bytes:
        width = min(WIDTH, (size >> (LEVELS * level)) - number * WIDTH)
        data = read_tile(read, level, number, width)
        if len(data) < width * HASH_BYTES:
            raise LogDamagedError(tile_name(level, number, width), "is too short")
        return data

    def hash_at(level: int, index: int) -> bytes:
        tile_level, height = divmod(level, LEVELS)
        number, first = divmod(index << height, WIDTH)
        data = tile(tile_level, number)
        row = [data[at * HASH_BYTES :][:HASH_BYTES] for at in range(first, first + (1 << height))]
        return subtree_hash(row)

    return hash_at


def subtree_hash(row: list[bytes]) -> bytes:
    """The hash above a row of 2^k hashes."""
    while len(row) > 1:
        row = [node_hash(left, right) for left, right in zip(row[::2], row[1::2], strict=True)]
    return row[0]


def place_of(read: Read, leaf: bytes, size: int) -> int | None:
    """Where a leaf's hash stands among the first `size`, found by reading all of their tiles.

    Raises:
        LogDamagedError: a tile is missing.
    """
    for number in range(-(-size // WIDTH)):
        width = min(WIDTH, size - number * WIDTH)
        data = read_tile(read, 0, number, width)
        for at in range(width):
            if data[at * HASH_BYTES :][:HASH_BYTES] == leaf:
                return number * WIDTH + at
    return None


def entries_in(data: bytes, name: str) -> list[bytes]:
    """The entries of a bundle.

    Raises:
        LogDamagedError: it ends in the middle of one.
    """
    found, at = [], 0
    while at < len(data):
        start = at + LENGTH_BYTES
        at = start + int.from_bytes(data[at:start])
        if at > len(data) or start > len(data):
            raise LogDamagedError(name, "ends in the middle of an entry")
        found.append(data[start:at])
    return found


def read_entries(read: Read, first: int, size: int) -> Iterator[tuple[int, bytes]]:
    """The entries of a log of `size` from `first` on, each with its index, held against their hashes in the tiles.

    Raises:
        LogDamagedError: a bundle is missing, or holds other entries.
    """
    hashes = hashes_of(read, size)
    for number in range(first // WIDTH, -(-size // WIDTH)):
        width = min(WIDTH, size - number * WIDTH)
        name = tile_name(ENTRIES, number, width)
        entries = entries_in(read_tile(read, ENTRIES, number, width), name)[:width]
        if len(entries) < width:
            raise LogDamagedError(name, "is too short")
        for index, entry in enumerate(entries, start=number * WIDTH):
            if leaf_hash(entry) != hashes(0, index):
                raise LogDamagedError(name, f"holds another entry {index} than was hashed")
            if index >= first:
                yield index, entry


def grown(read: Read, size: int, entry: bytes) -> dict[str, bytes]:
    """The files that a log of `size` entries gets with one more: O(log size) of them.

    Raises:
        LogDamagedError: a file that is added to is missing or too short.
    """
    number, width = divmod(size, WIDTH)
    before = b"" if width == 0 else _exact(read, ENTRIES, number, width)
    files = {tile_name(ENTRIES, number, width + 1): before + len(entry).to_bytes(LENGTH_BYTES) + entry}
    level, hash_ = 0, leaf_hash(entry)
    while True:
        number, width = divmod(size >> (LEVELS * level), WIDTH)
        before = b"" if width == 0 else _exact(read, level, number, width)[: width * HASH_BYTES]
        files[tile_name(level, number, width + 1)] = before + hash_
        if width + 1 < WIDTH:
            return files
        whole = before + hash_
        hash_ = subtree_hash([whole[at : at + HASH_BYTES] for at in range(0, len(whole), HASH_BYTES)])
        level += 1


def _exact(read: Read, level: int | str, number: int, width: int) -> bytes:
    """The tile as it was at that width, cut from a fuller one if need be."""
    data, name = read_tile(read, level, number, width), tile_name(level, number, width)
    if level == ENTRIES:
        kept = entries_in(data, name)[:width]
        if len(kept) < width:
            raise LogDamagedError(name, "is too short")
        return b"".join(len(entry).to_bytes(LENGTH_BYTES) + entry for entry in kept)
    if len(data) < width * HASH_BYTES:
        raise LogDamagedError(name, "is too short")
    return data
