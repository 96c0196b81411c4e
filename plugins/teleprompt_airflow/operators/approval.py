"""Ask a person before a promotion."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator

from teleprompt.config.files import find_program_file, load_program_file
from teleprompt.errors import TransientError
from teleprompt_airflow.hooks.settings import shared_settings
from teleprompt_airflow.operators.base import domain_errors

if TYPE_CHECKING:
    from tenacity import Retrying

OUTAGE_SECONDS = 30 * 60
"""How long MLflow may be away while an answer is written down."""


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
        from teleprompt.gate.comparison import Comparison
        from teleprompt.gate.markdown import comparison_in_markdown
        from teleprompt.program.prompt_diff import diff_in_markdown
        from teleprompt.queries.run_detail import comparison_prompts

        comparison = Comparison.model_validate(self.comparison)
        report = comparison_in_markdown(comparison)
        with domain_errors(skip_without_traces=True):
            changes = diff_in_markdown(comparison_prompts(comparison))
        where = f"[all of it, with the demonstrations]({self._page()})"
        self.body = f"{report}\nWhat changes in the prompt; {where}:\n\n{changes}"
        return super().execute(context)

    def _page(self) -> str:
        """The run's page, on Airflow's own address."""
        from teleprompt.alerts.of_run import run_page
        from teleprompt.tracking.connection import mlflow_client
        from teleprompt.tracking.pipeline_run import PipelineRun

        settings = shared_settings()
        name = load_program_file(find_program_file(settings.programs_dir, self.program)).name
        with mlflow_client(settings.tracking_uri) as client:
            run = PipelineRun.find(client, program=name, key_digest=self.waited["key"])
        return run_page(self.program, run.run_id) if run else f"/teleprompt/ui/programs/{self.program}"

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Go on, or write the refusal down."""
        if "error" not in event:
            with domain_errors(skip_without_traces=True):
                # Here, and not by Airflow's retry: that would forget the answer and ask again.
                for attempt in _through_an_outage():
                    with attempt:
                        self._write_down(event)
        return super().execute_complete(context, event)

    def _write_down(self, event: Mapping[str, Any]) -> None:
        """By the run's key: the program's file may have changed while the run waited."""
        from teleprompt.environment import configure_third_party

        configure_third_party()
        from teleprompt.pipeline.refusal import refuse
        from teleprompt.registry.audit_trail import AuditAction, AuditEvent, append
        from teleprompt.tracking.connection import mlflow_client

        settings, key = shared_settings(), self.waited["key"]
        name = load_program_file(find_program_file(settings.programs_dir, self.program)).name
        if event["chosen_options"] != [self.APPROVE]:
            refuse(settings, program=name, key=key, **_refusal(event))
            return
        about = f"{key} {event.get('responded_at')}"  # after a clear, another may say yes
        with mlflow_client(settings.tracking_uri) as client:
            append(
                client,
                name,
                AuditEvent(deed=AuditAction.APPROVE, who=_name_of(event["responded_by_user"]), about=about),
            )


def _through_an_outage() -> "Retrying":
    from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

    return Retrying(
        retry=retry_if_exception_type(TransientError),
        stop=stop_after_delay(OUTAGE_SECONDS),
        wait=wait_random_exponential(max=60),
        reraise=True,
    )


def _refusal(event: Mapping[str, Any]) -> dict[str, str]:
    user = event.get("responded_by_user")
    if not user:
        return {"who": "nobody", "why": "nobody answered the request for approval in time"}
    return {"who": _name_of(user), "why": "the promotion was refused"}


def _name_of(user: Mapping[str, Any]) -> str:
    return str(user.get("name") or user.get("id"))
