"""A registered program, ready to be called, that writes its calls down."""

import copy
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from teleprompt.config.settings import Settings
from teleprompt.encoding.secret_uri import SecretUri
from teleprompt.errors import ConfigurationError
from teleprompt.registry.aliases import CHAMPION
from teleprompt.registry.version_files import ServedSpec
from teleprompt.registry.versions import VERSION_ID, read_version, version_of_alias
from teleprompt.serving.choose import choose_version
from teleprompt.serving.logged_program import LoggedAs, Shadow, logged, said_tags
from teleprompt.traces.sources import tags
from teleprompt.tracking.connection import mlflow_client, quoted
from teleprompt.window import format_utc

log_of_module = logging.getLogger(__name__)

KEPT_VERSIONS = 16


def load_program(
    name: str,
    alias: str = CHAMPION,
    *,
    version: int | None = None,
    key: str | None = None,
    contributor_id: str | None = None,
    contributor_address: str | None = None,
    group: str | None = None,
    log: bool = True,
) -> Any:
    """The registered program `name` as a ready `dspy.Module`: the version that `alias` names, or `version`.

    The module is built by the code that was registered and given its state from JSON; nothing is unpickled. The
    language model is the caller's: `dspy.configure(lm=…)`.

    Every call of it is written to MLflow as a trace with its inputs by name, its outputs, program, version,
    contributor and group, from whatever thread or task; it never waits for MLflow. With `key` (a customer, a
    conversation) the champion or the challenger answers, as `choose_version` says, and the calls carry the key, the
    challenger's share and the time; it is their `group`, too, unless another is given. To ask for it anew with each
    request costs little. Where the program file says `explore`, another of the allowed answers is given now and then,
    and each call carries the probability of the answer that was given; not with `log=False`.

    Log no calls, with `log=False`, where they are not production: tests, evaluations, further optimization.

    Raises:
        ConfigurationError: there is no such version, or it was registered without its code.
        TelepromptError: the version does not hold the state that it was registered with.
        TrackingUnavailableError: MLflow does not answer, and the version was never loaded here.
    """
    uri, exploration, shadow = Settings().tracking_uri, None, None
    own = {tags.PROGRAM: name, **said_tags(contributor_id=contributor_id, contributor_address=contributor_address)}
    if key is None:
        loaded = _load(uri, name, alias=alias, number=version)
        own |= said_tags(group=group)
    else:
        if version is not None or alias != CHAMPION:
            raise ConfigurationError("With `key`, who answers is chosen by it; name no alias and no version.")
        chosen = choose_version(name, key)
        loaded, exploration = _kept(uri, name, chosen.number), chosen.exploration
        if chosen.shadow is not None and log:
            shadow = _shadow(uri, name, chosen.shadow)
        own |= said_tags(group=group or key) | {
            tags.ASSIGNMENT_KEY: key,
            tags.ASSIGNMENT_SHARE: str(chosen.challenger_share),
            tags.ASSIGNED_AT: format_utc(datetime.now(UTC)),
        }
    own[tags.PROGRAM_VERSION] = loaded.version_id
    program = copy.copy(loaded.program)  # of a version that is kept, each caller has its own tags
    return logged(program, LoggedAs(name, uri, loaded.experiment, own, exploration, shadow)) if log else program


@dataclass(frozen=True)
class _Loaded:
    program: Any
    version_id: str
    experiment: str


@lru_cache(maxsize=KEPT_VERSIONS)
def _kept(uri: SecretUri, name: str, number: int) -> _Loaded:
    return _load(uri, name, alias="", number=number)


def _shadow(uri: SecretUri, name: str, number: int) -> Shadow | None:
    """The challenger that is asked, too; one that does not load must not keep the champion from answering."""
    try:
        loaded = _kept(uri, name, number)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it is not the user's business
        log_of_module.warning("Version %d of %s cannot be asked beside the champion (%s).", number, name, error)
        return None
    return Shadow(loaded.program, loaded.version_id)


def _load(uri: SecretUri, name: str, *, alias: str, number: int | None) -> _Loaded:
    with mlflow_client(uri) as client:
        if number is None:
            found = version_of_alias(client, name, alias)
        else:
            versions = client.search_model_versions(f"name = {quoted(name)}")
            found = next((version for version in versions if int(version.version) == number), None)
        if found is None:
            wanted = f"version with the alias {alias!r}" if number is None else f"version {number}"
            raise ConfigurationError(f"{name} has no {wanted}; `teleprompt versions list` shows those there are.")
        files = read_version(client, found)
    if not files.code:
        raise ConfigurationError(
            f"Version {found.version} of {name} was registered from a notebook, without its code; give its program a "
            "file in include/programs."
        )
    version_id = found.tags[VERSION_ID]
    spec = ServedSpec.model_validate_json(files.spec)
    return _Loaded(files.build(where=f"{name} {version_id}"), version_id, spec.experiment)
