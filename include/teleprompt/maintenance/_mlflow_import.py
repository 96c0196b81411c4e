"""The package's part of MLflow made again in another one: under names that nobody reads, then shown.

MLflow gives runs and logged models new ids. Nothing refers to them but MLflow's own files, where they are replaced:
runs are found by the key in their tags, versions by number, alias and tags, and attestations by their own id.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pydantic import ValidationError

from teleprompt.config.program import is_program_name
from teleprompt.encoding.secret_uri import SecretUri
from teleprompt.errors import ConfigurationError, TelepromptError
from teleprompt.maintenance._archive import Archive
from teleprompt.maintenance._mlflow_export import (
    DOCUMENT,
    ExperimentCopy,
    MlflowCopy,
    ModelCopy,
    RunCopy,
    VersionCopy,
)
from teleprompt.maintenance._ours import own_experiments
from teleprompt.maintenance._references import TAGS_WITH_FILES
from teleprompt.maintenance._relocate import Relocation
from teleprompt.registry.log_model import LoggedProgram, create_version
from teleprompt.tracking.pipeline_run import INTERNAL_TAG, experiment_location, experiment_name
from teleprompt.tracking.search import all_pages

if TYPE_CHECKING:
    from mlflow import MlflowClient


BATCH = 500
"""Metrics in one request; MLflow takes a thousand."""

RESTORING = "restoring"
"""What the tag of the package's own experiments says until they are shown."""


def read_copy(archive: Archive) -> MlflowCopy:
    """What a backup holds of MLflow.

    Raises:
        TelepromptError: nothing, or what no backup of this package holds.
    """
    if DOCUMENT not in archive.manifest.files:
        raise _refusal("it is not there")
    try:
        copy = MlflowCopy.model_validate_json(archive.read(DOCUMENT))
    except ValidationError as error:
        raise _refusal("it cannot be read") from error
    experiments, runs = {e.name for e in copy.experiments}, {run.run_id for run in copy.runs}
    versions = [(model.name, version.number) for model in copy.models for version in model.versions]
    distinct = len(experiments), len(runs), len({model.name for model in copy.models}), len(set(versions))
    if distinct != (len(copy.experiments), len(copy.runs), len(copy.models), len(versions)):
        raise _refusal("something stands in it twice")
    if not all(map(_is_own, experiments)) or not all(is_program_name(model.name) for model in copy.models):
        raise _refusal("an experiment or a model of another name is in it")
    if not all(run.experiment in experiments for run in copy.runs):
        raise _refusal("it lacks a run's experiment")
    for model in copy.models:
        if not all(version.run_id in runs for version in model.versions):
            raise _refusal(f"it lacks the run that made a version of {model.name}")
    return copy


def _is_own(name: str) -> bool:
    """Stores make a folder of an experiment's name, so only a name that the package gives is taken."""
    first, *rest = name.split("/")
    return f"{first}/" == experiment_name("") and len(rest) in {1, 2} and all(map(is_program_name, rest))


def _refusal(fault: str) -> TelepromptError:
    return TelepromptError(f"The {DOCUMENT} of the backup is refused, for {fault}; nothing was restored, name another.")


def check_is_empty(client: "MlflowClient", copy: MlflowCopy) -> None:
    """Refuse an MLflow that holds anything of the package's.

    Raises:
        ConfigurationError: it does.
    """
    import mlflow

    found = [experiment.name for experiment in own_experiments(client)]
    found += [name for e in copy.experiments if client.get_experiment_by_name(name := e.name) and name not in found]
    for model in copy.models:
        try:
            found.append(client.get_registered_model(model.name).name)
        except mlflow.MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
    if found:
        raise ConfigurationError(
            f"MLflow at {SecretUri(client.tracking_uri)} holds {found[0]!r} already; restore into one that holds "
            "nothing of teleprompt."
        )


