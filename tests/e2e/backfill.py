"""A backfill: a quarter of past weeks, of which four have traffic, through a pool of two slots; a broken program file
beside the good one; then the first week by hand."""

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
from teleprompt.registry.listing import list_versions
from teleprompt.tracking.connection import mlflow_client
from teleprompt.window import Window, format_utc
from tests.support import log_shelf_calls, write_program

PROGRAM = "Filled"
DAG = "teleprompt_filled"
SECONDS = 600
WEEKS = 13
BUSY = (0, 1, 3, 12)


def write_programs(settings: Settings) -> None:
    """The program, and one whose file is wrong."""
    weekly = f"name: {PROGRAM}\nschedule: weekly\noptimization:\n  min_traces: 20\n"
    write_program(settings.programs_dir, "filled", yaml=weekly)
    write_program(settings.programs_dir, "typo", yaml="name: T\nschedul: daily\n")


def take_place(api: AirflowApi, family: ProcessFamily, settings: Settings, slots: int) -> dict[str, Any]:
    """Run it; what came of it."""
    weeks = last_weeks(WEEKS, now=datetime.now(UTC))
    for number in BUSY:
        log_shelf_calls(settings, count=80, window=weeks[number], program=PROGRAM)
    wait_for_dag(api, "teleprompt_typo", family)
    wait_for_dag(api, DAG, family)
    api.backfill(DAG, weeks[0].start, weeks[-1].start, max_active_runs=WEEKS)
    api.set_paused(DAG, False)  # after the backfill: the schedule finds its latest interval taken
    backfilled = wait_for_runs(api, WEEKS)
    limited = [task for run in backfilled for task in api.task_instances(DAG, run["dag_run_id"]) if in_pool(task)]
    before = snapshot_of(settings)
    api.trigger(DAG, {"window_start": format_utc(weeks[0].start), "window_end": format_utc(weeks[0].end)})
    wait_for_runs(api, WEEKS + 1)
    return {
        "weeks": [str(week) for week in weeks],
        "busy": [str(weeks[number]) for number in BUSY],
        "limited_tasks": len(limited),
        "most_at_once": most_at_once(limited),
        "slots": slots,
        "runs": [run_line(api_run) for api_run in backfilled],
        "before": before,
        "after": snapshot_of(settings),
    }


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
                (f"{run.window_start}/{run.window_end}", run.state, run.verdict)
                for run in list_runs(client, program=PROGRAM)
            ),
            "versions": [version.model_dump() for version in list_versions(client, PROGRAM)],
        }
