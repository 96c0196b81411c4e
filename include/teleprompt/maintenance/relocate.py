"""Records name files by where they lie; in another storage they lie elsewhere. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from include.teleprompt.records import Digest
from include.teleprompt.storage import location


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

    def text(self, text: str, *, indent: int | None) -> str:
        """The JSON text of a record, so changed."""
        separators = (",", ":") if indent is None else None
        return json.dumps(self.value(json.loads(text)), indent=indent, ensure_ascii=False, separators=separators)

    def _blob(self, blob: dict[str, str]) -> dict[str, str]:
        """Every blob lies in the folder of its kind, under its digest."""
        kind, name = blob["uri"].replace("\\", "/").split("/")[-2:]
        digest = self.renamed.get(blob["digest"], blob["digest"])
        own_name = name.replace(blob["digest"], digest)
        return {"uri": str(location(self.storage_uri) / kind / own_name), "digest": digest}
