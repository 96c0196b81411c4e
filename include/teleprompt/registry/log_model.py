"""Logging a program as an MLflow model without pickling anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teleprompt.registry import served_program_file, served_with
from teleprompt.tracking.connection import fluent_tracking

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class LoggedProgram:
    """A program that lies in MLflow and is no version yet."""

    run_id: str
    model_id: str
    uri: str
    artifacts: str
    """Where its files lie."""
    digests: Mapping[str, str]
    """Tags that hold the SHA-256 of its files."""


def log_program(
    client: "MlflowClient", *, run_id: str, name: str, files: Mapping[str, Path], digests: Mapping[str, str]
) -> LoggedProgram:
    """Log the files as a pyfunc model of the run.

    `mlflow.dspy.log_model` would pickle the language model with its API key and its prompt history.
    """
    import mlflow.pyfunc
    from mlflow.models import Model

    with fluent_tracking(client.tracking_uri):
        # Made by hand, or MLflow would put it into the caller's active experiment instead of the run's.
        experiment_id = client.get_run(run_id).info.experiment_id
        logged = client.create_logged_model(experiment_id, name=name, source_run_id=run_id)
        # Not `mlflow.pyfunc.log_model`: it needs an active run, which the caller may have already, elsewhere.
        model = Model.log(
            artifact_path=None,
            flavor=mlflow.pyfunc,
            name=name,
            run_id=run_id,
            model_id=logged.model_id,
            python_model=str(served_program_file()),
            artifacts={key: str(path) for key, path in {**files, **served_with()}.items()},
            signature=False,  # inferred from nothing, MLflow would warn
            pip_requirements=[f"{package}=={installed(package)}" for package in ("dspy", "mlflow")],
        )
    return LoggedProgram(
        run_id=run_id,
        model_id=model.model_id,
        uri=model.model_uri,
        artifacts=f"{logged.artifact_location}/artifacts",
        digests=dict(digests),
    )


def create_version(client: "MlflowClient", logged: LoggedProgram, *, name: str, tags: Mapping[str, str]) -> Any:
    """Register a logged program as a version with these tags; MLflow's entity of it."""
    with fluent_tracking(client.tracking_uri):
        return client.create_model_version(
            name, logged.uri, run_id=logged.run_id, tags={**tags, **logged.digests}, model_id=logged.model_id
        )
