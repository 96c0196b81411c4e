"""By SQL, whatever changes in a day changes its mark, and nothing else does."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import mlflow
import pytest

from teleprompt.config.settings import Settings
from teleprompt.config.traces import TraceAccess, TracesConfig
from teleprompt.traces.sources.choose import open_store
from teleprompt.tracking.connection import mlflow_client
from teleprompt.window import Window
from tests.support import MONDAY, WEEK, log_run
from tests.traces.sources.odd_store import log_trace

DAYS = [Window(start=MONDAY + timedelta(days=n), end=MONDAY + timedelta(days=n + 1)) for n in range(3)]


@pytest.fixture
def store(settings: Settings) -> Iterator[tuple[Any, Any, str]]:
    with mlflow_client(settings.tracking_uri) as client, open_store(client) as opened:
        yield client, opened, client.create_experiment("prod")


def changed(store: tuple[Any, Any, str], kind: str, change: Callable[[], Any]) -> list[int]:
    """The numbers of the days whose mark is another one after `change`."""
    config = TracesConfig(access=TraceAccess.SQL, source=kind)
    (source,) = store[1].sources(config, outcomes=[], page_size=100)
    before = source.marks("P", DAYS)
    assert source.marks("P", DAYS) == before
    change()
    return [number for number, mark in enumerate(source.marks("P", DAYS)) if mark != before[number]]


def feedback(client: Any, trace_id: str, value: float, at_ms: int, **more: Any) -> Any:
    del client
    said = mlflow.entities.Feedback(name="outcome_score", value=value, trace_id=trace_id, create_time_ms=at_ms, **more)
    return mlflow.log_assessment(trace_id=trace_id, assessment=said)


@pytest.mark.usefixtures("fluent")
def test_a_feedback_that_takes_the_place_of_another_is_noticed(store: tuple[Any, Any, str]) -> None:
    client, _, experiment = store
    trace_id = log_trace(experiment, at=MONDAY, feedback=())
    log_trace(experiment, at=MONDAY + timedelta(days=1), feedback=(1.0,))
    first = feedback(client, trace_id, 1.0, WEEK.start_ms + 9)

    def swap() -> None:
        mlflow.delete_assessment(trace_id=trace_id, assessment_id=first.assessment_id)
        feedback(client, trace_id, 1.0, WEEK.start_ms + 5)

    assert changed(store, "traces", swap) == [0]


@pytest.mark.usefixtures("fluent")
def test_two_labels_that_change_places_are_noticed(store: tuple[Any, Any, str]) -> None:
    client, _, experiment = store
    ids = [log_trace(experiment, at=MONDAY, feedback=()) for _ in range(2)]
    said = [feedback(client, trace_id, value, WEEK.start_ms) for trace_id, value in zip(ids, (0.0, 1.0), strict=True)]

    def swap() -> None:
        for one, trace_id in zip(said, ids, strict=True):
            mlflow.delete_assessment(trace_id=trace_id, assessment_id=one.assessment_id)
        for trace_id, value in zip(ids, (1.0, 0.0), strict=True):
            feedback(client, trace_id, value, WEEK.start_ms)

    assert changed(store, "traces", swap) == [0]


@pytest.mark.usefixtures("fluent")
@pytest.mark.parametrize("tag", ["group", "contributor_id", "dspy_program_version"])
def test_a_tag_that_is_set_late_is_noticed(store: tuple[Any, Any, str], tag: str) -> None:
    client, _, experiment = store
    trace_id = log_trace(experiment, at=MONDAY + timedelta(days=1), feedback=(1.0,))
    run_id = log_run(client, experiment, at=MONDAY + timedelta(days=2))
    assert changed(store, "traces", lambda: client.set_trace_tag(trace_id, tag, "late")) == [1]
    assert changed(store, "runs", lambda: client.set_tag(run_id, tag, "late")) == [2]


@pytest.mark.usefixtures("fluent")
def test_feedback_on_a_session_changes_the_day_after_too(store: tuple[Any, Any, str]) -> None:
    client, _, experiment = store
    trace_id = log_trace(experiment, at=MONDAY, feedback=())
    said = {"metadata": {"mlflow.trace.session": "S"}}
    assert changed(store, "traces", lambda: feedback(client, trace_id, 1.0, WEEK.start_ms, **said)) == [0, 1]


@pytest.mark.usefixtures("fluent")
def test_calls_that_come_and_go_are_noticed_and_those_of_others_are_not(store: tuple[Any, Any, str]) -> None:
    client, _, experiment = store
    first = log_trace(experiment, at=MONDAY, feedback=(1.0,))

    def swap() -> None:
        client.delete_traces(experiment, trace_ids=[first])
        log_trace(experiment, at=MONDAY, feedback=(1.0,))

    assert changed(store, "traces", swap) == [0]
    assert changed(store, "traces", lambda: log_run(client, experiment, at=MONDAY)) == []
    run_id = log_run(client, experiment, at=MONDAY)
    assert changed(store, "runs", lambda: client.log_metric(run_id, "outcome_score", 0.25)) == [0]
    assert changed(store, "runs", lambda: log_run(client, experiment, at=MONDAY, program="Q")) == []
