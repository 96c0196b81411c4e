"""The registered versions of a program, for people and scripts."""

from typing import TYPE_CHECKING

from teleprompt.errors import ConfigurationError
from teleprompt.records import Record
from teleprompt.registry.versions import ONLINE_RESULT, WATCHED
from teleprompt.tracking.connection import quoted
from teleprompt.tracking.search import all_pages

if TYPE_CHECKING:
    from mlflow import MlflowClient


class VersionLine(Record):
    """One version in a line."""

    number: int
    version_id: str
    aliases: tuple[str, ...]
    parent: int | None
    delta_e6: int | None
    attestation_id: str | None
    online_result: str | None = None
    """What production said of it last (`production.scoreboard`), as it is stored."""
    watched: str | None = None
    """What was learnt of it as challenger beside outcomes: guardrails, answers that nobody was shown."""


def list_versions(client: "MlflowClient", name: str) -> list[VersionLine]:
    """All versions of the registered model `name`, newest first."""
    condition = f"name = {quoted(name)}"
    found = list(all_pages(lambda token: client.search_model_versions(condition, page_token=token)))
    if not found:
        return []
    aliases = client.get_registered_model(name).aliases  # MLflow's search leaves them out of the versions
    lines = [
        VersionLine(
            number=int(v.version),
            version_id=v.tags.get("version_id", v.version),
            aliases=tuple(sorted(alias for alias, number in aliases.items() if number == v.version)),
            parent=int(v.tags["parent"]) if "parent" in v.tags else None,
            delta_e6=int(v.tags["delta_e6"]) if "delta_e6" in v.tags else None,
            attestation_id=v.tags.get("attestation_id"),
            online_result=v.tags.get(ONLINE_RESULT),
            watched=v.tags.get(WATCHED),
        )
        for v in found
    ]
    return sorted(lines, key=lambda line: -line.number)


def number_of(client: "MlflowClient", name: str, version: str) -> int:
    """The number of a version that is given by its number, its id or an alias.

    Raises:
        ConfigurationError: there is no such version.
    """
    for line in list_versions(client, name):
        if version in (str(line.number), line.version_id, *line.aliases):
            return line.number
    raise ConfigurationError(f"{name} has no version {version!r}; `teleprompt versions list` shows those there are.")
