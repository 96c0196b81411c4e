"""An MLflow store of realistic size: runs in MLflow's own schema, written in bulk.

Per run: 3 input params of 100-300 characters, 1-2 output params of about 500, 2 metrics, 5 tags; 4 programs of
unequal size, 200 contributors, 60 days, and bursts of calls that share one millisecond.
"""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from teleprompt.tracking.connection import mlflow_client
from teleprompt.window import Window

PROGRAMS = {"EmailDraft": 0.4, "TicketTriage": 0.3, "LeadPriority": 0.2, "Summary": 0.1}
START = datetime(2026, 9, 7, tzinfo=UTC)
DAYS = 60
WINDOW = Window(start=START, end=START + timedelta(days=DAYS))
CONTRIBUTORS = 200
BURST = 0.05
"""Share of the runs that start in the same millisecond as the one before."""

CHUNK = 20_000
WORDS = [
    "".join(random.Random(i).choices("abcdefghijklmnopqrstuvwxyz", k=3 + i % 8))  # the same words in every store
    for i in range(2000)
]


def build_store(tracking_uri: str, *, runs: int, only: str | None = None) -> None:
    """Migrate an empty database and fill it with `runs` runs in one experiment, `production`.

    All of them are the program `only`, if it is given.
    """
    with mlflow_client(tracking_uri) as client:
        experiment_id = int(client.create_experiment("production", "file:///nowhere"))
    write = _write_sqlite if tracking_uri.startswith("sqlite:///") else _write_postgresql
    write(tracking_uri, _chunks(runs, experiment_id, random.Random(0), only))


def _write_sqlite(tracking_uri: str, chunks: Iterator[dict[str, pa.Table]]) -> None:
    with closing(sqlite3.connect(tracking_uri.removeprefix("sqlite:///"))) as connection:
        for tables in chunks:
            for name, table in tables.items():
                columns, values = ", ".join(table.column_names), ", ".join("?" * table.num_columns)
                rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
                connection.executemany(f"INSERT INTO {name} ({columns}) VALUES ({values})", rows)
            connection.commit()
        connection.execute("ANALYZE")
        connection.commit()


def _write_postgresql(tracking_uri: str, chunks: Iterator[dict[str, pa.Table]]) -> None:
    import adbc_driver_postgresql.dbapi

    with adbc_driver_postgresql.dbapi.connect(tracking_uri) as connection, connection.cursor() as cursor:
        for tables in chunks:
            for name, table in tables.items():
                cursor.adbc_ingest(name, table, mode="append")
            connection.commit()
        cursor.execute("ANALYZE")
        connection.commit()


def _chunks(runs: int, experiment_id: int, rng: random.Random, only: str | None) -> Iterator[dict[str, pa.Table]]:
    span_ms = DAYS * 86_400_000
    start_ms = WINDOW.start_ms
    started = start_ms
    for first in range(0, runs, CHUNK):
        rows: dict[str, list[dict[str, Any]]] = {name: [] for name in ("runs", "params", "latest_metrics", "tags")}
        for i in range(first, min(first + CHUNK, runs)):
            if rng.random() >= BURST:
                started = start_ms + i * span_ms // runs
            _add_run(rows, experiment_id, started, rng, only)
        tables = {name: pa.Table.from_pylist(part) for name, part in rows.items()}
        where = tables["runs"].schema.get_field_index("experiment_id")
        small = tables["runs"]["experiment_id"].cast(pa.int32())  # PostgreSQL takes no wider one
        yield tables | {"runs": tables["runs"].set_column(where, "experiment_id", small)}


def _add_run(
    rows: dict[str, list[dict[str, Any]]], experiment_id: int, started: int, rng: random.Random, only: str | None
) -> None:
    run_id = f"{rng.getrandbits(128):032x}"
    ended = started + rng.randrange(200, 3000)
    rows["runs"].append(
        {
            "run_uuid": run_id,
            "name": f"call-{run_id[:8]}",
            "source_type": "UNKNOWN",
            "source_name": "",
            "entry_point_name": "",
            "user_id": "service",
            "status": "FINISHED",
            "start_time": started,
            "end_time": ended,
            "source_version": "",
            "lifecycle_stage": "active",
            "artifact_uri": f"file:///nowhere/{run_id}/artifacts",
            "experiment_id": experiment_id,
        }
    )
    lengths = {"input.customer": 100, "input.question": 200, "input.context": 300, "output.answer": 500}
    if rng.random() < 0.5:
        lengths["output.reasoning"] = 480
    rows["params"] += [{"run_uuid": run_id, "key": k, "value": _text(rng, n)} for k, n in lengths.items()]
    metrics = {"outcome_score": round(rng.betavariate(4, 2), 4), "latency_ms": float(ended - started)}
    rows["latest_metrics"] += [
        {"run_uuid": run_id, "key": k, "value": v, "timestamp": ended, "step": 0, "is_nan": False}
        for k, v in metrics.items()
    ]
    number = min(int(rng.paretovariate(1.1)), CONTRIBUTORS)
    tags = {
        "dspy_program_name": only or rng.choices(list(PROGRAMS), list(PROGRAMS.values()))[0],
        "has_dspy_traces": "true",
        "contributor_id": f"contributor-{number}",
        "contributor_address": f"0x{number:040x}",
        "group": f"conversation-{rng.randrange(10**6)}",
    }
    rows["tags"] += [{"run_uuid": run_id, "key": k, "value": v} for k, v in tags.items()]


def _text(rng: random.Random, length: int) -> str:
    text = " ".join(rng.choices(WORDS, k=length // 7 + 2))
    return text[: length - rng.randrange(length // 3)]
