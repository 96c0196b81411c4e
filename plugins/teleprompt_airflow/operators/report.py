"""Report on all programs."""

from datetime import timedelta
from typing import Any

from airflow.sdk import BaseOperator

from teleprompt_airflow.hooks.settings import shared_settings
from teleprompt_airflow.operators.base import domain_errors


class ReportOperator(BaseOperator):
    """Returns what the run's param `days` before its date brought, and sends it to whoever is told of `report`."""

    def execute(self, context: Any) -> dict[str, Any]:
        """Read the period back from MLflow, and tell of it."""
        from teleprompt.environment import configure_third_party

        configure_third_party()
        from teleprompt.alerts.of_period import alert_of_report
        from teleprompt.config.files import program_files
        from teleprompt.report.read import read_report
        from teleprompt.tracking.connection import mlflow_client
        from teleprompt.window import Window
        from teleprompt_airflow.notifications.tell import tell

        until = context.get("logical_date") or context["dag_run"].run_after
        period = Window(start=until - timedelta(days=context["params"]["days"]), end=until)
        with domain_errors(skip_without_traces=True):
            settings = shared_settings()
            with mlflow_client(settings.tracking_uri) as client:
                report = read_report(client, program_files(settings.programs_dir), period)
        tell([alert_of_report(report)], context)
        return report.model_dump(mode="json")
