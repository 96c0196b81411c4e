"""A store of another shape than `bench.store`: long texts, and traces beside the runs.

Over 30 days one program has runs whose params go up to 5,900 characters, and traces (a program's span and that of its
model) whose inputs go up to 12,000, each with a person's feedback and a judge's. A trace is logged by MLflow once, and
its rows are written anew with other ids, times and texts.
"""

import base64
import random
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from bench.store import WORDS
from teleprompt.tracking.connection import mlflow_client
from teleprompt.window import Window

PROGRAM = "Desk"
START = datetime(2026, 9, 7, tzinfo=UTC)
DAYS = 30
WINDOW = Window(start=START, end=START + timedelta(days=DAYS))
LENGTHS = 100, 12_000
CHUNK = 500
GENERATED = {"duration_ns"}
"""Columns that the database fills itself."""

CUT = {"request_preview": 1000, "response_preview": 1000, "value": 250}
"""Characters that MLflow keeps of these columns."""

TABLES = ("trace_info", "trace_tags", "trace_request_metadata", "spans", "assessments")
LONG_TEXT = " ".join(random.Random(0).choices(WORDS, k=200_000))


def build_trace_store(
    tracking_uri: str, *, runs: int, traces: int, days: int = DAYS, lengths: tuple[int, int] = LENGTHS
) -> None:
    """Migrate an empty database and fill it, evenly over so many days from the start.

    `lengths` are those of the questions of traces, of which MLflow keeps two copies.
    """
    with mlflow_client(tracking_uri) as client:
        experiment = client.create_experiment("production", "file:///nowhere")
        made = _Template(client, experiment)
    writer = _Sqlite(tracking_uri) if tracking_uri.startswith("sqlite:///") else _Postgresql(tracking_uri)
    template = {table: writer.rows_of(table, made.trace_id) for table in TABLES}
    rng = random.Random(0)
    span_ms = days * 86_400_000
    for first in range(0, traces, CHUNK):
        chunk: dict[str, list[dict[str, Any]]] = {table: [] for table in TABLES}
        for i in range(first, min(first + CHUNK, traces)):
            for table, rows in made.again(template, WINDOW.start_ms + i * span_ms // traces, rng, lengths).items():
                chunk[table] += rows
        writer.append(chunk)
    for first in range(0, runs, CHUNK):
        chunk = {table: [] for table in ("runs", "params", "latest_metrics", "tags")}
        for i in range(first, min(first + CHUNK, runs)):
            _add_run(chunk, int(experiment), WINDOW.start_ms + i * span_ms // runs, rng)
        writer.append(chunk)
    writer.close()


class _Template:
    """One trace as MLflow logs it, and others like it."""

    def __init__(self, client: Any, experiment: str) -> None:
        import mlflow
        from mlflow.entities import AssessmentSource

        mlflow.set_tracking_uri(client.tracking_uri)
        root = client.start_trace(
            PROGRAM,
            span_type="CHAIN",
            inputs={"customer": "@customer@", "question": "@question@"},
            tags={"dspy_program_name": PROGRAM, "contributor_id": "@who@", "group": "@group@"},
            experiment_id=experiment,
        )
        child = client.start_span(
            "LM.__call__",
            root.trace_id,
            root.span_id,
            span_type="CHAT_MODEL",
            inputs={"prompt": "@question@ @customer@"},
        )
        client.end_span(root.trace_id, child.span_id, outputs=["@answer@"])
        client.end_trace(root.trace_id, outputs={"answer": "@answer@"})
        mlflow.flush_trace_async_logging()
        self.trace_id, self._spans = root.trace_id, (root.span_id, child.span_id)
        self._start_ms = root.start_time_ns // 1_000_000
        for kind, name in (("HUMAN", "reviewer"), ("LLM_JUDGE", "gpt")):
            mlflow.log_feedback(
                trace_id=self.trace_id,
                name="outcome_score",
                value=0.5,
                source=AssessmentSource(source_type=kind, source_id=name),
            )

    def again(
        self, template: dict[str, Any], started_ms: int, rng: random.Random, lengths: tuple[int, int]
    ) -> dict[str, list[dict[str, Any]]]:
        """The rows of another trace."""
        new = f"{rng.getrandbits(128):032x}"
        replaced = {
            self.trace_id.removeprefix("tr-"): new,
            _base64(self.trace_id.removeprefix("tr-")): _base64(new),
            "@customer@": _text(rng, 100),
            "@question@": _text(rng, rng.randrange(*lengths)),
            "@answer@": _text(rng, 500),
            "@who@": f"contributor-{min(int(rng.paretovariate(1.1)), 200)}",
            "@group@": f"conversation-{rng.randrange(10**6)}",
        }
        for span in self._spans:
            other = f"{rng.getrandbits(64):016x}"
            replaced |= {span: other, _base64(span): _base64(other)}
        later_ms = started_ms - self._start_ms
        score = round(rng.betavariate(4, 2), 4)
        rows = {
            table: [_moved(row, replaced, later_ms, score, rng) for row in rows] for table, rows in template.items()
        }
        (size,) = (row for row in rows["trace_request_metadata"] if row["key"] == "mlflow.trace.sizeBytes")
        size["value"] = str(sum(len(span["content"]) for span in rows["spans"]))
        return rows


def _moved(
    row: dict[str, Any], replaced: dict[str, str], later_ms: int, score: float, rng: random.Random
) -> dict[str, Any]:
    new = dict(row)
    for column, value in row.items():
        if isinstance(value, str):
            for old, other in replaced.items():
                value = value.replace(old, other)
            new[column] = value[: CUT.get(column)]
        elif column.endswith(("timestamp_ms", "_timestamp")) and value is not None:
            new[column] = value + later_ms
        elif column.endswith("_unix_nano"):
            new[column] = value + later_ms * 1_000_000
            new["content"] = new["content"].replace(str(value), str(new[column]))
    if "assessment_id" in row:
        new |= {"assessment_id": f"a-{rng.getrandbits(128):032x}", "value": str(score), "aggregate_value": score}
    return new


def _add_run(rows: dict[str, list[dict[str, Any]]], experiment: int, started_ms: int, rng: random.Random) -> None:
    run_id = f"{rng.getrandbits(128):032x}"
    ended = started_ms + rng.randrange(200, 3000)
    rows["runs"].append(
        {
            "run_uuid": run_id, "name": f"call-{run_id[:8]}", "source_type": "UNKNOWN", "source_name": "",
            "entry_point_name": "", "user_id": "service", "status": "FINISHED", "start_time": started_ms,
            "end_time": ended, "source_version": "", "lifecycle_stage": "active",
            "artifact_uri": f"file:///nowhere/{run_id}/artifacts", "experiment_id": experiment,
        }
    )  # fmt: skip
    params = {"input.customer": 100, "input.question": rng.randrange(100, 5_900), "output.answer": 500}
    rows["params"] += [{"run_uuid": run_id, "key": key, "value": _text(rng, n)} for key, n in params.items()]
    metrics = {"outcome_score": round(rng.betavariate(4, 2), 4), "latency_ms": float(ended - started_ms)}
    rows["latest_metrics"] += [
        {"run_uuid": run_id, "key": key, "value": value, "timestamp": ended, "step": 0, "is_nan": False}
        for key, value in metrics.items()
    ]
    tags = {
        "dspy_program_name": PROGRAM,
        "has_dspy_traces": "true",
        "contributor_id": f"contributor-{min(int(rng.paretovariate(1.1)), 200)}",
        "group": f"conversation-{rng.randrange(10**6)}",
    }
    rows["tags"] += [{"run_uuid": run_id, "key": key, "value": value} for key, value in tags.items()]


class _Sqlite:
    def __init__(self, uri: str) -> None:
        self._db = sqlite3.connect(uri.removeprefix("sqlite:///"))

    def rows_of(self, table: str, trace_id: str) -> list[dict[str, Any]]:
        with closing(self._db.cursor()) as cursor:
            cursor.row_factory = sqlite3.Row
            return [dict(row) for row in cursor.execute(f"SELECT * FROM {table} WHERE {_KEY[table]} = ?", [trace_id])]

    def append(self, tables: dict[str, list[dict[str, Any]]]) -> None:
        for table, rows in tables.items():
            names = [name for name in rows[0] if name not in GENERATED]
            places = ", ".join(f":{name}" for name in names)
            self._db.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})", rows)
        self._db.commit()

    def close(self) -> None:
        self._db.execute("ANALYZE")
        self._db.commit()
        self._db.close()


