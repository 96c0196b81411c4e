"""A backfill in a real Airflow, as a process of its own; prints what came of it as JSON.

A quarter of past weeks, of which four have traffic, through a pool of two slots; a broken program file beside the good
one; then the first week by hand.
"""

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from dev.airflow_api import ENDED, AirflowApi
from dev.airflow_stack import start_airflow, wait_for_dag
from dev.local import LOCAL, LOGS, free_ports
from dev.processes import process_family
from dev.traffic.parallel import prepare_store
from dev.traffic.seed import last_weeks
from teleprompt.config.settings import Settings
from teleprompt.environment import quiet_libraries
from teleprompt.queries.history import list_runs
from teleprompt.registry.listing import list_versions
from teleprompt.tracking.connection import mlflow_client
from teleprompt.window import Window, format_utc
from tests.e2e.settings_file import write_settings_file
from tests.support import log_shelf_calls, write_program

DAG = "teleprompt_shelves"
SECONDS = 480
WEEKS = 13
BUSY = (0, 1, 3, 12)
SLOTS = 2


def main() -> None:
    quiet_libraries()
    settings, programs = Settings(), Path(Settings().programs_dir)
    weeks = last_weeks(WEEKS, now=datetime.now(UTC))
    write_program(programs, yaml="name: Shelves\nschedule: weekly\noptimization:\n  min_traces: 20\n")
    write_program(programs, "typo", yaml="name: T\nschedul: daily\n")
    prepare_store()
    for number in BUSY:
        log_shelf_calls(settings, count=80, window=weeks[number])
    airflow_settings = LOCAL / "airflow_settings.yaml"
    write_settings_file(airflow_settings, settings, slots=SLOTS)
    with process_family(LOGS) as family:
        api = start_airflow(family, free_ports(), extra_env={}, settings_file=airflow_settings)
        wait_for_dag(api, "teleprompt_typo", family)
        wait_for_dag(api, DAG, family)
        api.backfill(DAG, weeks[0].start, weeks[-1].start, max_active_runs=WEEKS)
        api.set_paused(DAG, False)  # after the backfill: the schedule finds its latest interval taken
        backfilled = wait_for_runs(api, WEEKS)
        limited = [task for run in backfilled for task in api.task_instances(DAG, run["dag_run_id"]) if in_pool(task)]
        before = snapshot_of(settings)
        api.trigger(DAG, {"window_start": format_utc(weeks[0].start), "window_end": format_utc(weeks[0].end)})
        wait_for_runs(api, WEEKS + 1)
        after = snapshot_of(settings)
    report = {
        "weeks": [str(week) for week in weeks],
        "busy": [str(weeks[number]) for number in BUSY],
        "limited_tasks": len(limited),
        "most_at_once": most_at_once(limited),
        "slots": SLOTS,
        "runs": [run_line(api_run) for api_run in backfilled],
        "before": before,
        "after": after,
        "processes_left": [process.name() for process in psutil.Process().children(recursive=True)],
    }
    print(json.dumps(report))


def in_pool(task: dict[str, Any]) -> bool:
    """Whether a task took one of the pool's slots."""
    return task["pool"] == "teleprompt" and task["start_date"] is not None and task["state"] == "success"


def most_at_once(tasks: list[dict[str, Any]]) -> int:
    """How many of the tasks were under way at the same moment."""
    moments = [(task["start_date"], 1) for task in tasks] + [(task["end_date"], -1) for task in tasks]
    under_way = most = 0
    for _, change in sorted(moments):  # where one ends when another begins, the end comes first
        under_way += change
        most = max(most, under_way)
    return most


def wait_for_runs(api: AirflowApi, count: int) -> list[dict[str, Any]]:
    deadline = time.monotonic() + SECONDS
    while True:
        runs = api.runs(DAG)
        if len(runs) >= count and all(run["state"] in ENDED for run in runs):
            return runs
        if time.monotonic() > deadline:
            sys.exit(f"runs did not end: {[run_line(run) for run in runs]}")
        time.sleep(1)


def run_line(run: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": run["run_type"],
        "state": run["state"],
        "interval": str(Window.model_validate({"start": run["data_interval_start"], "end": run["data_interval_end"]})),
    }


def snapshot_of(settings: Settings) -> dict[str, Any]:
    with mlflow_client(settings.tracking_uri) as client:
        return {
            "runs": sorted(
                (f"{run.window_start}/{run.window_end}", run.state, run.verdict) for run in list_runs(client)
            ),
            "versions": [version.model_dump() for version in list_versions(client, "Shelves")],
        }


if __name__ == "__main__":
    main()
