"""Windows that a schedule or a backfill came to and that held too few traces: an MLflow run each, of its own kind.

It is none of the pipeline's runs: nothing was looked at, and the traces still wait.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from teleprompt.records import Record
from teleprompt.tracking.connection import quoted
from teleprompt.tracking.pipeline_run import experiment_name, internal_experiment
from teleprompt.window import Window, format_utc

if TYPE_CHECKING:
    from mlflow import MlflowClient

WHY = "teleprompt.skipped_window"
START, END, DAG_RUN = "teleprompt.window_start", "teleprompt.window_end", "teleprompt.dag_run_id"
MOST_CHARACTERS = 5000
"""Of a run's tag, in MLflow."""


class SkippedWindow(Record):
    """A window without enough traces."""

    program: str
    window_start: str
    window_end: str
    dag_run_id: str
    """Airflow's run that came to it last."""
    why: str


def write_skipped(client: "MlflowClient", *, program: str, window: Window, dag_run_id: str, why: str) -> None:
    """Write down that a window of `program` (its `name`) was skipped; of one window the last time."""
    found = _of_window(client, program, window)
    tags = {WHY: why[:MOST_CHARACTERS], DAG_RUN: dag_run_id}
    if found:
        for tag, value in tags.items():
            client.set_tag(found[0].info.run_id, tag, value)
        return
    span = {START: format_utc(window.start), END: format_utc(window.end)}
    run = client.create_run(
        internal_experiment(client, experiment_name(program)),
        run_name=f"{program} {span[START]} skipped",
        tags={"teleprompt.program": program, **span, **tags},
    )
    client.set_terminated(run.info.run_id, "FINISHED")


def forget_skipped(client: "MlflowClient", *, program: str, window: Window) -> None:
    """A window that was skipped has enough traces now."""
    for run in _of_window(client, program, window):
        client.delete_run(run.info.run_id)


def list_skipped(client: "MlflowClient", program: str, *, limit: int = 20) -> list[SkippedWindow]:
    """The windows of `program` (its `name`) that were skipped, newest first."""
    return [
        SkippedWindow(
            program=program,
            window_start=run.data.tags[START],
            window_end=run.data.tags[END],
            dag_run_id=run.data.tags[DAG_RUN],
            why=run.data.tags[WHY],
        )
        for run in _search(client, program, f"tags.`{WHY}` != ''", limit=limit)
    ]


def _of_window(client: "MlflowClient", program: str, window: Window) -> Sequence[Any]:
    start, end = quoted(format_utc(window.start)), quoted(format_utc(window.end))
    return _search(
        client, program, f"tags.`{WHY}` != '' AND tags.`{START}` = {start} AND tags.`{END}` = {end}", limit=5
    )


def _search(client: "MlflowClient", program: str, condition: str, *, limit: int) -> Sequence[Any]:
    experiment = client.get_experiment_by_name(experiment_name(program))
    if experiment is None:
        return ()
    found: Sequence[Any] = client.search_runs(
        [experiment.experiment_id], condition, max_results=limit, order_by=[f"tags.`{START}` DESC"]
    )
    return found
