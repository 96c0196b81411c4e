"""A backfill: four past weeks, of which three have traffic, through a pool of two slots; a broken program file
beside the good one; then the first week by hand.

One trial goes over these weeks. In the middle of the second one's gate its task is killed; beside it the same weeks of
the same calls are run undisturbed, outside of Airflow.
"""

import os
import signal
import sqlite3
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import psutil

from dev.airflow_api import ENDED, AirflowApi
from dev.airflow_stack import wait_for_dag
from dev.processes import ProcessFamily
from dev.traffic.seed import last_weeks
from teleprompt.config.files import load_program_file
from teleprompt.config.settings import Settings
from teleprompt.encoding.secret_uri import SecretUri
from teleprompt.pipeline.pipeline import Pipeline
from teleprompt.pipeline.whole_run import run_all_stages
from teleprompt.queries.history import list_runs
from teleprompt.queries.trials import read_trials
from teleprompt.registry.listing import list_versions
from teleprompt.tracking.connection import mlflow_client
from teleprompt.tracking.skipped_windows import write_skipped
from teleprompt.window import Window, format_utc
from tests.support import log_shelf_calls, write_program

PROGRAM = "Filled"
DAG = "teleprompt_filled"
SECONDS = 600
WEEKS = 4
CALLS = {0: 34, 1: 34, 3: 160}
"""Of the weeks that have any: too few to decide in one of them, but for the last."""


def write_programs(settings: Settings) -> None:
    """The program, and one whose file is wrong."""
    weekly = f"name: {PROGRAM}\nschedule: weekly\noptimization:\n  min_traces: 20\n"
    write_program(settings.programs_dir, "filled", yaml=weekly)
    write_program(settings.programs_dir, "typo", yaml="name: T\nschedul: daily\n")


def take_place(api: AirflowApi, family: ProcessFamily, settings: Settings, slots: int) -> dict[str, Any]:
    """Run it; what came of it."""
    weeks = last_weeks(WEEKS, now=datetime.now(UTC))
    for number, count in CALLS.items():
        log_shelf_calls(settings, count=count, window=weeks[number], first=1000 * number, program=PROGRAM)
    undisturbed = copy_of(settings)
    wait_for_dag(api, "teleprompt_typo", family)
    wait_for_dag(api, DAG, family)
    api.backfill(DAG, weeks[0].start, weeks[-1].start, max_active_runs=1)
    api.set_paused(DAG, False)  # after the backfill: the schedule finds its latest interval taken
    killed = kill_gate(api, weeks[1])
    backfilled = wait_for_runs(api, WEEKS)
    limited = [task for run in backfilled for task in api.task_instances(DAG, run["dag_run_id"]) if in_pool(task)]
    before = snapshot_of(settings)
    api.trigger(DAG, {"window_start": format_utc(weeks[0].start), "window_end": format_utc(weeks[0].end)})
    wait_for_runs(api, WEEKS + 1)
    return {
        "weeks": [str(week) for week in weeks],
        "busy": [str(weeks[number]) for number in CALLS],
        "killed": killed,
        "tries_of_the_killed": tries_of_gate(api, weeks[1]),
        "trials": trials_of(settings),
        "undisturbed": run_undisturbed(undisturbed, weeks),
        "limited_tasks": len(limited),
        "most_at_once": most_at_once(limited),
        "slots": slots,
        "runs": [run_line(api_run) for api_run in backfilled],
        "before": before,
        "after": snapshot_of(settings),
    }


def kill_gate(api: AirflowApi, week: Window) -> int:
    """Kill the process of the week's gate with SIGKILL, as soon as it scores; its id."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        for task in gates_of(api, week):
            scoring = [p for p in psutil.Process().children(recursive=True) if p.pid == task["pid"] and p.children()]
            if task["state"] == "running" and scoring:
                os.kill(task["pid"], signal.SIGKILL)
                return int(task["pid"])
        time.sleep(0.2)
    sys.exit("the gate of the second week did not run")


def tries_of_gate(api: AirflowApi, week: Window) -> int:
    """How often the week's gate was begun."""
    return max(int(task["try_number"]) for task in gates_of(api, week))


def gates_of(api: AirflowApi, week: Window) -> list[dict[str, Any]]:
    filled = [run for run in api.runs(DAG) if run["run_type"] == "backfill"]
    runs = [run for run in filled if run_line(run)["interval"] == str(week)]
    return [task for run in runs for task in api.task_instances(DAG, run["dag_run_id"]) if task["task_id"] == "gate"]


def copy_of(settings: Settings) -> Settings:
    """The settings of a second MLflow store with the same calls."""
    database = str(settings.tracking_uri.get_secret_value()).removeprefix("sqlite:///")
    folder = Path(mkdtemp(dir=Path(database).parent))
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(folder / "mlflow.db")) as copy:
        source.backup(copy)
    return settings.model_copy(
        update={"tracking_uri": SecretUri(f"sqlite:///{folder}/mlflow.db"), "storage_uri": str(folder / "storage")}
    )


def run_undisturbed(settings: Settings, weeks: Sequence[Window]) -> list[dict[str, Any]]:
    """The same weeks one after the other, outside of Airflow; the trials after them."""
    for number, week in enumerate(weeks):
        if number in CALLS:
            run_all_stages(Pipeline.of_file(settings.programs_dir / "filled.yaml", settings=settings, window=week))
            continue
        with mlflow_client(settings.tracking_uri) as client:
            write_skipped(client, program=PROGRAM, window=week, dag_run_id="none", why="no calls")
    return trials_of(settings)


def trials_of(settings: Settings) -> list[dict[str, Any]]:
    """What the program's trials say; nothing of when and where they were run."""
    config = load_program_file(settings.programs_dir / "filled.yaml")
    with mlflow_client(settings.tracking_uri) as client:
        return [
            {"state": trial.state, "windows": trial.windows, "path": [point.model_dump() for point in trial.path]}
            for trial in read_trials(client, config)
        ]


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
