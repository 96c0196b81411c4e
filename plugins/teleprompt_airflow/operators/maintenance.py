"""Delete what is old and no evidence."""

from typing import Any

from airflow.sdk import BaseOperator

from teleprompt_airflow.hooks.settings import shared_settings
from teleprompt_airflow.operators.base import domain_errors


class MaintenanceOperator(BaseOperator):
    """Returns what of each kind stays and goes; deletes unless the run's param `dry_run` says otherwise."""

    def execute(self, context: Any) -> dict[str, Any]:
        """Make the plan and, unless it is a dry run, carry it out."""
        from teleprompt.environment import configure_third_party

        configure_third_party()
        from teleprompt.maintenance.clean import clean, plan_cleaning, summary_of
        from teleprompt.tracking.connection import mlflow_client

        with domain_errors(skip_without_traces=True):
            settings = shared_settings()
            with mlflow_client(settings.tracking_uri) as client:
                plan = plan_cleaning(client, settings)
            done = None if context["params"]["dry_run"] else clean(plan, settings)
        return summary_of(plan, done).model_dump(mode="json")
