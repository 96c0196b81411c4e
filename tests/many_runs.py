"""Many calls as MLflow runs at once: MLflow logs one, and its rows are written again with what the others hold.

One after the other they take 14 ms of CPU each.
"""

import math
import sqlite3
import uuid
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from dev.traffic.log import AsRun

SQLITE = "sqlite:///"


def log_many(client: Any, experiment_id: str, runs: Sequence[AsRun]) -> None:
    """Log them; the first one has to have params, metrics and tags.

    One after the other where they go to a server.
    """
    if not client.tracking_uri.startswith(SQLITE):
        for run in runs:
            run.log(client, experiment_id)
        return
    first, *others = runs
    logged = first.log(client, experiment_id)
    with closing(sqlite3.connect(client.tracking_uri.removeprefix(SQLITE))) as database, database:
        database.execute("PRAGMA synchronous = OFF")
        _again(database, logged, others)


def _again(database: sqlite3.Connection, logged: str, others: Sequence[AsRun]) -> None:
    """The rows of the run that was logged, for each of the others."""
    rows: dict[str, list[dict[str, Any]]] = {
        "runs": [], "params": [], "metrics": [], "latest_metrics": [], "tags": []
    }  # fmt: skip
    like = {table: _first_row(database, table, logged) for table in rows}
    for run in others:
        own = {"run_uuid": uuid.uuid4().hex}
        place = like["runs"]["artifact_uri"].replace(logged, own["run_uuid"])
        name = f"call-{own['run_uuid'][:8]}"
        time = {"start_time": run.started_ms, "end_time": run.ended_ms}
        rows["runs"].append({**like["runs"], **own, **time, "name": name, "artifact_uri": place})
        rows["params"] += [{**like["params"], **own, "key": k, "value": v} for k, v in run.params.items()]
        for key, value in run.metrics.items():
            unknown = math.isnan(value)
            said = {"key": key, "value": 0 if unknown else value, "is_nan": unknown, "timestamp": run.started_ms}
            for table in ("metrics", "latest_metrics"):
                rows[table].append({**like[table], **own, **said})
        tags = {**run.tags, "mlflow.runName": name}
        rows["tags"] += [{**like["tags"], **own, "key": k, "value": v} for k, v in tags.items()]
    for table, new in rows.items():
        columns = list(like[table])
        values = ", ".join(f":{column}" for column in columns)
        database.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})", new)


def _first_row(database: sqlite3.Connection, table: str, run_id: str) -> dict[str, Any]:
    found = database.execute(f"SELECT * FROM {table} WHERE run_uuid = ?", [run_id])
    return dict(zip((column for column, *_ in found.description), found.fetchone(), strict=True))
