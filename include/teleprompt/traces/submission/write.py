"""Writing rows that were handed in to MLflow, each once however often it is tried.

Spans go in bulk (`log_spans`, MLflow 3.4 and later), eight times as fast as a run for each call. Their ids follow from
the rows', so what is there already is seen in one question, and left alone.
"""

import json
import time
from collections.abc import Sequence
from typing import Any

from include.teleprompt.config.program import ProgramConfig
from include.teleprompt.traces.sources import tags
from include.teleprompt.traces.submission.row import SubmittedTrace, mlflow_trace_number

DEFAULT_EXPERIMENT = "production"
NANO = 10**9


def write_rows(client: Any, config: ProgramConfig, rows: Sequence[SubmittedTrace]) -> list[str]:
    """Write rows of one program; the ids of late outcomes whose call is not in MLflow, and which were not written."""
    store = client._tracing_client.store  # noqa: SLF001 - of MLflow's clients only this one takes spans in bulk
    ids = {row.trace_id: _trace_id(config.name, row.trace_id) for row in rows}
    there = {info.trace_id: info for info in store.batch_get_trace_infos(sorted(set(ids.values())))}
    new = {row.trace_id: row for row in rows if not row.is_late_outcome and ids[row.trace_id] not in there}
    if new:
        store.log_spans(_experiment(client, config), [_span(config.name, row) for row in new.values()])
    known = {(own_id, said.name, said.value) for own_id, info in there.items() for said in info.assessments}
    unknown = []
    for row in rows:
        own_id = ids[row.trace_id]
        if row.trace_id not in new and own_id not in there:
            unknown.append(row.trace_id)
            continue
        for name, value in row.outcomes.items():
            if (own_id, name, value) not in known:
                known.add((own_id, name, value))
                store.create_assessment(_feedback(own_id, name, value))
    return unknown


def _experiment(client: Any, config: ProgramConfig) -> str:
    """The first experiment that the program reads, made if it is not there."""
    import mlflow

    name = config.traces.experiments[0] if config.traces.experiments else DEFAULT_EXPERIMENT
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name))
        except mlflow.MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(name)
    return str(found.experiment_id)


def _trace_id(program: str, trace_id: str) -> str:
    return f"tr-{mlflow_trace_number(program, trace_id):032x}"


def _span(program: str, row: SubmittedTrace) -> Any:
    """The root span; tags of the trace are attributes of it, as OpenTelemetry sends them to MLflow."""
    from mlflow.entities import Span
    from mlflow.tracing.constant import SpanAttributeKey
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext, TraceFlags
    from opentelemetry.trace.status import Status, StatusCode

    assert row.started_at is not None  # noqa: S101 - the row's own rule
    number = mlflow_trace_number(program, row.trace_id)
    said = {
        tags.PROGRAM: program,
        tags.CONTRIBUTOR_ID: row.contributor_id,
        tags.CONTRIBUTOR_ADDRESS: row.contributor_address,
        tags.PROGRAM_VERSION: row.program_version,
        tags.GROUP: row.group,
        "submitted_as": row.trace_id,
    }
    attributes = {
        SpanAttributeKey.REQUEST_ID: f"tr-{number:032x}",
        SpanAttributeKey.INPUTS: row.inputs,
        SpanAttributeKey.OUTPUTS: row.outputs,
        **{f"{SpanAttributeKey.TRACE_TAG_PREFIX}{key}": value for key, value in said.items() if value is not None},
    }
    start = int(row.started_at.timestamp() * NANO)
    return Span(
        ReadableSpan(
            name=program,
            context=SpanContext(number, number & (2**64 - 1) or 1, is_remote=False, trace_flags=TraceFlags(1)),
            parent=None,
            attributes={key: json.dumps(value) for key, value in attributes.items()},
            start_time=start,
            end_time=int(row.ended_at.timestamp() * NANO) if row.ended_at else start,
            status=Status(StatusCode.ERROR if row.failed else StatusCode.OK),
        )
    )


def _feedback(trace_id: str, name: str, value: float) -> Any:
    from mlflow.entities import AssessmentSource, Feedback

    now = int(time.time() * 1000)
    return Feedback(
        name=name,
        value=value,
        source=AssessmentSource(source_type="CODE", source_id="teleprompt"),
        trace_id=trace_id,
        create_time_ms=now,
        last_update_time_ms=now,
    )
