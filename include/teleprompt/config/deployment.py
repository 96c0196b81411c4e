"""The Airflow that a command runs beside, for its connections: reached by an entry point, imported nowhere."""

import os
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol

from teleprompt.config.settings import Settings

GROUP = "teleprompt.deployment"
"""Entry points of functions that give a `Deployment`."""


class Deployment(Protocol):
    """What a scheduler keeps beside its environment."""

    place: str
    """Where its connections are kept, without any secret."""
    used: tuple[str, ...]
    """The connections that were found, of those that go into the settings."""

    def settings(self) -> Settings:
        """The settings that its connections and the environment make."""
        ...

    def extra_of(self, conn_id: str) -> Mapping[str, Any] | None:
        """The `extra` of a connection; None where there is none."""
        ...


def find_deployment(environment: Mapping[str, str] = os.environ) -> Deployment | None:
    """The deployment that this environment names; None where it names none.

    Only looked for where a variable says which: to import Airflow elsewhere makes one, in the home directory.

    Raises:
        Exception: whatever keeps it from answering.
    """
    if not _is_named(environment):
        return None
    return next((point.load()() for point in entry_points(group=GROUP)), None)


def _is_named(environment: Mapping[str, str]) -> bool:
    home = environment.get("AIRFLOW_HOME")
    if home is None:
        return False
    return "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" in environment or (Path(home) / "airflow.cfg").is_file()
