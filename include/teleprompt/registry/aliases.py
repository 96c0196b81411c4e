"""The aliases of a program's versions: which one runs, which one tries to, which one ran before."""

from typing import TYPE_CHECKING

from teleprompt.registry.lock import Lease

if TYPE_CHECKING:
    from mlflow import MlflowClient


SHARE = "challenger_share"
"""Tag of a version: the share of the keys that it answers while it is challenger."""
PAST_SHARES = "challenger_past_shares"
"""Tag of a version: the shares of before, as a JSON list of pairs, until when and how much; the oldest first."""

CHAMPION = "champion"
CHALLENGER = "challenger"
PREVIOUS = "previous"
ALIASES = (PREVIOUS, CHALLENGER, CHAMPION)
"""In the order in which they are moved."""


def aliases_of(client: "MlflowClient", name: str) -> dict[str, int]:
    """The aliases of ours that are set, with their version numbers."""
    import mlflow

    try:
        found = client.get_registered_model(name).aliases
    except mlflow.MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return {}
        raise
    return {alias: int(found[alias]) for alias in ALIASES if alias in found}


def set_aliases(client: "MlflowClient", name: str, wanted: dict[str, int], lease: Lease | None = None) -> None:
    """Move the aliases that are not as `wanted`, as long as the lock is held.

    Raises:
        LockLostError: `lease` was lost; what is not moved stays.
    """
    now = aliases_of(client, name)
    for alias in ALIASES:
        if lease is not None:
            lease.check()
        if alias in wanted and now.get(alias) != wanted[alias]:
            client.set_registered_model_alias(name, alias, str(wanted[alias]))
        elif alias in now and alias not in wanted:
            client.delete_registered_model_alias(name, alias)
