"""Say that a run is over, and what came of it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Asset, BaseOperator

from teleprompt.config.files import find_program_file, load_program_file
from teleprompt.config.settings import Settings
from teleprompt.window import Window, format_utc
from teleprompt_airflow.error_tags import tag_errors
from teleprompt_airflow.hooks.settings import shared_settings
from teleprompt_airflow.metrics import measure_backlog
from teleprompt_airflow.notifications.tell import tell
from teleprompt_airflow.operators.base import domain_errors
from teleprompt_airflow.run_window import overrides_of, resolve_window


class ConcludeOperator(BaseOperator):
    """Sends the alerts of a run that did not fail, and tells the programs that wait for it how far it reached.

    Returns how the run ended, with the number of runs in a row that had too few traces.

    :param program: the program's name on the command line.
    :param waited: what the `TraceVolumeSensor` of the run returned; nothing if there were too few traces.
    :param ended: the asset whose events say that a run of the program is over.
    """

    template_fields: Sequence[str] = ("waited",)

    def __init__(self, *, program: str, waited: Any, ended: Asset, **kwargs: Any) -> None:
        super().__init__(outlets=[ended], trigger_rule="none_failed", **kwargs)
        self.program = program
        self.waited = waited
        self.ended = ended

    def execute(self, context: Any) -> dict[str, Any]:
        """Announce the end, then send what there is to tell."""
        from teleprompt.alerts.of_run import RunEnd, alerts_of_run
        from teleprompt.environment import configure_third_party
        from teleprompt.queries.history import find_summary
        from teleprompt.tracking.connection import mlflow_client

        configure_third_party()
        file = find_program_file(Settings().programs_dir, self.program)
        config = load_program_file(file, overrides=overrides_of(context["params"]))
        window = (
            Window.model_validate(self.waited["window"])
            if self.waited
            else resolve_window(context, lookback=config.lookback)
        )
        tag_errors(program=self.program, window=window)
        context["outlet_events"][self.ended].extra = {
            "window_start": format_utc(window.start),
            "window_end": format_utc(window.end),
        }
        with (
            domain_errors(skip_without_traces=True),
            mlflow_client(shared_settings().tracking_uri) as client,
        ):
            measure_backlog(client, config)
            run = find_summary(client, program=config.name, key=self.waited["key"]) if self.waited else None
            before = _concluded_last(context)
            end = RunEnd(
                dag_run_id=context["dag_run"].run_id,
                window=str(window),
                run=run,
                insufficient_in_a_row=int(before.get("insufficient_in_a_row", 0)) + 1
                if run is None or run.found_too_few
                else 0,
            )
            tell(alerts_of_run(client, config, end), context)  # last: who tries again tells again
        return {
            "window": end.window,
            "verdict": run.verdict if run else None,
            "insufficient_in_a_row": end.insufficient_in_a_row,
            "number": int(before.get("number", 0)) + 1,
            "concluded_at": datetime.now(UTC).isoformat(),
        }


def _concluded_last(context: Any) -> dict[str, Any]:
    """How the run ended that was concluded last; nothing before the first."""
    task = context["ti"]
    found = task.xcom_pull(task_ids=task.task_id, include_prior_dates=True)
    # One value or many, in no order that runs without a logical date would keep.
    ends = [end for end in (found if isinstance(found, list) else [found]) if end]
    # By number; the time, which a clock may put back, only where an earlier version of the package gave none.
    return max(ends, key=lambda end: (end.get("number", 0), str(end["concluded_at"])), default={})
