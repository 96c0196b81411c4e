"""Both sources against a real MLflow store."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.config.traces import TraceAccess, TracesConfig
from teleprompt.errors import ConfigurationError, TelepromptError, TrackingUnavailableError
from teleprompt.traces.collect import open_reading
from teleprompt.traces.sources.choose import open_store
from teleprompt.traces.volume import Question, has_enough, volume
from teleprompt.tracking.connection import mlflow_client, quoted
from teleprompt.tracking.pipeline_run import internal_experiment
from teleprompt.window import Window
from tests.support import ALICE, WEEK, log_run
from tests.traces.sources.odd_store import log_trace


def config(source: str = "auto", *, name: str = "P", batch_size: int = 1000, **traces) -> ProgramConfig:
    return ProgramConfig.model_validate(
        {
            "name": name,
            "slug": "p",
            "traces": {"source": source, **traces},
            "optimization": {"batch_size": batch_size},
        }
    )


def read_traces(client: object, *, config: ProgramConfig, window: Window) -> list[SimpleNamespace]:
    """Raw traces, with maps as dictionaries and outcomes by name."""
    with open_reading(client, config=config, window=window) as reading:
        rows = [row for table in reading.batches() for row in table.to_pylist()]
    return [
        SimpleNamespace(
            **{
                **row,
                **{name: dict(row[name]) for name in ("inputs", "outputs", "forms")},
                "outcomes": {outcome["name"]: outcome["value"] for outcome in row["outcomes"]},
            }
        )
        for row in rows
    ]


def test_a_run_gives_inputs_outputs_outcomes_and_contributor(settings: Settings) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        run_id = log_run(client, client.create_experiment("prod"), metrics={"outcome_score": 0.5, "clicks": 3.0})
        (raw,) = read_traces(client, config=config("runs"), window=WEEK)
    assert (raw.trace_id, raw.started_at_ms, raw.source) == (run_id, WEEK.start_ms, "runs")
    assert (raw.inputs, raw.outputs) == ({"question": "why"}, {"answer": "because"})
    assert raw.outcomes == {"outcome_score": 0.5, "clicks": 3.0}
    assert (raw.contributor_id, raw.contributor_address) == ("alice", ALICE)


@pytest.mark.usefixtures("fluent")
def test_a_trace_gives_the_same_and_the_latest_feedback(settings: Settings) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        trace_id = log_trace(client.create_experiment("prod"), feedback=(0.1, True))
        (raw,) = read_traces(client, config=config("traces"), window=WEEK)
    assert (raw.trace_id, raw.started_at_ms, raw.source) == (trace_id, WEEK.start_ms, "traces")
    assert (raw.inputs, raw.outputs) == ({"question": "why"}, {"answer": "because"})
    assert raw.outcomes == {"outcome_score": 1.0}
    assert (raw.contributor_id, raw.group, raw.program_version) == ("alice", "g1", "3")


@pytest.mark.usefixtures("fluent")
def test_inputs_longer_than_a_preview_are_read_whole(settings: Settings) -> None:
    long = "x" * 20_000
    with mlflow_client(settings.tracking_uri) as client:
        log_trace(client.create_experiment("prod"), feedback=(1.0,), inputs={"question": long, "nested": {"a": [1]}})
        (raw,) = read_traces(client, config=config("traces"), window=WEEK)
    assert raw.inputs == {"question": long, "nested": '{"a":[1]}'}


@pytest.mark.usefixtures("fluent")
def test_failures_and_words_as_feedback_are_told(settings: Settings) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        log_trace(client.create_experiment("prod"), feedback=("good",), status="ERROR")
        (raw,) = read_traces(client, config=config("traces"), window=WEEK)
    assert raw.failed
    assert raw.outcomes == {"outcome_score": None}


def test_the_window_is_half_open_to_the_millisecond(settings: Settings) -> None:
    millisecond = timedelta(milliseconds=1)
    with mlflow_client(settings.tracking_uri) as client:
        prod = client.create_experiment("prod")
        for at in (WEEK.start - millisecond, WEEK.start, WEEK.end - millisecond, WEEK.end):
            log_run(client, prod, at=at)
        seen = [raw.started_at_ms for raw in read_traces(client, config=config("runs"), window=WEEK)]
    assert seen == [WEEK.start_ms, WEEK.end_ms - 1]


def test_all_pages_are_read_in_order_also_within_one_millisecond(settings: Settings) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        prod = client.create_experiment("prod")
        logged = {log_run(client, prod) for _ in range(7)}
        read = [raw.trace_id for raw in read_traces(client, config=config("runs", batch_size=2), window=WEEK)]
    assert len(read) == 7
    assert set(read) == logged


@pytest.mark.parametrize("name", ["O'Brien's", 'say "hi"', "100%", "a_b", "x' OR '1'='1", "Привет"])
def test_odd_program_names_are_quoted(settings: Settings, name: str) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        prod = client.create_experiment("prod")
        log_run(client, prod, program=name)
        log_run(client, prod, program="other")
        for access in TraceAccess:
            named = config(access=access).model_copy(update={"name": name})  # a loader may ask for any name
            assert [raw.inputs["question"] for raw in read_traces(client, config=named, window=WEEK)] == ["why"]
            assert volume(client, config=named, window=WEEK).calls == 1


def test_a_name_that_mlflow_cannot_search_for_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="both kinds of quotes"):
        quoted("""it's a "name" """)


