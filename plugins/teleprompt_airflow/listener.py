"""How runs end, counted where Airflow decides it: in the scheduler, or in the API server for one that a person ends."""

from typing import Any

from airflow.listeners import hookimpl

from teleprompt.config.dag_ids import program_of
from teleprompt_airflow.metrics import count

FIRST_TASKS = ("wait_for_traces", "collect")
"""Those that are skipped where a window holds too few traces."""


@hookimpl
def on_dag_run_success(dag_run: Any, msg: str) -> None:  # noqa: ARG001 - Airflow's hook
    """Count a run that succeeded; one that was skipped for want of traces did, and its note says so."""
    _count(dag_run.dag_id, "success")
    _note_skipped(dag_run)


@hookimpl
def on_dag_run_failed(dag_run: Any, msg: str) -> None:  # noqa: ARG001 - Airflow's hook
    """Count a run that failed."""
    _count(dag_run.dag_id, "failed")


def _note_skipped(dag_run: Any) -> None:
    """Airflow calls a run a success whose every task was skipped; in its list only a note tells it from others."""
    found = program_of(dag_run.dag_id)
    if found is None or found[1] != "program" or dag_run.note:
        return
    states = {task.task_id: task.state for task in dag_run.task_instances}
    if "skipped" in (states.get(task) for task in FIRST_TASKS):
        dag_run.note = (
            f"Skipped: the window holds too few usable traces, so nothing was compared; the page of {found[0]} and the "
            "log of the skipped task say how many."
        )


def _count(dag_id: str, state: str) -> None:
    found = program_of(dag_id)
    if found is not None:
        program, kind = found
        count("runs", program=program, kind=kind, state=state)
