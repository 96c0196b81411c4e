"""Writing rows that were handed in to MLflow, each once however often it is tried.

Spans go in bulk (`log_spans`, MLflow 3.4 and later), eight times as fast as a run for each call. Their ids and those
of outcomes follow from the rows', so what is there already is seen in one question, and left alone.
"""

import time
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from teleprompt.config.program import ProgramConfig
from teleprompt.traces.root_span import experiment_id, root_span
from teleprompt.traces.sources import tags
from teleprompt.traces.submission._events import (
    Accepted,
    Event,
    Known,
    contradicts,
    events_of,
    microseconds,
    news,
    order_of,
)
from teleprompt.traces.submission.row import SubmittedTrace, mlflow_trace_number

if TYPE_CHECKING:
    from mlflow import MlflowClient


ORPHAN = "its call is not known"
CONTRADICTION = "another outcome was handed in with the same event_id"


class AcceptedRow(NamedTuple):
    """A row, its number in the spool, and when it was accepted."""

    number: int
    row: SubmittedTrace
    accepted: Accepted


def write_rows(client: "MlflowClient", config: ProgramConfig, rows: Sequence[AcceptedRow]) -> dict[int, str]:
    """Write rows of one program; by number those that could not be written whole, and why.

    These are late outcomes of calls that are not in MLflow, and events that contradict what has the same id.
    """
    store = client._tracing_client.store  # noqa: SLF001 - of MLflow's clients only this one takes spans in bulk
    ids = {row.trace_id: _trace_id(config.name, row.trace_id) for _, row, _ in rows}
    there = {info.trace_id: info for info in store.batch_get_trace_infos(sorted(set(ids.values())))}
    new = {row.trace_id: row for _, row, _ in rows if not row.is_late_outcome and ids[row.trace_id] not in there}
    if new:
        store.log_spans(
            experiment_id(client, config.traces.written_to), [_span(config.name, row) for row in new.values()]
        )
    known = _known(there)
    said: dict[tuple[str, str], list[Event]] = defaultdict(list)
    problems = {}
    for number, row, accepted in rows:
        call = ids[row.trace_id]
        if row.trace_id not in new and call not in there:
            problems[number] = ORPHAN
            continue
        for event in events_of(row, accepted, call=call):
            key = (call, event.name)
            if contradicts(event, [*known[key], *map(_as_known, said[key])]):
                problems[number] = CONTRADICTION
            else:
                said[key].append(event)
    for key, events in said.items():
        for event in news(events, known[key]):
            store.create_assessment(_feedback(key[0], event))
    return problems


def _known(there: dict[str, Any]) -> dict[tuple[str, str], list[Known]]:
    """What MLflow holds, by call and outcome."""
    known: dict[tuple[str, str], list[Known]] = defaultdict(list)
    for call, info in there.items():
        for one in info.assessments:
            metadata = one.metadata or {}
            value = (one.feedback or one.expectation).value if one.feedback or one.expectation else None
            if value is None and one.valid is not False and tags.RETRACTS not in metadata:
                continue  # somebody's judge failed
            order = metadata.get(tags.EVENT_ORDER) or order_of(one.create_time_ms * 1000)
            known[call, one.name].append(Known(one.assessment_id, value, order, is_valid=one.valid is not False))
    return known


def _as_known(event: Event) -> Known:
    return Known(event.event_id, event.value, event.order, is_valid=True)


def _trace_id(program: str, trace_id: str) -> str:
    return f"tr-{mlflow_trace_number(program, trace_id):032x}"


def _span(program: str, row: SubmittedTrace) -> Any:
    assert row.started_at is not None  # noqa: S101 - the row's own rule
    return root_span(
        mlflow_trace_number(program, row.trace_id),
        name=program,
        tags={
            tags.PROGRAM: program,
            tags.CONTRIBUTOR_ID: row.contributor_id,
            tags.CONTRIBUTOR_ADDRESS: row.contributor_address,
            tags.PROGRAM_VERSION: row.program_version,
            tags.GROUP: row.group,
            "submitted_as": row.trace_id,
        },
        inputs=row.inputs,
        outputs=row.outputs,
        started_us=microseconds(row.started_at),
        ended_us=microseconds(row.ended_at or row.started_at),
        failed=row.failed,
    )


def _feedback(call: str, event: Event) -> Any:
    from mlflow.entities import AssessmentError, AssessmentSource, Feedback

    metadata = {tags.EVENT_ORDER: event.order}
    error = None
    if event.value is None:
        metadata[tags.RETRACTS] = "true"
        error = AssessmentError(error_code="RETRACTED", error_message="What was said of it before is taken back.")
    feedback = Feedback(
        name=event.name,
        value=event.value,
        error=error,
        source=AssessmentSource(source_type="CODE", source_id="teleprompt"),
        trace_id=call,
        metadata=metadata,
        create_time_ms=event.at_us // 1000,
        last_update_time_ms=time.time_ns() // 10**6,  # so that who asks what changed since is told of it
    )
    feedback.assessment_id = event.event_id
    return feedback
