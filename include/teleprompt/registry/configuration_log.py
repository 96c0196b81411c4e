"""Which configuration a program ran with: an audit entry whenever a run finds another one than the run before."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from teleprompt.config.program import ProgramConfig
from teleprompt.encoding.canonical_json import digest_of
from teleprompt.records import Digest
from teleprompt.registry.audit_trail import AuditAction, AuditEvent, append, read_trail, shortened

if TYPE_CHECKING:
    from mlflow import MlflowClient


MOST_TEXT = 200
"""Characters of a value."""

KEYS_OF_AN_ENTRY = 8
"""So that an entry with all its values before and after fits into a tag of MLflow's."""


def record_configuration(
    client: "MlflowClient", config: ProgramConfig, *, code: Digest, models: Mapping[str, Any], who: str, about: str
) -> None:
    """Write down what changed in file, code and language models since the last run, if anything did.

    `who` is the run that noticed it: a file does not say who wrote it.
    """
    flat = {**_flat(config.model_dump(mode="json", exclude_defaults=True)), "code": code, **_flat(models)}
    now = {key: shortened(value, MOST_TEXT) for key, value in flat.items()}
    before: dict[str, Any] = {}
    for entry in read_trail(client, config.name):
        if entry.deed is AuditAction.CONFIGURE:
            before |= entry.after
    changed = sorted(key for key in now.keys() | before.keys() if now.get(key) != before.get(key))
    for first in range(0, len(changed), KEYS_OF_AN_ENTRY):
        keys = changed[first : first + KEYS_OF_AN_ENTRY]
        after = {key: now.get(key) for key in keys}
        named = f"{about} {digest_of(after)[:16]}"  # a run that was cleared may find another configuration
        before_it = {key: before.get(key) for key in keys}
        append(
            client,
            config.name,
            AuditEvent(deed=AuditAction.CONFIGURE, who=who, about=named, before=before_it, after=after),
        )


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat
