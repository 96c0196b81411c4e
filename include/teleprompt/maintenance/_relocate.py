"""Records name files by where they lie; in another storage they lie elsewhere. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from teleprompt.encoding.canonical_json import canonical_json
from teleprompt.errors import TelepromptError
from teleprompt.maintenance._inventory import digest_in_name, kind_of
from teleprompt.maintenance.plan import Kind
from teleprompt.records import Digest
from teleprompt.storage.blobs import Blob, location


@dataclass(frozen=True)
class Relocation:
    """Into the storage at `storage_uri`; `renamed` are files whose content changed with it."""

    storage_uri: str
    renamed: Mapping[Digest, Digest] = field(default_factory=dict)

    def value(self, value: Any) -> Any:
        """The JSON value with all blobs that it names as they lie there; all else as it is."""
        if isinstance(value, dict):
            if value.keys() == {"uri", "digest"}:
                return self._blob(value)
            return {key: self.value(item) for key, item in value.items()}
        return [self.value(item) for item in value] if isinstance(value, list) else value

    def text(self, text: str | bytes, *, indent: int | None) -> str:
        """The JSON text of a record, so changed."""
        separators = (",", ":") if indent is None else None
        return json.dumps(self.value(_parsed(text)), indent=indent, ensure_ascii=False, separators=separators)

    def canonical(self, data: bytes) -> bytes:
        """The canonical JSON of a manifest, so changed."""
        return canonical_json(self.value(_parsed(data)))

    def _blob(self, stated: dict[str, Any]) -> dict[str, str]:
        """Every blob lies in the folder of its kind, under its digest."""
        try:
            blob = Blob.model_validate(stated)
        except ValidationError:
            raise _refusal("a file in a way that is none") from None
        name = "/".join(blob.uri.replace("\\", "/").split("/")[-2:])
        if kind_of(name) is Kind.OTHER or digest_in_name(name) != blob.digest:
            raise _refusal(f"the file {blob.uri[-200:]!a}, which no storage holds")
        digest = self.renamed.get(blob.digest, blob.digest)
        return {"uri": str(location(self.storage_uri) / name.replace(blob.digest, digest)), "digest": digest}


def _parsed(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise _refusal("nothing, for it is no JSON") from None


def _refusal(what: str) -> TelepromptError:
    return TelepromptError(f"A record in the backup names {what}; nothing was restored, name another backup.")
