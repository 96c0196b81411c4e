"""Content-addressed blobs below one storage URI: a local folder or anything fsspec reaches (`s3://…`)."""

import os
import secrets
from pathlib import Path

from include.teleprompt.canonical import sha256_hex
from include.teleprompt.errors import TelepromptError
from include.teleprompt.records import Digest, Record


class Blob(Record):
    """Where some bytes lie and what their SHA-256 is."""

    uri: str
    digest: Digest


def put_blob(storage_uri: str, kind: str, data: bytes, *, suffix: str) -> Blob:
    """Store `data` as `<storage_uri>/<kind>/<sha256><suffix>`.

    The same bytes get the same name and are written once. The blob appears whole or not at all: a crash in
    the middle leaves only a temporary file.
    """
    from upath import UPath

    digest = sha256_hex(data)
    target = UPath(storage_uri) / kind / f"{digest}{suffix}"
    blob = Blob(uri=str(target), digest=digest)
    if target.exists():
        return blob
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(target, Path):
        temporary = target.with_name(f".{digest}.{secrets.token_hex(4)}.part")
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    else:  # an object store's PUT is atomic by itself
        target.write_bytes(data)
    return blob


def get_blob(blob: Blob) -> bytes:
    """The bytes of `blob`.

    Raises:
        TelepromptError: they are not there, or are damaged (no longer match the digest).
    """
    from upath import UPath

    try:
        data = bytes(UPath(blob.uri).read_bytes())
    except FileNotFoundError as error:
        raise TelepromptError(f"{blob.uri} is missing; restore the storage folder from its backup.") from error
    if sha256_hex(data) != blob.digest:
        raise TelepromptError(f"{blob.uri} is damaged: its content no longer matches its digest; restore it.")
    return data
