"""Tell people that a task failed for good."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import BaseNotifier
from airflow.sdk.exceptions import AirflowException

from teleprompt.alerts.alert import Alert
from teleprompt.config.alerts import AlertEvent
from teleprompt.encoding.secret_uri import hide_credentials
from teleprompt.errors import TelepromptError
from teleprompt_airflow.metrics import count
from teleprompt_airflow.notifications.tell import tell

MOST_TEXT = 500
EARLIER_TASK_FAILED = "EarlierTaskFailedError"
"""By name, for operators import the notifications and not the other way round."""
TOLD_BEFORE: Mapping[str, AlertEvent] = {
    "RegressionError": AlertEvent.REGRESSION,
    "RolledBackError": AlertEvent.ROLLBACK,
}
"""What a failure of this class was told of as, before the task failed."""


class FailureAlert(BaseNotifier):
    """Callback of a program's tasks: counts the failure, and sends the alert `failure` as rules or the default say.

    :param program: the program's name on the command line.
    """

    def __init__(self, *, program: str) -> None:
        super().__init__()
        self.program = program

    def notify(self, context: Any) -> None:
        """Count it; name the task, what it said, and where its log is.

        What failed for an earlier task's failure is neither counted nor told of. A regression fails its task, too; who
        was told of that is not told again.
        """
        kind = type(context.get("exception")).__name__
        if kind == EARLIER_TASK_FAILED:
            return
        count("failures", program=self.program, error=error_class(context.get("exception")))
        tell([failure_alert(self.program, context)], context, told_of=TOLD_BEFORE.get(kind))


def failure_alert(program: str, context: Any) -> Alert:
    """The alert of a failed task."""
    task, error = context["ti"], context.get("exception")
    return Alert(
        event=AlertEvent.FAILURE,
        program=program,
        text=f"The task {task.task_id} failed: {_said(error)[:MOST_TEXT]}",
        cause=f"{task.dag_id} {task.run_id} {task.task_id} {task.map_index}",
        at=datetime.now(UTC),
        facts={"dag_id": task.dag_id, "dag_run_id": task.run_id, "task_id": task.task_id, "log_url": task.log_url},
    )


def error_class(error: BaseException | str | None) -> str:
    """The class of what failed a task; of an error of ours, not Airflow's that it was made into."""
    if not isinstance(error, BaseException):
        return "ProcessEnded"
    cause = error.__cause__
    return type(cause if isinstance(cause, TelepromptError) else error).__name__


def _said(error: BaseException | str | None) -> str:
    """What it said: errors of ours and of Airflow say what to do; others may quote anything, so only their type."""
    if error is None:
        return "its process ended"
    if isinstance(error, str | TelepromptError | AirflowException):
        return hide_credentials(str(error).strip())
    return f"{type(error).__name__}; see its log"
