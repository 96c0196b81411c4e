"""A whole call as one span, as MLflow takes them in bulk."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient


def root_span(
    number: int,
    *,
    name: str,
    tags: Mapping[str, str | None],
    inputs: Any,
    outputs: Any,
    started_us: int,
    ended_us: int,
    failed: bool,
) -> Any:
    """The root span of the trace `tr-<number>`, an `mlflow.entities.Span`; times are microseconds since 1970.

    Tags of the trace are attributes of it, as OpenTelemetry sends them to MLflow; those that are None are left out.
    """
    from mlflow.entities import Span
    from mlflow.tracing.constant import SpanAttributeKey
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext, TraceFlags
    from opentelemetry.trace.status import Status, StatusCode

    attributes = {
        SpanAttributeKey.REQUEST_ID: trace_id(number),
        SpanAttributeKey.INPUTS: inputs,
        SpanAttributeKey.OUTPUTS: outputs,
        **{f"{SpanAttributeKey.TRACE_TAG_PREFIX}{key}": value for key, value in tags.items() if value is not None},
    }
    return Span(
        ReadableSpan(
            name=name,
            context=SpanContext(number, number & (2**64 - 1) or 1, is_remote=False, trace_flags=TraceFlags(1)),
            parent=None,
            attributes={key: json.dumps(value) for key, value in attributes.items()},
            start_time=started_us * 1000,
            end_time=ended_us * 1000,
            status=Status(StatusCode.ERROR if failed else StatusCode.OK),
        )
    )


def trace_id(number: int) -> str:
    """The id of a trace in MLflow."""
    return f"tr-{number:032x}"


def experiment_id(client: "MlflowClient", name: str) -> str:
    """The experiment that calls are written to, made if it is not there."""
    import mlflow

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name))
        except mlflow.MlflowException as error:
            found = client.get_experiment_by_name(name)
            if error.error_code != "RESOURCE_ALREADY_EXISTS" or found is None:
                raise
    return str(found.experiment_id)
