"""Approval, promotion and the watch: the first run's promotion is refused, nobody answers the second's, the third's is
approved; then the watch looks."""

import os
import sys
import time
from datetime import UTC, datetime
from typing import Any

from dev.airflow_api import ENDED, AirflowApi
from dev.airflow_stack import wait_for_dag
from dev.processes import ProcessFamily
from dev.traffic.seed import last_weeks
from teleprompt.config.settings import Settings
from teleprompt.queries.history import list_runs
from teleprompt.registry.aliases import aliases_of
from teleprompt.registry.change_log import list_changes
from teleprompt.tracking.connection import mlflow_client
from teleprompt.window import Window, format_utc
from tests.support import log_shelf_calls, write_program

PROGRAM = "Asked"
DAG = "teleprompt_asked"
SECONDS = 600
PAUSE = float(os.environ.get("TELEPROMPT_E2E_PAUSE", "0"))
"""Seconds for somebody to look at the page while it waits for an answer."""


def write_programs(settings: Settings, *, timeout_hours: float = 1) -> None:
    """The program, with so much time for an answer."""
    approval = f"schedule: none\napproval:\n  timeout_hours: {timeout_hours}\n"
    yaml = f"name: {PROGRAM}\noptimization:\n  min_traces: 20\n{approval}"
    write_program(settings.programs_dir, "asked", yaml=yaml)


def take_place(api: AirflowApi, family: ProcessFamily, settings: Settings, port: int) -> dict[str, Any]:
    """Run it; what came of it."""
    weeks = last_weeks(3, now=datetime.now(UTC))
    for i, week in enumerate(weeks):
        log_shelf_calls(settings, count=160, window=week, first=1000 * i, program=PROGRAM)
    wait_for_dag(api, f"{DAG}.watch", family)
    wait_for_dag(api, DAG, family)
    api.set_paused(DAG, False)
    api.set_paused(f"{DAG}.watch", False)
    report: dict[str, Any] = {"refused": decided(api, weeks[0], "Reject", port)}
    write_programs(settings, timeout_hours=0.001)
    report["unanswered"] = decided(api, weeks[1], None, port)
    write_programs(settings)
    report["approved"] = decided(api, weeks[2], "Approve", port)
    report["watched"] = ended(api, f"{DAG}.watch", api.trigger(f"{DAG}.watch", {}))
    with mlflow_client(settings.tracking_uri) as client:
        report["aliases"] = aliases_of(client, PROGRAM)
        report["changes"] = [(change.action, change.who) for change in list_changes(client, PROGRAM)]
        runs = list_runs(client, program=PROGRAM)
        report["runs"] = [(run.state, run.verdict, run.model_version) for run in runs]
    return report


def decided(api: AirflowApi, week: Window, option: str | None, port: int) -> dict[str, Any]:
    time.sleep(5)  # for the DAG's file to be parsed anew
    run = api.trigger(DAG, {"window_start": format_utc(week.start), "window_end": format_utc(week.end)})
    if option is not None:
        deadline = time.monotonic() + SECONDS
        while state_of(api, run, "approval") not in {"awaiting_input", "deferred"}:
            if time.monotonic() > deadline:
                sys.exit(f"nobody was asked: {states(api, DAG, run)}")
            time.sleep(1)
        if PAUSE:
            print(f"http://127.0.0.1:{port}/dags/{DAG}/runs/{run}/tasks/approval/required_actions", file=sys.stderr)
            time.sleep(PAUSE)
        time.sleep(10)  # an answer sooner than the scheduler sees that the question was asked makes Airflow ask twice
        api.answer(DAG, run, "approval", option)
    return ended(api, DAG, run)


def ended(api: AirflowApi, dag_id: str, run: str) -> dict[str, Any]:
    deadline = time.monotonic() + SECONDS
    while api.run_state(dag_id, run) not in ENDED:
        if time.monotonic() > deadline:
            sys.exit(f"{dag_id} did not end: {states(api, dag_id, run)}")
        time.sleep(1)
    return {"state": api.run_state(dag_id, run), "tasks": states(api, dag_id, run)}


def states(api: AirflowApi, dag_id: str, run: str) -> dict[str, str]:
    return {task["task_id"]: task["state"] for task in api.task_instances(dag_id, run)}


def state_of(api: AirflowApi, run: str, task: str) -> str:
    return states(api, DAG, run).get(task, "")
