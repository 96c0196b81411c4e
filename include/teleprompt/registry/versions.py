"""Registering program versions and reading them back.

A version is a registered MLflow model version; lineage stands in its tags. None is ever deleted.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from teleprompt.errors import TelepromptError
from teleprompt.records import Digest, Record
from teleprompt.registry.aliases import CHAMPION
from teleprompt.registry.changes import set_baseline
from teleprompt.registry.lock import registry_lock
from teleprompt.registry.log_model import LoggedProgram, create_version, log_program
from teleprompt.registry.version_files import VersionFiles
from teleprompt.storage.blobs import Blob, put_blob
from teleprompt.tracking.connection import quoted
from teleprompt.tracking.pipeline_run import experiment_name, internal_experiment

if TYPE_CHECKING:
    from mlflow import MlflowClient


RUN_KEY = "run_key"
VERSION_ID = "version_id"
STATE_DIGEST = "state_digest"
ONLINE_RESULT = "online_result"
WATCHED = "watched_in_production"
"""Tag of a version: what was learnt of it as challenger beside outcomes, in words."""


class ProgramVersion(Record):
    """One registered version of a program."""

    program: str
    number: int
    """MLflow's version number."""
    version_id: str
    """`1.0.0`, or `1.0.0-opt-bfs-20240115120000` for an optimised one."""
    state: Blob
    parent: int | None
    """Number of the version that it was compared with."""
    alias: str | None = None
    """The alias that its registration gave it: `champion`, `challenger`, or none."""


def ensure_baseline(
    client: "MlflowClient",
    *,
    name: str,
    version_id: str,
    files: VersionFiles,
    try_out: Callable[[VersionFiles], None],
    storage_uri: str,
    who: str,
) -> ProgramVersion:
    """The champion of the program `name`.

    On first sight, and when `version_id` is no longer the champion's own or its ancestor's, the program as written
    (`files`) is registered and becomes champion, unless `try_out` raises, which is given its files as MLflow has them.
    """
    champion = find_version(client, name, alias=CHAMPION, storage_uri=storage_uri)
    if champion is not None and champion.version_id.partition("-opt-")[0] == version_id:
        return champion
    _ensure_registered(client, name)
    if not _versions(client, name, VERSION_ID, version_id):
        experiment = internal_experiment(client, experiment_name(name))
        run = client.create_run(experiment, run_name=f"{name} {version_id}")
        with _ending(client, run.info.run_id):
            logged = _log(client, name=name, run_id=run.info.run_id, files=files, try_out=try_out)
        with registry_lock(client, name):
            if not _versions(client, name, VERSION_ID, version_id):  # another run may have been faster
                create_version(client, logged, name=name, tags={VERSION_ID: version_id, "deltaone": "false"})
    number = int(_versions(client, name, VERSION_ID, version_id)[0].version)
    set_baseline(client, name, number, who=who, why=f"the program as written is version {version_id}")
    found = find_version(client, name, alias=CHAMPION, storage_uri=storage_uri)
    assert found is not None  # noqa: S101 - there is one now
    return found


def register_version(
    client: "MlflowClient",
    *,
    name: str,
    run_id: str,
    run_key: Digest,
    version_id: str,
    parent: ProgramVersion | None,
    files: VersionFiles,
    try_out: Callable[[VersionFiles], None],
    state: Blob,
    tags: dict[str, str],
) -> ProgramVersion:
    """Register an optimised program, once per `run_key`; which alias it gets is another matter.

    Registering the same program of the same key again returns the version that exists. `version_id` moves on by a
    second where another version has it.
    """
    _ensure_registered(client, name)

    def existing() -> Any:
        mine = _versions(client, name, RUN_KEY, run_key)
        return next((version for version in mine if version.tags[STATE_DIGEST] == state.digest), None)

    found = existing()
    if found is None:
        logged = _log(client, name=name, run_id=run_id, files=files, try_out=try_out)
        with registry_lock(client, name):
            found = existing()
            if found is None:
                lineage = {"parent": str(parent.number), "parent_version_id": parent.version_id} if parent else {}
                own = {RUN_KEY: run_key, VERSION_ID: _free_id(client, name, version_id)}
                found = create_version(client, logged, name=name, tags={**tags, **lineage, **own})
    return ProgramVersion(
        program=name,
        number=int(found.version),
        version_id=found.tags[VERSION_ID],
        state=state,
        parent=parent.number if parent else None,
    )


