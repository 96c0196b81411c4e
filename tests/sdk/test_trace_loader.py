import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from teleprompt import TraceLoader
from teleprompt.config.settings import Settings
from teleprompt.tracking.connection import mlflow_client
from tests.support import ALICE, MONDAY, WEEK, log_run


def test_it_loads_what_reached_the_score_oldest_first(settings: Settings) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        prod = client.create_experiment("prod")
        for i in range(6):
            log_run(client, prod, at=MONDAY + timedelta(hours=5 - i), metrics={"engagement_score": i / 5})
        log_run(client, prod, metrics={"other": 1.0})
    traces = TraceLoader(settings).load_traces(
        program_name="P",
        start_date=WEEK.start,
        end_date=WEEK.end,
        min_score=0.6,
        outcome_metric="engagement_score",
        limit=10,
    )
    assert [trace["score"] for trace in traces] == [1.0, 0.8, 0.6]
    assert traces[0]["inputs"] == {"question": "why"}
    assert traces[0]["contributor_id"] == "alice"


def test_what_no_run_would_use_is_marked(settings: Settings) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        prod = client.create_experiment("prod")
        addresses = [ALICE, "0xinvalid", None]
        inputs = [{"question": "why"}, {"question": "why"}, {"question": ""}]
        for i, (address, asked) in enumerate(zip(addresses, inputs, strict=True)):
            log_run(client, prod, at=MONDAY + timedelta(hours=i), address=address, inputs=asked)
    traces = TraceLoader(settings).load_traces("P", WEEK.start, WEEK.end)
    assert [trace["problem"] for trace in traces] == [None, "invalid_address", "missing_input"]


def test_what_a_limit_leaves_out_is_said_and_the_rest_is_spread_over_time(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        prod = client.create_experiment("prod")
        for i in range(10):
            log_run(client, prod, at=MONDAY + timedelta(hours=i))
    loader = TraceLoader(settings)
    table = loader.load_table("P", WEEK.start, WEEK.end, limit=5)
    assert [moment.hour for moment in table["started_at"].to_pylist()] == [0, 2, 4, 6, 8]
    assert loader.truncated is not None
    assert (loader.truncated.found, loader.truncated.returned) == (10, 5)
    assert "10 traces of P: 5 returned, evenly spaced in time" in caplog.text
    loader.load_table("P", WEEK.start, WEEK.end)
    assert loader.truncated is None


@pytest.fixture(params=["UTC", "America/Los_Angeles", "Asia/Tokyo"])
def _zone(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_zone")
def test_times_without_a_zone_are_local_ones(settings: Settings) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        prod = client.create_experiment("prod")
        ids = [log_run(client, prod, at=WEEK.start + timedelta(hours=hour)) for hour in (0, 12, 167)]
        log_run(client, prod, at=WEEK.start - timedelta(hours=1))
        log_run(client, prod, at=WEEK.end)
    start, end = (moment.astimezone().replace(tzinfo=None) for moment in (WEEK.start, WEEK.end))
    assert [trace["trace_id"] for trace in TraceLoader(settings).load_traces("P", start, end)] == ids


def test_batches_stream(settings: Settings) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        prod = client.create_experiment("prod")
        ids = [log_run(client, prod, at=MONDAY + timedelta(hours=i)) for i in range(5)]
    batches = list(TraceLoader(settings).iter_batches("P", WEEK.start, WEEK.end, batch_size=2))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert [name for batch in batches for name in batch["trace_id"].to_pylist()] == ids
    assert TraceLoader(settings).load_table("nobody", WEEK.start, WEEK.end).num_rows == 0