class _Postgresql:
    def __init__(self, uri: str) -> None:
        import adbc_driver_postgresql.dbapi

        self._db = adbc_driver_postgresql.dbapi.connect(uri)
        self._cursor = self._db.cursor()

    def _schema(self, table: str) -> pa.Schema:
        self._cursor.execute(f"SELECT * FROM {table} LIMIT 0")
        return self._cursor.fetch_arrow_table().schema

    def rows_of(self, table: str, trace_id: str) -> list[dict[str, Any]]:
        self._cursor.execute(f"SELECT * FROM {table} WHERE {_KEY[table]} = $1", [trace_id])
        rows: list[dict[str, Any]] = self._cursor.fetch_arrow_table().to_pylist()
        return rows

    def append(self, tables: dict[str, list[dict[str, Any]]]) -> None:
        for table, rows in tables.items():
            fields = [field for field in self._schema(table) if field.name in rows[0] and field.name not in GENERATED]
            self._cursor.adbc_ingest(table, pa.Table.from_pylist(rows, pa.schema(fields)), mode="append")
        self._db.commit()

    def close(self) -> None:
        self._cursor.execute("ANALYZE")
        self._db.commit()
        self._cursor.close()
        self._db.close()


_KEY = dict.fromkeys(TABLES, "request_id") | {"spans": "trace_id", "assessments": "trace_id"}


def _base64(hexadecimal: str) -> str:
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()


def _text(rng: random.Random, length: int) -> str:
    start = rng.randrange(len(LONG_TEXT) - length)
    return LONG_TEXT[start : start + length]
