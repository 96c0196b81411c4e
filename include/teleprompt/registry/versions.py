"""Registering program versions and reading them back.

A version is a registered MLflow model version. Alias `champion` names the one that runs; `previous` the one before.
Lineage stands in tags.
"""

import json
import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from include.teleprompt.errors import TelepromptError
from include.teleprompt.program.fields import ProgramFields
from include.teleprompt.records import Digest, Record
from include.teleprompt.registry.log_model import create_version
from include.teleprompt.storage import Blob, get_blob, put_blob
from include.teleprompt.tracking.connection import quoted
from include.teleprompt.tracking.pipeline_run import experiment_name, internal_experiment

CHAMPION = "champion"
PREVIOUS = "previous"

log = logging.getLogger(__name__)


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


def ensure_baseline(
    client: Any,
    *,
    name: str,
    version_id: str,
    code: ProgramCode,
    fields: ProgramFields,
    state: Blob,
    storage_uri: str,
) -> ProgramVersion:
    """The champion of the program `name`.

    On first sight, and when `version_id` is no longer the champion's own or its ancestor's, the program as written
    (`state`) is registered and becomes champion.
    """
    champion = find_champion(client, name, storage_uri=storage_uri)
    if champion is not None and champion.version_id.partition("-opt-")[0] == version_id:
        return champion
    _ensure_registered(client, name)
    tags = {"version_id": version_id, "state_digest": state.digest, "deltaone": "false"}
    number = _registered(client, name, "version_id", version_id)
    if number is None:
        experiment = internal_experiment(client, experiment_name(name))
        run = client.create_run(experiment, run_name=f"{name} {version_id}")
        number = _create(client, name=name, run_id=run.info.run_id, code=code, fields=fields, state=state, tags=tags)
    _make_champion(client, name, number)
    return ProgramVersion(program=name, number=number, version_id=version_id, state=state, parent=None)


def register_optimized(
    client: Any,
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
    """Register an optimised program, once per `run_key`, and make it champion.

    Registering the same key again returns the version that exists. Where another version became champion since the
    comparison with `parent`, the alias stays: nothing is known of the two of them.
    """
    _ensure_registered(client, name)
    number = _registered(client, name, "run_key", run_key)
    if number is None:
        lineage = {"parent": str(parent.number), "parent_version_id": parent.version_id} if parent else {}
        own = {"run_key": run_key, "version_id": version_id, "state_digest": state.digest}
        number = _create(
            client, name=name, run_id=run_id, code=code, fields=fields, state=state, tags={**tags, **lineage, **own}
        )
    champion = client.get_registered_model(name).aliases.get(CHAMPION)
    if parent is None or champion is None or int(champion) in {parent.number, number}:
        _make_champion(client, name, number)
    else:
        log.warning(
            "Version %d of %s stays without alias: version %s became champion since it was compared with version %d; "
            "a run over a newer window will compare with that.",
            number, name, champion, parent.number,
        )  # fmt: skip
    return ProgramVersion(
        program=name, number=number, version_id=version_id, state=state, parent=parent.number if parent else None
    )


def find_champion(client: Any, name: str, *, storage_uri: str) -> ProgramVersion | None:
    """The version that alias `champion` names, its state copied to the storage; None if there is none.

    Raises:
        TelepromptError: the version no longer holds the state that it was registered with.
    """
    import mlflow

    try:
        found = client.get_model_version_by_alias(name, CHAMPION)
    except mlflow.MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return None
        raise
    with TemporaryDirectory() as folder:
        path = mlflow.artifacts.download_artifacts(
            artifact_uri=f"{client.get_model_version_download_uri(name, found.version)}/artifacts/state.json",
            dst_path=folder,
            tracking_uri=client.tracking_uri,
        )
        state = put_blob(storage_uri, "programs", Path(path).read_bytes(), suffix=".json")
    if state.digest != found.tags.get("state_digest"):
        raise TelepromptError(
            f"Version {found.version} of {name} does not hold the state that it was registered with; "
            f"give the alias `{CHAMPION}` to another version."
        )
    parent = found.tags.get("parent")
    return ProgramVersion(
        program=name,
        number=int(found.version),
        version_id=found.tags["version_id"],
        state=state,
        parent=int(parent) if parent else None,
    )


def _ensure_registered(client: Any, name: str) -> None:
    import mlflow

    try:
        client.create_registered_model(name)
    except mlflow.MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _registered(client: Any, name: str, tag: str, value: str) -> int | None:
    """Number of the oldest version whose `tag` has that value."""
    found = client.search_model_versions(f"name = {quoted(name)} AND tags.`{tag}` = {quoted(value)}")
    return min((int(version.version) for version in found), default=None)


def _make_champion(client: Any, name: str, number: int) -> None:
    champion = client.get_registered_model(name).aliases.get(CHAMPION)
    if champion is not None and int(champion) == number:
        return
    if champion is not None:
        client.set_registered_model_alias(name, PREVIOUS, champion)
    client.set_registered_model_alias(name, CHAMPION, str(number))


def _create(
    client: Any,
    *,
    name: str,
    run_id: str,
    code: ProgramCode,
    fields: ProgramFields,
    state: Blob,
    tags: dict[str, str],
) -> int:
    with TemporaryDirectory() as folder:
        artifacts = {"state": Path(folder) / "state.json", "spec": Path(folder) / "spec.json"}
        artifacts["state"].write_bytes(get_blob(state))
        spec = {"callable": code.callable, "output_fields": [field.name for field in fields.outputs]}
        artifacts["spec"].write_text(json.dumps(spec), encoding="utf-8")
        if code.file is not None:
            artifacts["code"] = Path(folder) / "code.py"
            artifacts["code"].write_bytes(code.file.read_bytes())
        return create_version(client, run_id=run_id, name=name, artifacts=artifacts, tags=tags)
