"""Content-addressed blobs below one storage URI: a local folder or anything fsspec reaches (`s3://…`)."""

import errno
import hashlib
import io
import os
import re
import secrets
import shutil
import time
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

from teleprompt.encoding.canonical_json import sha256_hex
from teleprompt.encoding.secret_uri import without_credentials
from teleprompt.errors import ConfigurationError, TelepromptError
from teleprompt.records import Digest, Record

REFRESHED_AFTER_SECONDS = 86_400.0
"""A blob that is stored again is written again after so long."""

_USER_ALONE = re.compile(r"(sftp|ssh|ftp|smb|webhdfs|hdfs|abfss?)://[A-Za-z0-9_.-]+@[^@?]+")
"""A user, or a container of Azure's, without a password."""


class Blob(Record):
    """Where some bytes lie and what their SHA-256 is."""

    uri: str
    digest: Digest


def put_blob(storage_uri: str, kind: str, data: bytes, *, suffix: str) -> Blob:
    """Store `data` as `<storage_uri>/<kind>/<sha256><suffix>`.

    The same bytes get the same name and are written once; again after a day, so that a file's age says how long nobody
    needed it, and where what lies there is damaged. The blob appears whole or not at all: a crash in the middle leaves
    only a temporary file.
    """
    digest = sha256_hex(data)
    target = location(storage_uri) / kind / f"{digest}{suffix}"
    blob = Blob(uri=str(target), digest=digest)
    if _is_there(target, digest):
        return blob
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, io.BytesIO(data))
    return blob


class BlobMissingError(TelepromptError):
    """What was stored is not there any more."""

    def __init__(self, uri: str) -> None:
        super().__init__(f"{uri} is missing; restore the storage folder from its backup.")


def get_blob(blob: Blob) -> bytes:
    """The bytes of `blob`.

    Raises:
        BlobMissingError: they are not there.
        TelepromptError: they are damaged (no longer match the digest).
    """
    from upath import UPath

    try:
        data = bytes(UPath(blob.uri).read_bytes())
    except FileNotFoundError as error:
        raise BlobMissingError(blob.uri) from error
    if sha256_hex(data) != blob.digest:
        raise _damaged(blob)
    return data


def put_file(storage_uri: str, kind: str, file: Path, *, suffix: str) -> Blob:
    """Store `file` as `put_blob` stores bytes, without ever holding it in memory.

    Raises:
        TelepromptError: the storage is full; nothing that looks whole is left behind.
    """
    with file.open("rb") as source:
        digest = hashlib.file_digest(source, "sha256").hexdigest()
    target = location(storage_uri) / kind / f"{digest}{suffix}"
    blob = Blob(uri=str(target), digest=digest)
    if _is_there(target, digest):
        return blob
    target.parent.mkdir(parents=True, exist_ok=True)
    with file.open("rb") as source:
        write_whole(target, source)
    return blob


def fetch_file(blob: Blob, folder: Path) -> Path:
    """`blob` as a file in `folder`, without ever holding it in memory; what `put_file` is to `put_blob`.

    Raises:
        BlobMissingError: it is not there.
        TelepromptError: it is damaged (no longer matches its digest).
    """
    from upath import UPath

    target = folder / blob.digest
    digest = hashlib.sha256()
    try:
        with UPath(blob.uri).open("rb") as source, target.open("wb") as copy:
            while part := source.read(2**20):
                digest.update(part)
                copy.write(part)
    except FileNotFoundError as error:
        raise BlobMissingError(blob.uri) from error
    if digest.hexdigest() != blob.digest:
        raise _damaged(blob)
    return target


def _damaged(blob: Blob) -> TelepromptError:
    return TelepromptError(f"{blob.uri} is damaged: its content no longer matches its digest; restore it.")


def read_note(storage_uri: str, name: str) -> str | None:
    """The text kept under `name`, or None."""
    try:
        return str((location(storage_uri) / name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def write_note(storage_uri: str, name: str, text: str) -> None:
    """Keep `text` under `name`, in place of what was there; a reader sees the one or the other, whole."""
    target = location(storage_uri) / name
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, io.BytesIO(text.encode()))


def list_notes(storage_uri: str, folder: str) -> list[str]:
    """The names of the texts kept in a folder, sorted; what is being written is none yet."""
    place = location(storage_uri) / folder
    return sorted(str(path.name) for path in place.glob("*.json") if not path.name.startswith("."))


def delete_note(storage_uri: str, name: str) -> None:
    """Delete the text kept under `name`."""
    (location(storage_uri) / name).unlink(missing_ok=True)


def delete_blob(blob: Blob) -> None:
    """Delete what nothing refers to any more."""
    from upath import UPath

    UPath(blob.uri).unlink(missing_ok=True)


def refuse_credentials(storage_uri: str) -> None:
    """Refuse a URI that holds a password or a key.

    Raises:
        ConfigurationError: it does. Records name files by their URIs, and many people read records.
    """
    shown = without_credentials(storage_uri)
    if "://" in storage_uri and shown != storage_uri and not _USER_ALONE.fullmatch(storage_uri):
        raise ConfigurationError(
            f"{shown} is named with a password or a key in its URI; take these out, and give them to fsspec by the "
            "environment (such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)."
        )


def location(storage_uri: str) -> Any:
    """The storage as a path; a `file://` URI is a folder like any other.

    Raises:
        ConfigurationError: the URI holds a password or a key.
    """
    from upath import UPath

    refuse_credentials(storage_uri)
    return Path(unquote(urlsplit(storage_uri).path)) if storage_uri.startswith("file://") else UPath(storage_uri)


def modified_at(path: Any) -> float:
    """When a file of the storage was written last, in seconds since 1970.

    Raises:
        FileNotFoundError: it is not there.
    """
    if isinstance(path, Path):
        return path.stat().st_mtime
    path.fs.invalidate_cache(path.parent.path)  # a listing of before would answer
    return float(path.fs.modified(path.path).timestamp())


def _is_there(target: Any, digest: Digest) -> bool:
    """Whether the file is there, was written not long ago, and on a disk is not damaged; in a bucket nothing rots."""
    try:
        if time.time() - modified_at(target) >= REFRESHED_AFTER_SECONDS:
            return False
        if not isinstance(target, Path):
            return True
        with target.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == digest
    except FileNotFoundError:
        return False


def write_whole(target: Any, source: BinaryIO) -> None:
    """Write `target` whole or not at all."""
    if not isinstance(target, Path):
        # One PUT, or a multipart upload that is given up as a whole; closing a file on the way would keep a part of it.
        if isinstance(source, io.BytesIO):
            target.fs.pipe_file(target.path, source.getvalue())
        else:
            target.fs.put_file(source.name, target.path)
        return
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with temporary.open("wb") as file:
            shutil.copyfileobj(source, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if error.errno == errno.ENOSPC:
            raise TelepromptError(f"The storage at {target.parent} is full; free some space and run again.") from error
        raise