@dataclass
class MlflowImport:
    """One restore into one MLflow."""

    client: "MlflowClient"
    archive: Archive
    relocation: Relocation
    experiments: dict[str, str] = field(default_factory=dict)
    """Ids by name."""
    runs: dict[str, str] = field(default_factory=dict)
    """New ids by the old ones."""
    logged: dict[tuple[str, int], LoggedProgram] = field(default_factory=dict)
    """The files of the versions, by model and number."""

    def check(self, copy: MlflowCopy) -> None:
        """Read all that is changed on its way.

        Raises:
            TelepromptError: it cannot be read, or names a file that no storage holds.
        """
        for run in copy.runs:
            for key, value in run.tags.items():
                self._tag(key, value)
            for name in self.archive.names(f"runs/{run.run_id}"):
                self._artifact(name, self.archive.read(f"runs/{run.run_id}/{name}"))

    @contextmanager
    def staged(self, copy: MlflowCopy) -> Iterator[None]:
        """Experiments, runs and files, in experiments that nobody reads; deleted again unless they are shown.

        What a restore that was killed left of this kind is deleted first.
        """
        self._delete_staged()
        try:
            for experiment in copy.experiments:
                self.experiments[experiment.name] = self._stage_experiment(experiment)
            for run in copy.runs:
                self.runs[run.run_id] = self._restore_run(run)
            for place, model in enumerate(copy.models):
                for version in model.versions:
                    files = self._restore_files(f"models/{place}/{version.number}", model, version)
                    self.logged[model.name, version.number] = files
            yield
        finally:
            self._delete_staged()

    def show(self, copy: MlflowCopy) -> None:
        """Give the experiments their names, and register the versions. MLflow has no way to do all of it at once."""
        for experiment in copy.experiments:
            own_id = self.experiments[experiment.name]
            self.client.rename_experiment(own_id, experiment.name)
            self.client.set_experiment_tag(own_id, INTERNAL_TAG, "true")
        for model in copy.models:
            self._register(model)
        for run in copy.runs:
            if run.is_deleted:  # again, for looks of deleted runs count
                self.client.delete_run(self.runs[run.run_id])
        for experiment in copy.experiments:
            if experiment.is_deleted:
                self.client.delete_experiment(self.experiments[experiment.name])

    def _stage_experiment(self, experiment: ExperimentCopy) -> str:
        return str(
            self.client.create_experiment(
                f"{experiment.name} (restoring {secrets.token_hex(4)})",
                artifact_location=experiment_location(self.client, experiment.name),
                tags={**experiment.tags, INTERNAL_TAG: RESTORING},
            )
        )

    def _delete_staged(self) -> None:
        condition = f"tags.`{INTERNAL_TAG}` = '{RESTORING}'"
        for experiment in list(
            all_pages(lambda token: self.client.search_experiments(filter_string=condition, page_token=token))
        ):
            self.client.delete_experiment(experiment.experiment_id)

    def _restore_run(self, run: RunCopy) -> str:
        from mlflow.entities import Metric, Param

        made = self.client.create_run(
            self.experiments[run.experiment],
            start_time=run.start_time,
            run_name=run.name,
            tags={key: self._tag(key, value) for key, value in run.tags.items()},
        )
        own_id = str(made.info.run_id)
        if run.params:
            self.client.log_batch(own_id, params=[Param(key, value) for key, value in run.params.items()])
        for i in range(0, len(run.metrics), BATCH):
            points = [Metric(m.key, m.value, m.timestamp, m.step) for m in run.metrics[i : i + BATCH]]
            self.client.log_batch(own_id, metrics=points)
        with TemporaryDirectory() as folder:
            if self.archive.unpack(f"runs/{run.run_id}", Path(folder), self._artifact):
                self.client.log_artifacts(own_id, folder)
        if run.status != "RUNNING":
            self.client.set_terminated(own_id, run.status, end_time=run.end_time)
        return own_id

    def _tag(self, key: str, value: str) -> str:
        return self.relocation.text(value, indent=None) if key in TAGS_WITH_FILES else value

    def _artifact(self, name: str, data: bytes) -> bytes:
        """Records name files of the storage; attestations and profiles stay byte for byte."""
        is_record = name.startswith("records/") and name.endswith(".json")
        return self.relocation.text(data, indent=1).encode() if is_record else data

    def _register(self, model: ModelCopy) -> None:
        self.client.create_registered_model(model.name, tags=model.tags, description=model.description)
        for version in model.versions:
            logged, made = self.logged[model.name, version.number], 0
            while made < version.number:  # numbers that were deleted are taken, and given back
                if made:
                    self.client.delete_model_version(model.name, str(made))
                made = int(create_version(self.client, logged, name=model.name, tags=version.tags).version)
            if made != version.number:
                raise TelepromptError(
                    f"MLflow gave version {version.number} of {model.name} the number {made}; restore into an empty "
                    "one that nobody else writes to."
                )
            if version.description:
                self.client.update_model_version(model.name, str(made), version.description)
        for alias, number in model.aliases.items():
            self.client.set_registered_model_alias(model.name, alias, str(number))

    def _restore_files(self, name: str, model: ModelCopy, version: VersionCopy) -> LoggedProgram:
        """The files of a version as a logged model of its run."""
        from mlflow.entities import LoggedModelOutput

        run_id = self.runs[version.run_id or ""]
        experiment = self.client.get_run(run_id).info.experiment_id
        logged = self.client.create_logged_model(experiment, name=model.name, source_run_id=run_id)
        new_ids = {version.run_id: run_id, version.model_id: logged.model_id}
        with TemporaryDirectory() as folder:
            self.archive.unpack(name, Path(folder), lambda below, data: _renamed(below, data, new_ids))
            self.client.log_model_artifacts(logged.model_id, folder)
        self.client.finalize_logged_model(logged.model_id, "READY")
        self.client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, 0)])
        place = f"{logged.artifact_location}/artifacts"
        uri = f"models:/{logged.model_id}"
        return LoggedProgram(run_id=run_id, model_id=logged.model_id, uri=uri, artifacts=place, digests={})


def _renamed(name: str, data: bytes, new_ids: Mapping[str | None, str]) -> bytes:
    """MLflow's own description of a model names its run and its model; the program's files name neither."""
    if name != "MLmodel":
        return data
    for old, new in new_ids.items():
        data = data.replace(old.encode(), new.encode()) if old else data
    return data