def find_version(client: "MlflowClient", name: str, *, alias: str, storage_uri: str) -> ProgramVersion | None:
    """The version that `alias` names, its state copied to the storage; None if there is none.

    Raises:
        TelepromptError: the version no longer holds the state that it was registered with.
    """
    found = version_of_alias(client, name, alias)
    if found is None:
        return None
    state = put_blob(storage_uri, "programs", read_version(client, found).state, suffix=".json")
    parent = found.tags.get("parent")
    return ProgramVersion(
        program=name,
        number=int(found.version),
        version_id=found.tags[VERSION_ID],
        state=state,
        parent=int(parent) if parent else None,
    )


def state_as_registered(client: "MlflowClient", name: str, version_id: str) -> bytes | None:
    """The state of the version with that id; None where there is none yet."""
    versions = _versions(client, name, VERSION_ID, version_id)
    return read_version(client, versions[0]).state if versions else None


def version_of_alias(client: "MlflowClient", name: str, alias: str) -> Any:
    """MLflow's entity of the version that `alias` names, or None."""
    import mlflow

    try:
        return client.get_model_version_by_alias(name, alias)
    except mlflow.MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return None
        raise


def read_version(client: "MlflowClient", version: Any) -> VersionFiles:
    """The files of a version.

    Raises:
        TelepromptError: they are not what was registered.
    """
    files = read_logged(client, f"{client.get_model_version_download_uri(version.name, version.version)}/artifacts")
    for tag, digest in files.digests().items():
        if digest != version.tags.get(tag):
            raise TelepromptError(
                f"Version {version.version} of {version.name} does not hold the {tag.removesuffix('_digest')} that it "
                "was registered with; roll back to another version."
            )
    return files


def read_logged(client: "MlflowClient", uri: str) -> VersionFiles:
    """The files that lie at a place of MLflow's."""
    import mlflow

    with TemporaryDirectory() as folder:
        path = mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=folder, tracking_uri=client.tracking_uri)
        return VersionFiles.read(Path(path))


def _ensure_registered(client: "MlflowClient", name: str) -> None:
    import mlflow

    try:
        client.create_registered_model(name)
    except mlflow.MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _versions(client: "MlflowClient", name: str, tag: str, value: str) -> list[Any]:
    """The versions whose `tag` has that value, oldest first."""
    found = client.search_model_versions(f"name = {quoted(name)} AND tags.`{tag}` = {quoted(value)}")
    return sorted(found, key=lambda version: int(version.version))


def _free_id(client: "MlflowClient", name: str, version_id: str) -> str:
    """`version_id`, or the next one in seconds that no version has."""
    while _versions(client, name, VERSION_ID, version_id):
        stem, moment = re.fullmatch(r"(.*-)(\d{14})", version_id).groups()  # type: ignore[union-attr]
        later = datetime.strptime(moment, "%Y%m%d%H%M%S") + timedelta(seconds=1)  # noqa: DTZ007 - digits of an id
        version_id = f"{stem}{later:%Y%m%d%H%M%S}"
    return version_id


@contextmanager
def _ending(client: "MlflowClient", run_id: str) -> Iterator[None]:
    """Marks a run as what it came to."""
    try:
        yield
    except BaseException:
        client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, "FINISHED")


def _log(
    client: "MlflowClient", *, name: str, run_id: str, files: VersionFiles, try_out: Callable[[VersionFiles], None]
) -> LoggedProgram:
    """Upload the files of a version to be, read them back and try them; takes seconds, so before any lock is held."""
    with TemporaryDirectory() as folder:
        places = files.write(Path(folder))
        logged = log_program(client, run_id=run_id, name=name, files=places, digests=files.digests())
    if files.code:
        try_out(read_logged(client, logged.artifacts))
    return logged
