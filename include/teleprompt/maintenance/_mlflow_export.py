"""The package's part of MLflow as one document and files, by MLflow's own client: from any store to any other."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from teleprompt.maintenance._archive import ArchiveWriter
from teleprompt.maintenance._ours import own_experiments, own_models, runs_of
from teleprompt.records import Record

if TYPE_CHECKING:
    from mlflow import MlflowClient


DOCUMENT = "mlflow.json"


class ExperimentCopy(Record):
    """An experiment."""

    name: str
    tags: dict[str, str]
    is_deleted: bool


class MetricCopy(Record):
    """One value of a metric."""

    key: str
    value: float
    timestamp: int
    step: int


class RunCopy(Record):
    """A run; its artifacts lie in `runs/<run_id>/`."""

    run_id: str
    """In the MLflow that it was copied from."""
    experiment: str
    name: str
    status: str
    start_time: int
    end_time: int | None
    """Milliseconds since 1970."""
    is_deleted: bool
    tags: dict[str, str]
    params: dict[str, str]
    metrics: tuple[MetricCopy, ...]


class VersionCopy(Record):
    """A model version; its files lie in `models/<place of the model>/<number>/`."""

    number: int
    run_id: str | None
    model_id: str | None
    tags: dict[str, str]
    description: str | None


class ModelCopy(Record):
    """A registered model."""

    name: str
    tags: dict[str, str]
    description: str | None
    aliases: dict[str, int]
    versions: tuple[VersionCopy, ...]


class MlflowCopy(Record):
    """All of it."""

    experiments: tuple[ExperimentCopy, ...]
    runs: tuple[RunCopy, ...]
    models: tuple[ModelCopy, ...]


def export_mlflow(client: "MlflowClient", archive: ArchiveWriter) -> MlflowCopy:
    """Copy experiments, runs and registered models into a backup."""
    experiments = own_experiments(client)
    copy = MlflowCopy(
        experiments=tuple(
            ExperimentCopy(
                name=experiment.name,
                tags={key: value for key, value in experiment.tags.items() if not key.startswith("mlflow.")},
                is_deleted=experiment.lifecycle_stage == "deleted",
            )
            for experiment in experiments
        ),
        runs=tuple(
            _copy_run(client, archive, experiment.name, run)
            for experiment in experiments
            for run in runs_of(client, experiment.experiment_id)
        ),
        models=tuple(
            _copy_model(client, archive, place, model, versions)
            for place, (model, versions) in enumerate(own_models(client))
        ),
    )
    archive.add(DOCUMENT, copy.model_dump_json(indent=1).encode())
    return copy


def _copy_run(client: "MlflowClient", archive: ArchiveWriter, experiment: str, run: Any) -> RunCopy:
    own_id = run.info.run_id
    if client.list_artifacts(own_id):
        with TemporaryDirectory() as folder:
            archive.add_folder(f"runs/{own_id}", Path(client.download_artifacts(own_id, "", folder)))
    points = [point for key in run.data.metrics for point in client.get_metric_history(own_id, key)]
    return RunCopy(
        run_id=own_id,
        experiment=experiment,
        name=run.info.run_name,
        status=run.info.status,
        start_time=run.info.start_time,
        end_time=run.info.end_time,
        is_deleted=run.info.lifecycle_stage == "deleted",
        tags=dict(run.data.tags),
        params=dict(run.data.params),
        metrics=tuple(MetricCopy(key=p.key, value=p.value, timestamp=p.timestamp, step=p.step) for p in points),
    )


def _copy_model(
    client: "MlflowClient", archive: ArchiveWriter, place: int, model: Any, versions: list[Any]
) -> ModelCopy:
    for version in versions:
        _copy_files(client, archive, f"models/{place}/{version.version}", version)
    return ModelCopy(
        name=model.name,
        tags=dict(model.tags),
        description=model.description or None,
        aliases={alias: int(number) for alias, number in client.get_registered_model(model.name).aliases.items()},
        versions=tuple(
            VersionCopy(
                number=int(version.version),
                run_id=version.run_id or None,
                model_id=version.model_id or None,
                tags=dict(version.tags),
                description=version.description or None,
            )
            for version in versions
        ),
    )


def _copy_files(client: "MlflowClient", archive: ArchiveWriter, name: str, version: Any) -> None:
    import mlflow

    with TemporaryDirectory() as folder:
        path = mlflow.artifacts.download_artifacts(
            artifact_uri=client.get_model_version_download_uri(version.name, version.version),
            dst_path=folder,
            tracking_uri=client.tracking_uri,
        )
        archive.add_folder(name, Path(path))
