"""What reviewers expected is what a program learns from and is judged by."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import mlflow
import pytest
from pydantic import ValidationError

from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.config.traces import TracesConfig
from teleprompt.errors import ConfigurationError, InsufficientTracesError
from teleprompt.program.fields import DeclaredFields, Field
from teleprompt.traces._labels import expected_outputs
from teleprompt.traces.collect import collect_snapshot
from teleprompt.traces.row import TraceRow
from teleprompt.traces.snapshot import read_for_credit, read_snapshot
from teleprompt.tracking.connection import fluent_tracking, mlflow_client
from teleprompt.window import Window


def text(name: str, *, required: bool = True) -> Field:
    return Field(name=name, is_text=True, type="str", json_schema={"type": "string"}, required=required)


DECLARED = DeclaredFields(inputs=(text("ticket"),), outputs=(text("queue"), text("why", required=False)))


@pytest.mark.parametrize(
    ("expectations", "expected"),
    [
        ({"queue": "post"}, {"queue": "post"}),
        ({"expected_queue": "post", "why": "late"}, {"queue": "post", "why": "late"}),
        ({"expected_response": "post"}, {"queue": "post"}),
        ({"expected": {"queue": "post", "why": "late", "more": 1}}, {"queue": "post", "why": "late"}),
        ({"queue": "post", "expected_response": "bank"}, {"queue": "post"}),
        ({"why": "late"}, None),
        ({"guidelines": ["be kind"]}, None),
        ({}, None),
    ],
)
def test_an_output_is_expected_under_its_name_or_as_the_whole_answer(expectations: Any, expected: Any) -> None:
    assert expected_outputs(expectations, ["queue", "why"], ["queue"]) == expected


def test_of_two_outputs_no_whole_answer_can_be_one() -> None:
    assert expected_outputs({"expected_response": "post"}, ["queue", "why"], ["queue", "why"]) is None


def test_where_no_output_is_known_all_expectations_are_outputs() -> None:
    assert expected_outputs({"expected_queue": "post"}, [], []) == {"queue": "post"}


@pytest.fixture
def experiment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_TRACE_LOGGING", "false")
    uri = settings.tracking_uri.get_secret_value()
    with mlflow_client(uri) as client, fluent_tracking(uri):
        yield client.create_experiment("prod")
    os.environ.pop("MLFLOW_TRACKING_URI", None)


def call(experiment: str, ticket: str, queue: str, *, expected: Any = None, **said: Any) -> None:
    span = mlflow.start_span_no_context(
        "call", inputs={"ticket": ticket}, tags={"dspy_program_name": "P"}, experiment_id=experiment, **said
    )
    span.set_outputs({"queue": queue})
    span.end()
    if expected is not None:
        mlflow.log_expectation(trace_id=span.trace_id, name="queue", value=expected)


def collected(settings: Settings, **config: Any) -> tuple[dict[str, TraceRow], dict[str, int]]:
    """The rows by their input, and what was set aside."""
    program = ProgramConfig.model_validate(
        {"name": "P", "slug": "p", "curation": [], "optimization": {"min_traces": 1}, **config}
    )
    now = datetime.now(UTC).replace(microsecond=0)
    window = Window(start=now - timedelta(hours=1), end=now + timedelta(hours=1))
    with mlflow_client(settings.tracking_uri) as client:
        record = collect_snapshot(
            client, config=program, declared=DECLARED, window=window, storage_uri=settings.storage_uri, least=1
        ).snapshot
    snapshot = read_snapshot(record)
    rows = [row for part in read_for_credit(snapshot).values() for row in part]
    return {str(row.inputs["ticket"]): row for row in rows}, snapshot.quarantined


EXPECTED = {"traces": {"labels": "expectation"}}


def test_a_correction_stands_in_place_of_the_answer_and_is_right(settings: Settings, experiment: str) -> None:
    call(experiment, "lost", "bank", expected="post")
    call(experiment, "late", "post", expected="post")
    call(experiment, "nobody looked at it", "post")
    rows, aside = collected(settings, **EXPECTED)
    assert {name: (row.outputs["queue"], row.score_e6) for name, row in rows.items()} == {
        "lost": ("post", 1_000_000),
        "late": ("post", 1_000_000),
    }
    assert aside == {"missing_expectation": 1}


def test_a_dataset_is_read_beside_the_calls_in_each_later_window(settings: Settings, experiment: str) -> None:
    call(experiment, "lost", "bank", expected="post")
    dataset = mlflow.genai.datasets.create_dataset(name="gold", experiment_id=[experiment])
    dataset.merge_records(
        [
            {"inputs": {"ticket": "broken"}, "expectations": {"expected_response": "repair"}},
            {"inputs": {"ticket": "thanks"}, "expectations": {"queue": "none"}, "tags": {"contributor_id": "ann"}},
        ]
    )
    rows, aside = collected(settings, traces={"labels": "expectation", "datasets": ["gold"]})
    assert {name: row.outputs["queue"] for name, row in rows.items()} == {
        "lost": "post",
        "broken": "repair",
        "thanks": "none",
    }
    assert (rows["thanks"].contributor_id, rows["thanks"].source) == ("ann", "dataset")
    assert aside == {}


def test_a_dataset_that_is_not_there_is_named(settings: Settings, experiment: str) -> None:
    del experiment
    with pytest.raises(ConfigurationError, match="no evaluation dataset 'gold'"):
        collected(settings, traces={"labels": "expectation", "datasets": ["gold"]})
    with pytest.raises(ValidationError, match="they need `labels: expectation`"):
        TracesConfig(datasets=("gold",))


def test_without_rewards_nobody_has_to_be_named(settings: Settings, experiment: str) -> None:
    call(experiment, "lost", "bank", expected="post", metadata={"mlflow.trace.user": "u7"})
    assert collected(settings, **EXPECTED)[0]["lost"].contributor_id == "anonymous"
    named = collected(settings, attribution={"from_user": True}, **EXPECTED)
    assert named[0]["lost"].contributor_id == "u7"
    assert collected(settings, attribution={"anonymous": "us"}, **EXPECTED)[0]["lost"].contributor_id == "us"


def test_with_rewards_a_call_of_nobody_is_quarantined(settings: Settings, experiment: str) -> None:
    call(experiment, "lost", "bank", expected="post")
    chain = {"adapter": "eas", "chain_id": 31337, "contract": "0x" + "11" * 20, "schema_registry": "0x" + "12" * 20}
    with pytest.raises(InsufficientTracesError, match="missing_contributor"):
        collected(settings, chain=chain, **EXPECTED)


def test_what_a_reviewer_explained_is_kept_with_the_row(settings: Settings, experiment: str) -> None:
    span = mlflow.start_span_no_context(
        "call", inputs={"ticket": "lost"}, tags={"dspy_program_name": "P"}, experiment_id=experiment
    )
    span.set_outputs({"queue": "bank"})
    span.end()
    mlflow.log_feedback(trace_id=span.trace_id, name="outcome_score", value=0.5, rationale="Too slow.")
    mlflow.log_feedback(trace_id=span.trace_id, name="tone", value=1, rationale="Kind.")
    mlflow.log_expectation(trace_id=span.trace_id, name="queue", value="post")
    assert collected(settings)[0]["lost"].rationale == "Too slow."
    assert collected(settings, **EXPECTED)[0]["lost"].rationale is None