def test_counting_fetches_nothing_and_tells_calls_from_outcomes(settings: Settings) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        prod = client.create_experiment("prod")
        for _ in range(5):
            log_run(client, prod)
        later = Window(start=WEEK.end, end=WEEK.end + timedelta(days=1))
        late = log_run(client, prod, metrics={})
        client.log_metric(late, "outcome_score", 1.0, timestamp=later.start_ms)
        for access in TraceAccess:
            asked = [Question(config(access=access), WEEK, 6), Question(config(access=access), WEEK, 7)]
            assert has_enough(client, asked) == [True, False]
            by_api = access is TraceAccess.API
            assert volume(client, config=config("runs", access=access), window=WEEK, enough=4).calls == (
                4 if by_api else 6
            )
            for window, calls, outcomes in ((WEEK, 6, 5), (later, 0, 1)):
                found = volume(client, config=config(access=access), window=window)
                assert (found.calls, found.new_outcomes) == (calls, None if by_api else outcomes)


def test_our_own_experiments_are_no_production_traffic(settings: Settings) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        log_run(client, internal_experiment(client, "teleprompt/P"))
        assert list(read_traces(client, config=config(), window=WEEK)) == []


def test_an_experiment_that_does_not_exist_is_named(settings: Settings) -> None:
    with (
        mlflow_client(settings.tracking_uri) as client,
        pytest.raises(ConfigurationError, match="no experiment 'nope'"),
    ):
        list(read_traces(client, config=config(experiments=["nope"]), window=WEEK))


def test_an_unreachable_mlflow_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    uri = "http://127.0.0.1:9"
    with (
        pytest.raises(TrackingUnavailableError, match=f"MLflow at {uri} does not answer"),
        mlflow_client(uri) as client,
    ):
        list(read_traces(client, config=config(), window=WEEK))


@pytest.mark.usefixtures("fluent")
@pytest.mark.parametrize("unknown", ["IS NOT NULL", "metadata.", "tags."])
def test_a_filter_that_an_older_mlflow_refuses_damages_no_call(settings: Settings, unknown: str) -> None:
    from mlflow.exceptions import MlflowException

    with mlflow_client(settings.tracking_uri) as client, open_store(client) as store:
        logged = log_trace(client.create_experiment("prod"), feedback=(1.0,))
        (source,) = store.sources(TracesConfig(access="api", source="traces"), outcomes=[], page_size=100)
        search, asked = source._search, []

        def older(wanted: str, token: str | None) -> Any:
            asked.append(wanted)
            if unknown in wanted:
                raise MlflowException.invalid_parameter_value("Invalid clause in the filter")
            return search(wanted, token)

        source._search = older
        if unknown == "tags.":
            with pytest.raises(TelepromptError, match="use a newer MLflow"):
                list(source.read("P", WEEK))
        else:
            assert [name for table in source.read("P", WEEK) for name in table["trace_id"].to_pylist()] == [logged]
        assert len(asked) < 12
