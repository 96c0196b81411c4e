"""When a program's last runs began, and how far they reached."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from include.teleprompt.tracking.pipeline_run import KEY_TAG, experiment_name
from include.teleprompt.tracking.search import NEWEST_FIRST, all_pages

BACKFILL = "backfill"
WINDOW_END = "teleprompt.window_end"
MOST_RUNS = 1000
"""Youngest runs that are looked through; a quarter of a year of an hourly program's backfill has twice as many."""


def last_start(client: Any, program: str, *, besides: str) -> datetime | None:
    """Beginning of the youngest pipeline run of `program` (its `name`) that no backfill made; None if there is none.

    `besides` is Airflow's run id of the run that asks.
    """
    for run in islice(_runs(client, program, NEWEST_FIRST), MOST_RUNS):
        tags = run.data.tags  # looked at here: MLflow's `!=` leaves out runs that have no such tag
        if tags.get("teleprompt.dag_run_id") != besides and tags.get("teleprompt.run_type") != BACKFILL:
            return datetime.fromtimestamp(run.info.start_time / 1000, tz=UTC)
    return None


def newest_window_end(client: Any, program: str) -> datetime | None:
    """Where the newest window ends that a pipeline run of `program` (its `name`) looked at; None without any."""
    for run in _runs(client, program, [f"tags.`{WINDOW_END}` DESC"], page=1):
        return datetime.fromisoformat(run.data.tags[WINDOW_END])
    return None


def _runs(client: Any, program: str, order: list[str], *, page: int = 100) -> Iterator[Any]:
    experiment = client.get_experiment_by_name(experiment_name(program))
    if experiment is None:
        return iter(())
    ids, condition = [experiment.experiment_id], f"tags.`{KEY_TAG}` != ''"
    return all_pages(
        lambda token: client.search_runs(ids, condition, max_results=page, order_by=order, page_token=token)
    )
