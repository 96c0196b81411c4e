"""What of MLflow is the package's own: its experiments, their runs, deleted ones too, and its registered models."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from teleprompt.registry.versions import STATE_DIGEST, VERSION_ID
from teleprompt.tracking.connection import quoted
from teleprompt.tracking.pipeline_run import INTERNAL_TAG
from teleprompt.tracking.search import PAGE, all_pages

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


def own_experiments(client: "MlflowClient") -> list[Any]:
    """The experiments that the package made, in the order of their names."""
    from mlflow.entities import ViewType

    found = all_pages(
        lambda token: client.search_experiments(
            view_type=ViewType.ALL,
            filter_string=f"tags.`{INTERNAL_TAG}` = 'true'",
            max_results=PAGE,
            page_token=token,
        )
    )
    return sorted(found, key=lambda experiment: str(experiment.name))


def runs_of(client: "MlflowClient", experiment_id: str) -> "Iterator[Run]":
    """All runs of an experiment, oldest first."""
    from mlflow.entities import ViewType

    return all_pages(
        lambda token: client.search_runs(
            [experiment_id],
            run_view_type=ViewType.ALL,
            max_results=PAGE,
            order_by=["attributes.start_time ASC", "attributes.run_id ASC"],
            page_token=token,
        )
    )


def own_models(client: "MlflowClient") -> Iterator[tuple[Any, list[Any]]]:
    """The registered models that hold programs, with all their versions, oldest first; no locks."""
    for model in all_pages(lambda token: client.search_registered_models(max_results=100, page_token=token)):
        versions = _versions_of(client, model.name)
        if any(VERSION_ID in version.tags and STATE_DIGEST in version.tags for version in versions):
            yield model, versions


def _versions_of(client: "MlflowClient", name: str) -> list[Any]:
    condition = f"name = {quoted(name)}"
    found = all_pages(lambda token: client.search_model_versions(condition, max_results=PAGE, page_token=token))
    return sorted(found, key=lambda version: int(version.version))
