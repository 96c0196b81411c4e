"""When a program's last run began."""

from datetime import UTC, datetime
from typing import Any

from include.teleprompt.tracking.connection import quoted
from include.teleprompt.tracking.pipeline_run import KEY_TAG, experiment_name

BACKFILL = "backfill"


def last_start(client: Any, program: str, *, besides: str) -> datetime | None:
    """Beginning of the youngest pipeline run of `program` (its `name`) that no backfill made; None if there is none.

    `besides` is Airflow's run id of the run that asks.
    """
    experiment = client.get_experiment_by_name(experiment_name(program))
    if experiment is None:
        return None
    condition = (
        f"tags.`{KEY_TAG}` != '' AND tags.`teleprompt.dag_run_id` != {quoted(besides)} "
        f"AND tags.`teleprompt.run_type` != '{BACKFILL}'"
    )
    found = client.search_runs(
        [experiment.experiment_id], condition, max_results=1, order_by=["attributes.start_time DESC"]
    )
    return datetime.fromtimestamp(found[0].info.start_time / 1000, tz=UTC) if found else None
