"""The specification's `<name>-Optimized`: a registered model that holds a program's promoted versions and no other.

Each of its versions is MLflow's copy of one of the program's own: the same files, run and tags. Its alias `champion`
names the copy of the running version; it is not set while the program runs as written.
"""

import logging
from typing import TYPE_CHECKING, Any

from teleprompt.errors import ConfigurationError
from teleprompt.records import Record
from teleprompt.registry.aliases import CHAMPION, aliases_of
from teleprompt.registry.lock import registry_lock
from teleprompt.tracking.connection import fluent_tracking, quoted
from teleprompt.tracking.search import PAGE, all_pages

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

PUBLISHED_FROM = "published_from"
"""Tag of a copy: the program's own version, as `EmailDraft/3`."""


class PublishedVersion(Record):
    """A version of a registered model."""

    name: str
    number: int
    tags: dict[str, str]

    @property
    def uri(self) -> str:
        """What `mlflow.pyfunc.load_model` takes."""
        return f"models:/{self.name}/{self.number}"


def published_name(program: str) -> str:
    """The registered model of a program's promoted versions."""
    return f"{program}-Optimized"


def publish_version(client: "MlflowClient", program: str, number: int, *, to: str) -> int:
    """Copy version `number` of a program, its champion, to the registered model `to`, once; the number of the copy.

    The copy gets the alias `champion`.

    Raises:
        RegistryBusyError, LockLostError: others were changing `to`.
    """
    _ensure_registered(client, to)
    with registry_lock(client, to):
        copy = _copied(client, program, number, to)
        client.set_registered_model_alias(to, CHAMPION, str(copy))
    return copy


def publish_champion(client: "MlflowClient", program: str) -> None:
    """Bring `<name>-Optimized` up to date with the program's champion.

    Raises:
        RegistryBusyError, LockLostError: others were changing it.
    """
    name = published_name(program)
    if _is_up_to_date(client, program, name):
        return
    _ensure_registered(client, name)
    with registry_lock(client, name):  # who comes second finds the champion of then
        number = _optimized_champion(client, program)
        if number is None:
            if CHAMPION in aliases_of(client, name):
                client.delete_registered_model_alias(name, CHAMPION)
            return
        client.set_registered_model_alias(name, CHAMPION, str(_copied(client, program, number, name)))


def _is_up_to_date(client: "MlflowClient", program: str, name: str) -> bool:
    standing, number = aliases_of(client, name).get(CHAMPION), _optimized_champion(client, program)
    if number is None:
        return standing is None
    return standing is not None and any(
        int(copy.version) == standing for copy in _copies(client, program, number, name)
    )


def _optimized_champion(client: "MlflowClient", program: str) -> int | None:
    """Number of the champion; None without one, and where that is the program as written."""
    number = aliases_of(client, program).get(CHAMPION)
    if number is None or client.get_model_version(program, str(number)).tags.get("deltaone") != "true":
        return None
    return number


def _ensure_registered(client: "MlflowClient", name: str) -> None:
    import mlflow

    try:
        client.create_registered_model(name)
    except mlflow.MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _copied(client: "MlflowClient", program: str, number: int, name: str) -> int:
    """The number of the copy, which is made if there is none; under the lock of `name`."""
    found = _copies(client, program, number, name)
    if found:
        return int(found[0].version)
    own = client.get_model_version(program, str(number))
    with fluent_tracking(client.tracking_uri):
        copy = client.create_model_version(
            name,
            f"models:/{program}/{number}",
            run_id=own.run_id,
            tags={**own.tags, PUBLISHED_FROM: f"{program}/{number}"},
            model_id=own.model_id,
        )
    log.info("version %d of %s is version %s of %s", number, program, copy.version, name)
    return int(copy.version)


def tag_version(client: "MlflowClient", program: str, number: int, tag: str, value: str) -> None:
    """Set a tag on a program's own version and on its copy in `<name>-Optimized`, if there is one."""
    client.set_model_version_tag(program, str(number), tag, value)
    name = published_name(program)
    for copy in _copies(client, program, number, name):
        client.set_model_version_tag(name, copy.version, tag, value)


def _copies(client: "MlflowClient", program: str, number: int, name: str) -> list[Any]:
    origin = quoted(f"{program}/{number}")
    found = client.search_model_versions(f"name = {quoted(name)} AND tags.`{PUBLISHED_FROM}` = {origin}")
    return list(found)


def latest_version(client: "MlflowClient", name: str) -> PublishedVersion:
    """The newest version of a registered model by its number, which MLflow's servers give as text: there 9 is above 11.

    Raises:
        ConfigurationError: there is no version of that name.
    """
    versions: list[Any] = list(
        all_pages(
            lambda token: client.search_model_versions(f"name = {quoted(name)}", max_results=PAGE, page_token=token)
        )
    )
    if not versions:
        raise ConfigurationError(
            f"MLflow has no version of {name!r}; promoted versions of a program are registered as "
            f"{published_name('<program>')!r}, and `teleprompt versions list` shows a program's own."
        )
    newest = max(versions, key=lambda version: int(version.version))
    return PublishedVersion(name=name, number=int(newest.version), tags=dict(newest.tags))
