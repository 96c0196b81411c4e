"""Logging a program as an MLflow model without pickling anything."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from include.teleprompt.registry import served_program_file


def log_program_model(client: Any, *, run_id: str, name: str, artifacts: Mapping[str, Path]) -> str:
    """Log the artifacts as a pyfunc model of the run; returns the model's URI.

    `mlflow.dspy.log_model` would pickle the language model with its API key and its prompt history.
    """
    import mlflow

    with _fluent_tracking(client.tracking_uri), mlflow.start_run(run_id=run_id):
        model = mlflow.pyfunc.log_model(
            name=name,
            python_model=str(served_program_file()),
            artifacts={key: str(path) for key, path in artifacts.items()},
            pip_requirements=[f"dspy=={version('dspy')}", f"mlflow=={version('mlflow')}"],
        )
    return str(model.model_uri)


@contextmanager
def _fluent_tracking(tracking_uri: str) -> Iterator[None]:
    """Point MLflow's process-wide API at `tracking_uri` for a moment; logging a model knows no other way."""
    import mlflow

    tracking, registry = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    mlflow.set_tracking_uri(tracking_uri)
    mlflow.set_registry_uri(tracking_uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(tracking)
        mlflow.set_registry_uri(registry)
