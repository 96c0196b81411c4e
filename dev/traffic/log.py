"""Writing calls to MLflow, in the documents' way and in MLflow 3's."""

import math
from collections.abc import Iterable
from typing import Any

from dev.traffic.simulate import LoggedCall


def log_as_runs(client: Any, experiment_id: str, program: str, metric: str, calls: Iterable[LoggedCall]) -> None:
    """One MLflow run per call: params, metrics, tags."""
    from mlflow.entities import Metric, Param

    for call in calls:
        started = _milliseconds(call)
        run = client.create_run(experiment_id, start_time=started, tags=_tags(program, call))
        params = [Param(f"input.{k}", str(v)) for k, v in call.inputs.items()]
        params += [Param(f"output.{k}", str(v)) for k, v in call.outputs.items()]
        metrics = [] if call.outcome is None else [Metric(metric, call.outcome, started, 0)]
        client.log_batch(run.info.run_id, params=params, metrics=metrics)
        client.set_terminated(run.info.run_id, end_time=started + 40)


def log_as_traces(_client: Any, experiment_id: str, program: str, metric: str, calls: Iterable[LoggedCall]) -> None:
    """One MLflow 3 trace per call, the outcome as feedback."""
    import mlflow

    for call in calls:
        started = _milliseconds(call)
        span = mlflow.start_span_no_context(
            program,
            inputs=call.inputs,
            tags=_tags(program, call),
            experiment_id=experiment_id,
            start_time_ns=started * 1_000_000,
        )
        span.set_outputs(call.outputs)
        span.end(end_time_ns=(started + 40) * 1_000_000)
        if call.outcome is not None:
            # Feedback is JSON and cannot hold NaN: a careless caller sends text.
            value = "n/a" if math.isnan(call.outcome) else call.outcome
            mlflow.log_feedback(trace_id=span.trace_id, name=metric, value=value)


def _tags(program: str, call: LoggedCall) -> dict[str, str]:
    tags = {
        "dspy_program_name": program,
        "has_dspy_traces": "true",
        "contributor_id": call.contributor.contributor_id,
    }
    if call.contributor.address is not None:
        tags["contributor_address"] = call.contributor.address
    return tags


def _milliseconds(call: LoggedCall) -> int:
    return round(call.started_at.timestamp() * 1000)
