"""Ask a person before a promotion."""

from collections.abc import Collection, Mapping
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator

from include.teleprompt.config.files import find_program_file, load_program_file
from include.teleprompt.config.settings import Settings
from teleprompt_airflow.hooks.settings import settings_from_connections
from teleprompt_airflow.operators.base import domain_errors


class GateApprovalOperator(ApprovalOperator):
    """Airflow's approval step, showing the gate's report; a refusal, or no answer in time, ends the run in peace.

    What follows is skipped, and MLflow's log of changes says who refused and why nothing was promoted.

    :param program: the program's name on the command line.
    :param waited: what the `TraceVolumeSensor` of the run returned: its window and its key.
    :param comparison: record of the `GateOperator`.
    """

    template_fields: Collection[str] = (*ApprovalOperator.template_fields, "waited", "comparison")

    def __init__(self, *, program: str, waited: Any, comparison: Any, **kwargs: Any) -> None:
        super().__init__(defaults=[ApprovalOperator.REJECT], **kwargs)
        self.program = program
        self.waited = waited
        self.comparison = comparison

    def execute(self, context: Any) -> Any:
        """Show the report and wait, without a worker slot."""
        from include.teleprompt.deltaone.compare import Comparison
        from include.teleprompt.deltaone.markdown import comparison_in_markdown

        self.body = comparison_in_markdown(Comparison.model_validate(self.comparison))
        return super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Go on, or write the refusal down."""
        if "error" not in event:
            with domain_errors(skip_without_traces=True):
                if event["chosen_options"] == [self.APPROVE]:
                    self._approved(who=_name_of(event["responded_by_user"]))
                else:
                    self._write_down(**_refusal(event))
        return super().execute_complete(context, event)

    def _approved(self, *, who: str) -> None:
        from include.teleprompt.environment import quiet_libraries

        quiet_libraries()
        from include.teleprompt.registry.audit_trail import Deed, append
        from include.teleprompt.tracking.connection import mlflow_client

        config = load_program_file(find_program_file(Settings().programs_dir, self.program))
        with mlflow_client(settings_from_connections(config).tracking_uri) as client:
            append(client, config.name, Deed.APPROVE, who=who, about=self.waited["key"])

    def _write_down(self, *, who: str, why: str) -> None:
        """By the run's key: the program's file may have changed while the run waited."""
        from include.teleprompt.environment import quiet_libraries

        quiet_libraries()
        from include.teleprompt.refusal import refuse

        config = load_program_file(find_program_file(Settings().programs_dir, self.program))
        refuse(settings_from_connections(config), program=config.name, key=self.waited["key"], who=who, why=why)


def _refusal(event: Mapping[str, Any]) -> dict[str, str]:
    user = event.get("responded_by_user")
    if not user:
        return {"who": "nobody", "why": "nobody answered the request for approval in time"}
    return {"who": _name_of(user), "why": "the promotion was refused"}


def _name_of(user: Mapping[str, Any]) -> str:
    return str(user.get("name") or user.get("id"))
