"""When a program's last runs began, and how far they reached."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from teleprompt.tracking.pipeline_run import KEY_TAG, WINDOW_END_TAG, experiment_name
from teleprompt.tracking.search import NEWEST_FIRST, NEWEST_WINDOW_FIRST, all_pages

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


BACKFILL = "backfill"
MOST_RUNS = 1000
"""Youngest runs that are looked through; a quarter of a year of an hourly program's backfill has twice as many."""


def last_start(client: "MlflowClient", program: str, *, besides: str, now: datetime) -> datetime | None:
    """Beginning of the youngest pipeline run of `program` (its `name`) that no backfill made; None if there is none.

    `besides` is Airflow's run id of the run that asks. Runs that began after `now` do not count: since then a clock was
    put back, and nobody should wait until it is there again.
    """
    for run in islice(_runs(client, program, NEWEST_FIRST), MOST_RUNS):
        tags = run.data.tags  # looked at here: MLflow's `!=` leaves out runs that have no such tag
        began = datetime.fromtimestamp(run.info.start_time / 1000, tz=UTC)
        is_other = tags.get("teleprompt.dag_run_id") != besides and tags.get("teleprompt.run_type") != BACKFILL
        if is_other and began <= now:
            return began
    return None


def newest_window_end(client: "MlflowClient", program: str) -> datetime | None:
    """Where the newest window ends that a pipeline run of `program` (its `name`) looked at; None without any."""
    for run in _runs(client, program, NEWEST_WINDOW_FIRST, page=1):
        return datetime.fromisoformat(run.data.tags[WINDOW_END_TAG])
    return None


def _runs(client: "MlflowClient", program: str, order: list[str], *, page: int = 100) -> "Iterator[Run]":
    experiment = client.get_experiment_by_name(experiment_name(program))
    if experiment is None:
        return iter(())
    ids, condition = [experiment.experiment_id], f"tags.`{KEY_TAG}` != ''"
    return all_pages(
        lambda token: client.search_runs(ids, condition, max_results=page, order_by=order, page_token=token)
    )
