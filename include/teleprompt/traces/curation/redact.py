"""Placeholders for personal data in inputs and outputs."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from teleprompt.config.curation import RedactStep
from teleprompt.errors import ConfigurationError

if TYPE_CHECKING:
    import pyarrow as pa


def redacted(raw: "pa.Table", step: RedactStep) -> "pa.Table":
    """A raw table whose inputs and outputs have placeholders; contributor, group and outcomes are left as they are.

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
    return raw


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
