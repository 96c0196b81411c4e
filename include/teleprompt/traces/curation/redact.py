"""Placeholders for personal data in inputs and outputs."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from teleprompt.config.curation import RedactStep
from teleprompt.errors import ConfigurationError

if TYPE_CHECKING:
    import pyarrow as pa


def redacted(raw: "pa.Table", step: RedactStep) -> "pa.Table":
    """A raw table whose inputs, outputs, texts and rationales have placeholders; all else is left as it is.

    Raises:
        ConfigurationError: the library is not installed.
    """
    import pyarrow as pa

    scan = _scanner(step.entities)
    for name in ("inputs", "outputs"):
        where = raw.schema.get_field_index(name)
        values = [
            [(key, None if text is None else scan(text)) for key, text in items or []]
            for items in raw[name].to_pylist()
        ]
        raw = raw.set_column(where, raw.schema.field(where), pa.array(values, raw.schema.field(where).type))
    where = raw.schema.get_field_index("outcomes")
    said = [
        [{**one, **{key: None if one[key] is None else scan(one[key]) for key in ("text", "rationale")}} for one in row]
        for row in raw["outcomes"].to_pylist()
    ]
    return raw.set_column(where, raw.schema.field(where), pa.array(said, raw.schema.field(where).type))


def _scanner(entities: tuple[str, ...]) -> Any:
    try:
        from datafog.engine import scan_and_redact
    except ImportError as error:
        raise ConfigurationError(
            "The curation step `redact` needs the package datafog; add it to requirements.txt, or remove the step."
        ) from error

    @lru_cache(maxsize=4096)
    def scan(text: str) -> str:
        return str(scan_and_redact(text, engine="regex", entity_types=list(entities)).redacted_text)

    return scan
