"""Handing traces in: our bulk writing against MLflow's own ways to log a call, an outcome each, on one SQLite store."""

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from teleprompt.config.program import ProgramConfig
from teleprompt.environment import configure_third_party
from teleprompt.traces.submission.row import SubmittedTrace
from teleprompt.traces.submission.spool import Spool
from teleprompt.traces.submission.submit import accept, drain
from teleprompt.tracking.connection import mlflow_client

CONFIG = ProgramConfig(name="P", slug="p")
START = datetime(2026, 11, 9, tzinfo=UTC)


def rows(count: int, kind: str) -> list[SubmittedTrace]:
    """Calls of a day."""
    return [
        SubmittedTrace(
            trace_id=f"{kind}-{i}",
            started_at=START + timedelta(seconds=i),
            inputs={"question": f"why {i}"},
            outputs={"answer": "because " * 20},
            outcomes={"outcome_score": 0.5},
            contributor_id="alice",
        )
        for i in range(count)
    ]


def as_runs(client: Any, calls: list[SubmittedTrace]) -> None:
    """One MLflow run for each call."""
    from mlflow.entities import Metric, Param

    for call in calls:
        tags = {"dspy_program_name": "P", "contributor_id": str(call.contributor_id)}
        run = client.create_run("0", start_time=_ms(call), tags=tags)
        params = [Param(f"input.{k}", str(v)) for k, v in (call.inputs or {}).items()]
        params += [Param(f"output.{k}", str(v)) for k, v in (call.outputs or {}).items()]
        client.log_batch(run.info.run_id, params=params, metrics=[Metric("outcome_score", 0.5, _ms(call), 0)])
        client.set_terminated(run.info.run_id)


def as_spans(client: Any, calls: list[SubmittedTrace]) -> None:
    """`mlflow.start_span_no_context` and `mlflow.log_feedback`; its own background writing is waited for once."""
    import mlflow

    mlflow.set_tracking_uri(client.tracking_uri)
    spans = []
    for call in calls:
        tags = {"dspy_program_name": "P", "contributor_id": str(call.contributor_id)}
        span = mlflow.start_span_no_context("P", inputs=call.inputs, tags=tags, experiment_id="0")
        span.set_outputs(call.outputs)
        span.end()
        spans.append(span)
    mlflow.flush_trace_async_logging()
    for span in spans:
        mlflow.log_feedback(trace_id=span.trace_id, name="outcome_score", value=0.5)


def handed_in(client: Any, calls: list[SubmittedTrace]) -> None:
    """Checked, on disk, in MLflow."""
    with TemporaryDirectory() as folder:
        spool = Spool(Path(folder))
        accept(spool, CONFIG, [call.model_dump() for call in calls])
        drain(spool, client, lambda _: CONFIG)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    arguments = parser.parse_args()
    configure_third_party()
    ways: dict[str, tuple[Callable[[Any, list[SubmittedTrace]], None], int]] = {
        "mlflow runs": (as_runs, arguments.calls // 5),
        "mlflow spans and feedback": (as_spans, arguments.calls // 5),
        "handed in": (handed_in, arguments.calls),
    }
    found = {}
    with TemporaryDirectory() as folder, mlflow_client(f"sqlite:///{folder}/mlflow.db") as client:
        client.search_experiments()
        for name, (way, count) in ways.items():
            calls = rows(count, name)
            began = time.perf_counter()
            way(client, calls)
            found[name] = count / (time.perf_counter() - began)
    print(f"\nLogging calls with an outcome each, SQLite\n\n{'':<34}{'calls a second':>16}{'times as fast':>16}")
    for name, rate in found.items():
        print(f"{name:<34}{rate:>16.0f}{rate / found['mlflow runs']:>16.1f}")
    with TemporaryDirectory() as folder:
        calls = rows(10_000, "accepted")
        began = time.perf_counter()
        accept(Spool(Path(folder)), CONFIG, [call.model_dump() for call in calls])
        print(f"\naccepted, on disk: {len(calls) / (time.perf_counter() - began):,.0f} calls a second")


def _ms(call: SubmittedTrace) -> int:
    assert call.started_at is not None
    return round(call.started_at.timestamp() * 1000)


if __name__ == "__main__":
    main()
