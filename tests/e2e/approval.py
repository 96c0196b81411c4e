"""Approval, promotion and the watch in a real Airflow, as a process of its own; prints what came of it as JSON.

The first run's promotion is refused, nobody answers the second's, the third's is approved; then the watch looks.
"""

import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dev.airflow_api import ENDED, AirflowApi
from dev.airflow_stack import start_airflow, wait_for_dag
from dev.local import LOCAL, LOGS, free_ports
from dev.processes import process_family
from dev.traffic.parallel import prepare_store
from dev.traffic.seed import last_weeks
from teleprompt.config.settings import Settings
from teleprompt.environment import quiet_libraries
from teleprompt.queries.history import list_runs
from teleprompt.registry.aliases import aliases_of
from teleprompt.registry.change_log import list_changes
from teleprompt.tracking.connection import mlflow_client
from teleprompt.window import Window, format_utc
from tests.e2e.settings_file import write_settings_file
from tests.support import log_shelf_calls, write_program

DAG = "teleprompt_shelves"
SECONDS = 300
PAUSE = float(os.environ.get("TELEPROMPT_E2E_PAUSE", "0"))
"""Seconds for somebody to look at the page while it waits for an answer."""


def main() -> None:
    quiet_libraries()
    settings, programs = Settings(), Path(Settings().programs_dir)
    write_program(programs, yaml=program("timeout_hours: 1"))
    weeks = last_weeks(3, now=datetime.now(UTC))
    prepare_store()
    for i, week in enumerate(weeks):
        log_shelf_calls(settings, count=160, window=week, first=1000 * i)
    airflow_settings = LOCAL / "airflow_settings.yaml"
    write_settings_file(airflow_settings, settings, slots=2)
    with process_family(LOGS) as family:
        ports = free_ports()
        api = start_airflow(family, ports, extra_env={}, settings_file=airflow_settings)
        wait_for_dag(api, f"{DAG}.watch", family)
        wait_for_dag(api, DAG, family)
        api.set_paused(DAG, False)
        api.set_paused(f"{DAG}.watch", False)
        report = {"refused": decided(api, weeks[0], "Reject", ports.airflow)}
        write_program(programs, yaml=program("timeout_hours: 0.001"))
        report["unanswered"] = decided(api, weeks[1], None, ports.airflow)
        write_program(programs, yaml=program("timeout_hours: 1"))
        report["approved"] = decided(api, weeks[2], "Approve", ports.airflow)
        report["watched"] = ended(api, f"{DAG}.watch", api.trigger(f"{DAG}.watch", {}))
    with mlflow_client(settings.tracking_uri) as client:
        report["aliases"] = aliases_of(client, "Shelves")
        report["changes"] = [(change.action, change.who) for change in list_changes(client, "Shelves")]
        report["runs"] = [(run.state, run.verdict, run.model_version) for run in list_runs(client)]
    print(json.dumps(report))


def program(approval: str) -> str:
    return f"name: Shelves\noptimization:\n  min_traces: 20\nschedule: none\napproval:\n  {approval}\n"


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


if __name__ == "__main__":
    main()
