"""Calls with everything that MLflow lets one log: for comparing sources row by row."""

import math
import os
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from teleprompt.tracking.connection import fluent_tracking, mlflow_client
from tests.support import ALICE, MONDAY, WEEK, log_run

PROGRAM = "P"


def log_odd_calls(tracking_uri: str, folder: Path) -> None:
    """Some forty runs and traces of `P` in the week, among them failed, nested, unreadable and empty ones."""
    with mlflow_client(tracking_uri) as client:
        experiment = client.create_experiment("prod", (folder / "artifacts").as_uri())
        _runs(client, experiment)
        _traces(client, experiment)


def _runs(client: Any, experiment: str) -> None:
    minute = timedelta(minutes=1)
    for i in range(12):  # a burst in one millisecond
        log_run(client, experiment, inputs={"question": f"burst {i}"})
    for i, changes in enumerate(
        (
            {"inputs": {"question": "ünïcødé 🎉 \u2028 'quotes' \"double\" % _ ; DROP TABLE runs; --"}},
            {"inputs": {}, "outputs": {}},
            {"inputs": {"user.input.text": "nested", "other": "x"}},
            {"inputs": {"question": ""}},
            {"metrics": {}},
            {"metrics": {"outcome_score": math.nan, "clicks": 3.0, "latency": -1e300}},
            {"metrics": {"outcome_score": math.inf}},
            {"metrics": {f"m{i}": float(i) for i in range(20)}},
            {"address": None},
            {"contributor": ""},
            {"at": WEEK.end - timedelta(milliseconds=1)},
            {"at": WEEK.end},
            {"at": WEEK.start - timedelta(milliseconds=1)},
            {"program": "p"},
        )
    ):
        log_run(client, experiment, **{"at": MONDAY + (i + 1) * minute, **changes})
    failed = log_run(client, experiment, at=MONDAY + timedelta(hours=3))
    client.set_terminated(failed, status="FAILED")
    client.delete_run(log_run(client, experiment, at=MONDAY + timedelta(hours=4)))
    twice = log_run(client, experiment, at=MONDAY + timedelta(hours=5))
    client.log_metric(twice, "outcome_score", 0.1, timestamp=WEEK.end_ms, step=1)
    client.set_tag(twice, "group", "conversation 7")
    client.set_tag(twice, "dspy_program_version", "2.0.0")
    client.create_run(experiment, start_time=WEEK.start_ms + 1, tags={"dspy_program_name": PROGRAM})  # still running


def _traces(client: Any, experiment: str) -> None:
    synchronously = {"MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "false"}
    with patch.dict(os.environ, synchronously), fluent_tracking(client.tracking_uri):
        _log_traces(experiment)


def _log_traces(experiment: str) -> None:
    for i in range(5):
        log_trace(experiment, inputs={"question": f"traced {i}"}, feedback=(0.5,))
    for i, changes in enumerate(
        (
            {"feedback": (0.1, True), "expectations": {"stars": 4}},
            {"feedback": ("good", None)},
            {"feedback": ()},
            {"inputs": {"question": {"deep": [1, {"x": None}]}}, "feedback": (1,)},
            {"inputs": {"question": "x" * 20_000, "number": 3.5, "none": None}, "feedback": (1,)},
            {"inputs": {"question": 2**60}, "feedback": (1,)},
            {"inputs": "not an object", "feedback": (1,)},
            {"outputs": ["a", "list"], "feedback": (1,)},
            {"status": "ERROR", "feedback": (1,)},
            {"children": 3, "feedback": (0.25,)},
            {"at": WEEK.end, "feedback": (1,)},
        )
    ):
        log_trace(experiment, **{"at": MONDAY + timedelta(hours=6, minutes=i), **changes})


def log_trace(
    experiment: str,
    *,
    at: Any = MONDAY,
    inputs: Any = None,
    outputs: Any = None,
    feedback: tuple[Any, ...] = (),
    expectations: dict[str, Any] | None = None,
    status: str = "OK",
    children: int = 0,
) -> str:
    """Log one call as a trace; returns its id."""
    import mlflow
    from mlflow.entities import AssessmentError

    nanoseconds = round(at.timestamp() * 1000) * 1_000_000
    span = mlflow.start_span_no_context(
        PROGRAM,
        inputs={"question": "why"} if inputs is None else inputs,
        tags={"dspy_program_name": PROGRAM, "contributor_id": "alice", "contributor_address": ALICE},
        metadata={"group": "g1", "dspy_program_version": "3"},
        experiment_id=experiment,
        start_time_ns=nanoseconds,
    )
    for _ in range(children):
        child = mlflow.start_span_no_context("step", parent_span=span, inputs={"question": "inner"})
        child.end()
    span.set_outputs({"answer": "because"} if outputs is None else outputs)
    span.end(status=status, end_time_ns=nanoseconds + 7_000_000)
    for value in feedback:
        error = AssessmentError(error_code="TIMEOUT") if value is None else None
        mlflow.log_feedback(trace_id=span.trace_id, name="outcome_score", value=value, error=error)
    for name, value in (expectations or {}).items():
        mlflow.log_expectation(trace_id=span.trace_id, name=name, value=value)
    return str(span.trace_id)
