"""Tell people that a run was not over in time."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from teleprompt.alerts.alert import Alert
from teleprompt.config.alerts import AlertEvent
from teleprompt.config.program import ProgramConfig
from teleprompt_airflow.notifications.tell import tell


def deadline_of(config: ProgramConfig) -> DeadlineAlert | None:
    """The deadline of the program's runs, if its file sets one."""
    hours = config.alerts.deadline_hours
    if hours is None:
        return None
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(hours=hours),
        callback=AsyncCallback(deadline_missed, kwargs={"program": config.slug, "hours": hours}),
    )


async def deadline_missed(*, program: str, hours: float, context: dict[str, Any]) -> None:
    """What Airflow calls, in the triggerer; `context` holds the run as plain JSON.

    Not in a worker: what Airflow calls there may not read connections, and a notifier needs one.
    """
    await asyncio.to_thread(_tell, program, hours, context)  # notifiers may block


def _tell(program: str, hours: float, context: dict[str, Any]) -> None:
    run = context["dag_run"]
    alert = Alert(
        event=AlertEvent.DEADLINE,
        program=program,
        text=f"The run {run['dag_run_id']} is not over {hours:g} hours after it was queued.",
        cause=str(run["dag_run_id"]),
        at=datetime.now(UTC),
        facts={"dag_run_id": run["dag_run_id"]},
    )
    tell([alert], context)
