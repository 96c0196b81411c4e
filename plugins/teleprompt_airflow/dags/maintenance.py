"""The DAG that looks after the storage."""

from datetime import UTC, datetime

from airflow.sdk import DAG, Param

from teleprompt.config.dag_ids import MAINTENANCE_DAG_ID
from teleprompt.config.settings import Settings
from teleprompt_airflow.dags.program import RETRIES
from teleprompt_airflow.notifications.failure import FailureAlert
from teleprompt_airflow.operators import MaintenanceOperator


def maintenance_dag() -> DAG:
    """Once a week; a dry run unless its param or `TELEPROMPT_RETENTION__DRY_RUN` says otherwise."""
    with DAG(
        dag_id=MAINTENANCE_DAG_ID,
        description="Deletes what is old and no evidence",
        doc_md="Says what of each kind stays and goes, and deletes unless `dry_run` is set; see docs/maintenance.md.",
        schedule="@weekly",
        start_date=datetime(2025, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        params={
            "dry_run": Param(Settings().retention.dry_run, type="boolean", description="Only say what would be deleted")
        },
        tags={"teleprompt", "maintenance"},
        default_args={**RETRIES, "on_failure_callback": FailureAlert(program="maintenance")},
    ) as dag:
        MaintenanceOperator(task_id="clean")
    return dag
