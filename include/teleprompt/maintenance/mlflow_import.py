"""The package's part of MLflow made again in another one.

MLflow gives runs and logged models new ids. Nothing refers to them but MLflow's own files, where they are replaced:
runs are found by the key in their tags, versions by number, alias and tags, and attestations by their own id.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from include.teleprompt.errors import ConfigurationError, TelepromptError
from include.teleprompt.maintenance.archive import Archive
from include.teleprompt.maintenance.mlflow_export import (
    DOCUMENT,
    MlflowCopy,
    ModelCopy,
    RunCopy,
    VersionCopy,
)
from include.teleprompt.maintenance.ours import own_experiments
from include.teleprompt.maintenance.references import LOOK_TAG
from include.teleprompt.maintenance.relocate import Relocation
from include.teleprompt.registry.log_model import LoggedProgram, create_version
from include.teleprompt.tracking.pipeline_run import internal_experiment

BATCH = 500
"""Metrics in one request; MLflow takes a thousand."""


def read_copy(archive: Archive) -> MlflowCopy:
    """What a backup holds of MLflow."""
    return MlflowCopy.model_validate_json(archive.read(DOCUMENT))


def check_is_empty(client: Any, copy: MlflowCopy) -> None:
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
            f"MLflow at {client.tracking_uri} holds {found[0]!r} already; restore into one that holds nothing of "
            "teleprompt."
        )


@dataclass
class MlflowImport:
    """One restore into one MLflow."""

    client: Any
    archive: Archive
    relocation: Relocation
    experiments: dict[str, str] = field(default_factory=dict)
    """Ids by name."""
    runs: dict[str, str] = field(default_factory=dict)
    """New ids by the old ones."""

    def restore(self, copy: MlflowCopy) -> None:
        """Make everything anew; what was deleted is deleted again, for looks of deleted runs count."""
        for experiment in copy.experiments:
            own_id = internal_experiment(self.client, experiment.name)
            for key, value in experiment.tags.items():
                self.client.set_experiment_tag(own_id, key, value)
            self.experiments[experiment.name] = own_id
        for run in copy.runs:
            self.runs[run.run_id] = self._restore_run(run)
        for place, model in enumerate(copy.models):
            self._restore_model(place, model)
        for run in copy.runs:
            if run.is_deleted:
                self.client.delete_run(self.runs[run.run_id])
        for experiment in copy.experiments:
            if experiment.is_deleted:
                self.client.delete_experiment(self.experiments[experiment.name])

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
        return self.relocation.text(value, indent=None) if key == LOOK_TAG else value

    def _artifact(self, name: str, data: bytes) -> bytes:
        """Records name files of the storage; attestations and profiles stay byte for byte."""
        is_record = name.startswith("records/") and name.endswith(".json")
        return self.relocation.text(data.decode(), indent=1).encode() if is_record else data

    def _restore_model(self, place: int, model: ModelCopy) -> None:
        self.client.create_registered_model(model.name, tags=model.tags, description=model.description)
        for version in model.versions:
            logged = self._restore_files(f"models/{place}/{version.number}", model, version)
            made = 0
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

        run_id = self.runs.get(version.run_id or "")
        if run_id is None:
            raise TelepromptError(f"The backup lacks the run that made version {version.number} of {model.name}.")
        experiment = self.client.get_run(run_id).info.experiment_id
        logged = self.client.create_logged_model(experiment, name=model.name, source_run_id=run_id)
        new_ids = {version.run_id: run_id, version.model_id: logged.model_id}
        with TemporaryDirectory() as folder:
            self.archive.unpack(name, Path(folder), lambda below, data: _renamed(below, data, new_ids))
            self.client.log_model_artifacts(logged.model_id, folder)
        self.client.finalize_logged_model(logged.model_id, "READY")
        self.client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, 0)])
        return LoggedProgram(run_id=run_id, model_id=logged.model_id, uri=f"models:/{logged.model_id}", digests={})


def _renamed(name: str, data: bytes, new_ids: Mapping[str | None, str]) -> bytes:
    """MLflow's own description of a model names its run and its model; the program's files name neither."""
    if name != "MLmodel":
        return data
    for old, new in new_ids.items():
        data = data.replace(old.encode(), new.encode()) if old else data
    return data
