"""Which configuration a program ran with: an audit entry whenever a run finds another one than the run before."""

from collections.abc import Mapping
from typing import Any

from include.teleprompt.config.program import ProgramConfig
from include.teleprompt.records import Digest
from include.teleprompt.registry.audit_trail import Deed, append, read_trail


def record_configuration(
    client: Any, config: ProgramConfig, *, code: Digest, models: Mapping[str, Any], who: str, about: str
) -> None:
    """Write down what changed in file, code and language models since the last run, if anything did.

    `who` is the run that noticed it: a file does not say who wrote it.
    """
    now = {**_flat(config.model_dump(mode="json", exclude_defaults=True)), "code": code, **_flat(models)}
    before: dict[str, Any] = {}
    for entry in read_trail(client, config.name):
        if entry.deed is Deed.CONFIGURE:
            before |= entry.after
    changed = {key for key in now.keys() | before.keys() if now.get(key) != before.get(key)}
    if changed:
        append(
            client,
            config.name,
            Deed.CONFIGURE,
            who=who,
            about=about,
            before={key: before.get(key) for key in sorted(changed)},
            after={key: now.get(key) for key in sorted(changed)},
        )


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat
