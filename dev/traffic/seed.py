"""Filling an MLflow store with a scenario's traffic, once per window.

`python -m dev.traffic.seed SLUG… [--weeks N]` logs the last N complete weeks of each scenario.
"""

import argparse
import importlib
import logging
import os
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from teleprompt.config.files import find_program_file, load_program_file
from teleprompt.config.settings import LMConfig, Settings
from teleprompt.tracking.connection import artifact_root, mlflow_client
from teleprompt.window import Window

SLUGS = ("email_draft", "ticket_triage", "lead_priority")


def last_weeks(count: int, *, now: datetime) -> list[Window]:
    """The last `count` complete weeks, Monday to Monday in UTC, oldest first."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    monday = today - timedelta(days=today.weekday())
    week = timedelta(days=7)
    return [Window(start=monday - (i + 1) * week, end=monday - i * week) for i in reversed(range(count))]


def seed(slug: str, window: Window, settings: Settings) -> int:
    """Log the scenario's calls of `window`; returns how many, 0 if the window has calls already."""
    from dev.traffic.log import log_as_runs, log_as_traces
    from dev.traffic.simulate import simulate
    from teleprompt.lm.build import build_lm
    from teleprompt.program.entry_point import build_program

    scenario = importlib.import_module(f"dev.traffic.{slug}").SCENARIO
    file = find_program_file(settings.programs_dir, slug)
    config = load_program_file(file)
    with mlflow_client(settings.tracking_uri) as client:
        experiment_id = _experiment(client, f"production/{slug}")
        done = f"seeded.{window.start_ms}"
        if done in client.get_experiment(experiment_id).tags:
            return 0
        _delete_fragment(client, experiment_id, window)
        calls = list(
            simulate(
                scenario,
                build_program(file, config.entry_point),
                build_lm(LMConfig(temperature=scenario.temperature)),
                start=window.start,
                end=window.end,
            )
        )
        log_calls = {"runs": log_as_runs, "traces": log_as_traces}[scenario.log_as]
        log_calls(client, experiment_id, config.name, config.outcome.metric, calls)
        client.set_experiment_tag(experiment_id, done, str(len(calls)))
    return len(calls)


def _delete_fragment(client: Any, experiment_id: str, window: Window) -> None:
    """Delete what an interrupted seeding left of the window."""
    condition = f"attributes.start_time >= {window.start_ms} AND attributes.start_time < {window.end_ms}"
    while runs := client.search_runs([experiment_id], condition, max_results=1000):
        for run in runs:
            client.delete_run(run.info.run_id)
    condition = f"trace.timestamp_ms >= {window.start_ms} AND trace.timestamp_ms < {window.end_ms}"
    while traces := client.search_traces(
        locations=[experiment_id], filter_string=condition, max_results=100, include_spans=False
    ):
        client.delete_traces(experiment_id, trace_ids=[trace.info.trace_id for trace in traces])


def _experiment(client: Any, name: str) -> str:
    import mlflow

    found = client.get_experiment_by_name(name)
    if found:
        return str(found.experiment_id)
    root = artifact_root(client.tracking_uri)
    try:
        return str(client.create_experiment(name, artifact_location=root and f"{root}/{name}"))
    except mlflow.MlflowException:  # another process made it meanwhile
        return str(client.get_experiment_by_name(name).experiment_id)


def _write_without_waiting_for_the_disk() -> None:
    """Half of the time to log a call to SQLite is its waiting for the disk; a demo store can be made again."""
    import sqlalchemy

    @sqlalchemy.event.listens_for(sqlalchemy.engine.Engine, "connect")
    def _relax(connection: Any, _record: Any) -> None:
        if "sqlite" in type(connection).__module__:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=OFF")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("slugs", nargs="*", default=SLUGS, metavar="SLUG")
    parser.add_argument("--weeks", type=int, default=1)
    arguments = parser.parse_args()
    os.environ["MLFLOW_ENABLE_ASYNC_TRACE_LOGGING"] = "false"
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    settings = Settings()
    _write_without_waiting_for_the_disk()
    import mlflow

    mlflow.set_tracking_uri(settings.tracking_uri.get_secret_value())
    for slug in arguments.slugs:
        for window in last_weeks(arguments.weeks, now=datetime.now(UTC)):
            count = seed(slug, window, settings)
            print(f"{slug} {window}: {count or 'already there'}", flush=True)
    sys.exit(0)


if __name__ == "__main__":
    main()
