"""The Airflow face of teleprompt: DAGs, operators, a sensor, its triggers. The work is in `teleprompt`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from teleprompt_airflow.dags.maintenance import maintenance_dag
    from teleprompt_airflow.dags.program import program_dags
    from teleprompt_airflow.dags.report import report_dag

__all__ = ["maintenance_dag", "program_dags", "report_dag"]


def __getattr__(name: str) -> Any:
    """Import what a DAG file asks for when it does: other processes load the package for less."""
    if name == "maintenance_dag":
        from teleprompt_airflow.dags.maintenance import maintenance_dag

        return maintenance_dag
    if name == "program_dags":
        from teleprompt_airflow.dags.program import program_dags

        return program_dags
    if name == "report_dag":
        from teleprompt_airflow.dags.report import report_dag

        return report_dag
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
