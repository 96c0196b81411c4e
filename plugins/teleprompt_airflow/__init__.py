"""The Airflow face of teleprompt: DAGs, operators, a sensor, its triggers. The work is in `teleprompt`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from teleprompt_airflow.dags.maintenance import maintenance_dag
    from teleprompt_airflow.dags.program import program_dags

__all__ = ["maintenance_dag", "program_dags"]


def __getattr__(name: str) -> Any:
    """Import what a DAG file asks for when it does: other processes load the package for less."""
    if name == "maintenance_dag":
        from teleprompt_airflow.dags.maintenance import maintenance_dag

        return maintenance_dag
    if name == "program_dags":
        from teleprompt_airflow.dags.program import program_dags

        return program_dags
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
