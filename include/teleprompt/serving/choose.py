"""Which version answers the calls of a key."""

import hashlib
import logging
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from teleprompt.config.settings import Settings
from teleprompt.encoding.secret_uri import SecretUri
from teleprompt.errors import ConfigurationError
from teleprompt.records import Record
from teleprompt.registry.aliases import CHALLENGER, CHAMPION, SHARE, aliases_of
from teleprompt.registry.exploration import Exploration, exploration_of
from teleprompt.registry.versions import VERSION_ID
from teleprompt.tracking.connection import mlflow_client

if TYPE_CHECKING:
    from mlflow import MlflowClient


log = logging.getLogger(__name__)

FRESH_SECONDS = 30
"""The registry is asked again after so long."""

_asking = threading.Lock()
_kept: dict[tuple[SecretUri, str], tuple[float, tuple["ChosenVersion", ...]]] = {}


class ChosenVersion(Record):
    """A version that answers a call."""

    program: str
    number: int
    version_id: str
    alias: str
    share: float
    """Of the keys, that it answers."""
    challenger_share: float = 0.0
    """Of the keys, that the challenger answers; 0 without one."""
    exploration: Exploration | None = None
    """Which answers are left to chance; None: none of them."""
    shadow: int | None = None
    """Number of the challenger that is asked beside this champion, and shown to nobody; None without one."""


def choose_version(program: str, key: str) -> ChosenVersion:
    """The version that answers the calls of `key`: a customer, a conversation, whatever must not change between calls.

    The challenger gets its share of the keys, the same ones every time; the champion the others. The registry is asked
    every 30 seconds at most; while it does not answer, what it said last holds.

    Raises:
        ConfigurationError: the program has no champion.
        TrackingUnavailableError: the registry does not answer, and never did.
    """
    return chosen_of(_candidates(program), program, key)


def chosen_of(candidates: Sequence[ChosenVersion], program: str, key: str) -> ChosenVersion:
    """The one of `candidates_of` that answers the calls of `key`.

    Raises:
        ConfigurationError: the program has no champion.
    """
    if not candidates:
        raise ConfigurationError(f"{program} has no champion yet; its first run registers one.")
    champion, *challengers = candidates
    for challenger in challengers:
        if _position(program, challenger.version_id, key) < challenger.share:
            return challenger
    return champion


def forget_versions() -> None:
    """Ask the registry anew at the next call."""
    _kept.clear()


def _candidates(program: str) -> tuple[ChosenVersion, ...]:
    """The champion, and the challenger if there is one."""
    uri = Settings().tracking_uri
    kept = _kept.get((uri, program))
    if kept is None:
        found = _asked(uri, program)
    elif time.monotonic() - kept[0] < FRESH_SECONDS or not _asking.acquire(blocking=False):
        return kept[1]  # it is fresh, or another thread asks already
    else:
        try:
            found = _asked(uri, program)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the registry must not stop the calls
            log.warning(
                "The registry does not answer (%s); calls of %s go on as before.", type(error).__name__, program
            )
            found = kept[1]
        finally:
            _asking.release()
    _kept[uri, program] = (time.monotonic(), found)
    return found


def _asked(uri: SecretUri, program: str) -> tuple[ChosenVersion, ...]:
    with mlflow_client(uri) as client:
        return candidates_of(client, program)


def candidates_of(client: "MlflowClient", program: str) -> tuple[ChosenVersion, ...]:
    """The champion of a program (its `name`), and the challenger if there is one; none without a champion."""
    aliases = aliases_of(client, program)
    versions = {
        alias: client.get_model_version(program, str(aliases[alias]))
        for alias in (CHAMPION, CHALLENGER)
        if alias in aliases and CHAMPION in aliases
    }
    challenger = versions.get(CHALLENGER)
    share = 0.0 if challenger is None else float(challenger.tags.get(SHARE, 0))
    exploration = exploration_of(client, program) if versions else None
    shadow = int(challenger.version) if challenger is not None and share == 0 else None
    return tuple(_chosen(version, alias, share, exploration, shadow) for alias, version in versions.items())


def _chosen(
    version: Any, alias: str, challenger_share: float, exploration: Exploration | None, shadow: int | None
) -> ChosenVersion:
    return ChosenVersion(
        program=version.name,
        number=int(version.version),
        version_id=version.tags.get(VERSION_ID, version.version),
        alias=alias,
        share=challenger_share if alias == CHALLENGER else 1.0,
        challenger_share=challenger_share,
        exploration=exploration,
        shadow=shadow if alias == CHAMPION else None,
    )


def _position(program: str, version_id: str, key: str) -> float:
    """Where the key lies in [0, 1); another challenger shuffles the keys anew."""
    hashed = hashlib.sha256(f"{program}|{version_id}|{key}".encode()).digest()
    return int.from_bytes(hashed[:8]) / 2**64
