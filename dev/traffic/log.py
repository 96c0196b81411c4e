"""Writing calls to MLflow, in the documents' way and in MLflow 3's."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dev.traffic.simulate import LoggedCall


@dataclass(frozen=True)
class AsRun:
    """A call as an MLflow run holds it."""

    started_ms: int
    ended_ms: int
    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]

    @classmethod
    def of(cls, program: str, metric: str, call: LoggedCall) -> "AsRun":
        """The call of a program whose outcome is logged as `metric`."""
        started = _milliseconds(call)
        return cls(
            started_ms=started,
            ended_ms=started + 40,
            params={
                **{f"input.{k}": str(v) for k, v in call.inputs.items()},
                **{f"output.{k}": str(v) for k, v in call.outputs.items()},
            },
            metrics={} if call.outcome is None else {metric: call.outcome},
            tags=_tags(program, call),
        )

    def log(self, client: Any, experiment_id: str) -> str:
        """Log it; returns the run's id."""
        from mlflow.entities import Metric, Param

        run_id = str(client.create_run(experiment_id, start_time=self.started_ms, tags=self.tags).info.run_id)
        params = [Param(key, value) for key, value in self.params.items()]
        metrics = [Metric(key, value, self.started_ms, 0) for key, value in self.metrics.items()]
        client.log_batch(run_id, params=params, metrics=metrics)
        client.set_terminated(run_id, end_time=self.ended_ms)
        return run_id


def log_as_runs(client: Any, experiment_id: str, program: str, metric: str, calls: Iterable[LoggedCall]) -> None:
    """One MLflow run per call: params, metrics, tags."""
    for call in calls:
        AsRun.of(program, metric, call).log(client, experiment_id)


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
