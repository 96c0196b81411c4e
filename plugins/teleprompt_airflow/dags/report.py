"""The DAG that reports on all programs."""

from datetime import UTC, datetime

from airflow.sdk import DAG, Param

from teleprompt.config.dag_ids import REPORT_DAG_ID
from teleprompt_airflow.dags.program import RETRIES
from teleprompt_airflow.notifications.failure import FailureAlert
from teleprompt_airflow.operators import ReportOperator


def report_dag() -> DAG:
    """Once a week: what the last seven days brought, to whoever the rules for `report` name, else as by default."""
    with DAG(
        dag_id=REPORT_DAG_ID,
        description="What improved, what was rejected and why, what it cost, and whom it credits",
        doc_md="Reports on the `days` before it to whoever is told of `report`; see docs/reports.md.",
        schedule="0 6 * * 1",
        start_date=datetime(2025, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        params={"days": Param(7, type="integer", minimum=1, maximum=366, description="How far back the report goes")},
        tags={"teleprompt", "report"},
        default_args={**RETRIES, "on_failure_callback": FailureAlert(program="report")},
    ) as dag:
        ReportOperator(task_id="report")
    return dag
