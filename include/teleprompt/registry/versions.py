"""Registering program versions and reading them back.

A version is a registered MLflow model version; lineage stands in its tags. None is ever deleted.
"""

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from teleprompt.encoding.canonical_json import sha256_hex
from teleprompt.errors import TelepromptError
from teleprompt.program.fields import ProgramFields
from teleprompt.records import Digest, Record
from teleprompt.registry.aliases import CHAMPION
from teleprompt.registry.changes import set_baseline
from teleprompt.registry.lock import registry_lock
from teleprompt.registry.log_model import LoggedProgram, create_version, log_program
from teleprompt.storage.blobs import Blob, get_blob, put_blob
from teleprompt.tracking.connection import quoted
from teleprompt.tracking.pipeline_run import experiment_name, internal_experiment

if TYPE_CHECKING:
    from mlflow import MlflowClient


RUN_KEY = "run_key"
VERSION_ID = "version_id"
STATE_DIGEST = "state_digest"
DIGESTS = {"state.json": STATE_DIGEST, "spec.json": "spec_digest", "code.py": "code_digest"}
"""The tag that holds the SHA-256 of each file."""


class ProgramCode(Record):
    """The Python file of a program and the callable in it that builds the program."""

    file: Path | None
    """None for a program that was defined in a notebook: such a version can be loaded, not served."""
    callable: str


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
    code: ProgramCode,
    fields: ProgramFields,
    state: Blob,
    storage_uri: str,
    who: str,
) -> ProgramVersion:
    """The champion of the program `name`.

    On first sight, and when `version_id` is no longer the champion's own or its ancestor's, the program as written
    (`state`) is registered and becomes champion.
    """
    champion = find_version(client, name, alias=CHAMPION, storage_uri=storage_uri)
    if champion is not None and champion.version_id.partition("-opt-")[0] == version_id:
        return champion
    _ensure_registered(client, name)
    if not _versions(client, name, VERSION_ID, version_id):
        experiment = internal_experiment(client, experiment_name(name))
        run = client.create_run(experiment, run_name=f"{name} {version_id}")
        logged = _log(client, name=name, run_id=run.info.run_id, code=code, fields=fields, state=state)
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
    code: ProgramCode,
    fields: ProgramFields,
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
        logged = _log(client, name=name, run_id=run_id, code=code, fields=fields, state=state)
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
    state = put_blob(storage_uri, "programs", read_artifacts(client, found)["state.json"], suffix=".json")
    parent = found.tags.get("parent")
    return ProgramVersion(
        program=name,
        number=int(found.version),
        version_id=found.tags[VERSION_ID],
        state=state,
        parent=int(parent) if parent else None,
    )


def version_of_alias(client: "MlflowClient", name: str, alias: str) -> Any:
    """MLflow's entity of the version that `alias` names, or None."""
    import mlflow

    try:
        return client.get_model_version_by_alias(name, alias)
    except mlflow.MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return None
        raise


def read_artifacts(client: "MlflowClient", version: Any) -> dict[str, bytes]:
    """The files of a version: `state.json`, `spec.json`, and `code.py` where it has one.

    Raises:
        TelepromptError: one of them is not what was registered.
    """
    import mlflow

    with TemporaryDirectory() as folder:
        path = mlflow.artifacts.download_artifacts(
            artifact_uri=f"{client.get_model_version_download_uri(version.name, version.version)}/artifacts",
            dst_path=folder,
            tracking_uri=client.tracking_uri,
        )
        files = {file.name: file.read_bytes() for file in Path(path).iterdir() if file.is_file()}
    for name, tag in DIGESTS.items():
        if name in files and sha256_hex(files[name]) != version.tags.get(tag):
            raise TelepromptError(
                f"Version {version.version} of {version.name} does not hold the {name} that it was registered with; "
                "roll back to another version."
            )
    return files


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


def _log(
    client: "MlflowClient", *, name: str, run_id: str, code: ProgramCode, fields: ProgramFields, state: Blob
) -> LoggedProgram:
    """Upload the files of a version to be; takes seconds, so it is done before any lock is held."""
    with TemporaryDirectory() as folder:
        files = {"state": Path(folder) / "state.json", "spec": Path(folder) / "spec.json"}
        files["state"].write_bytes(get_blob(state))
        spec = {"callable": code.callable, "output_fields": [field.name for field in fields.outputs]}
        files["spec"].write_text(json.dumps(spec), encoding="utf-8")
        if code.file is not None:
            files["code"] = Path(folder) / "code.py"
            files["code"].write_bytes(code.file.read_bytes())
        digests = {DIGESTS[file.name]: sha256_hex(file.read_bytes()) for file in files.values()}
        return log_program(client, run_id=run_id, name=name, files=files, digests=digests)
