"""How runs end, counted where Airflow decides it: in the scheduler, or in the API server for one that a person ends."""

from typing import Any

from airflow.listeners import hookimpl

from teleprompt.config.dag_ids import program_of
from teleprompt_airflow.metrics import count


@hookimpl
def on_dag_run_success(dag_run: Any, msg: str) -> None:  # noqa: ARG001 - Airflow's hook
    """Count a run that succeeded; one that was skipped for want of traces did."""
    _count(dag_run.dag_id, "success")


@hookimpl
def on_dag_run_failed(dag_run: Any, msg: str) -> None:  # noqa: ARG001 - Airflow's hook
    """Count a run that failed."""
    _count(dag_run.dag_id, "failed")


def _count(dag_id: str, state: str) -> None:
    found = program_of(dag_id)
    if found is not None:
        program, kind = found
        count("runs", program=program, kind=kind, state=state)
