"""Tell people that a task failed for good."""

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import BaseNotifier

from include.teleprompt.alerts.alert import Alert
from include.teleprompt.config.alerts import AlertEvent
from include.teleprompt.config.files import find_program_file, load_program_file
from include.teleprompt.config.settings import Settings
from teleprompt_airflow.notifications.tell import tell

MOST_TEXT = 500


class FailureAlert(BaseNotifier):
    """Callback of a program's tasks: sends the alert `failure` as the program's rules say.

    :param program: the program's name on the command line.
    """

    def __init__(self, *, program: str) -> None:
        super().__init__()
        self.program = program

    def notify(self, context: Any) -> None:
        """Name the task, what it said, and where its log is."""
        config = load_program_file(find_program_file(Settings().programs_dir, self.program))
        tell([failure_alert(self.program, context)], config, context)


def failure_alert(program: str, context: Any) -> Alert:
    """The alert of a failed task; errors of ours say what to do."""
    task, error = context["ti"], context.get("exception")
    said = str(error).strip() if error else "its process ended"
    return Alert(
        event=AlertEvent.FAILURE,
        program=program,
        text=f"The task {task.task_id} failed: {said[:MOST_TEXT]}",
        cause=f"{task.dag_id} {task.run_id} {task.task_id} {task.map_index}",
        at=datetime.now(UTC),
        facts={"dag_id": task.dag_id, "dag_run_id": task.run_id, "task_id": task.task_id, "log_url": task.log_url},
    )
