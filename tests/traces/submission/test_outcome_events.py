"""What is said of a call's outcome: events with a time and an id, the latest wins, and a line takes them back."""

import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import mlflow
import pytest

from bench.mlflow_server import MlflowServer
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.config.traces import TracesConfig
from teleprompt.sdk.trace_loader import TraceLoader
from teleprompt.traces.sources.choose import open_store
from teleprompt.traces.submission.spool import Spool
from teleprompt.traces.submission.submit import accept, drain
from teleprompt.tracking.connection import mlflow_client
from teleprompt.window import Window
from tests import REPOSITORY

CONFIG = ProgramConfig(name="Shelves", slug="shelves")
START = datetime(2026, 11, 9, 12, tzinfo=UTC)
DAY = Window(start=START - timedelta(days=1), end=START + timedelta(days=1))
HOUR = timedelta(hours=1)
CALL = {
    "trace_id": "c1",
    "started_at": START.isoformat(),
    "inputs": {"item": "cup"},
    "outputs": {"shelf": "left"},
    "contributor_id": "alice",
}


def said(
    value: float | None, *, at: datetime | None = None, event_id: str | None = None, **more: Any
) -> dict[str, Any]:
    """A line that says something of the call's outcome."""
    line: dict[str, Any] = {"trace_id": "c1", "outcomes": {"outcome_score": value}, **more}
    return line | ({"outcome_at": at.isoformat()} if at else {}) | ({"event_id": event_id} if event_id else {})


class Shop:
    """A spool and an MLflow that it is carried to."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.spool = Spool(folder)

    def hand_in(self, *lines: dict[str, Any]) -> None:
        """One submission; it waits."""
        _, rejected = accept(self.spool, CONFIG, [json.dumps(line).encode() for line in lines])
        assert rejected == []

    def carry(self) -> int:
        """Write what waits."""
        with mlflow_client(self.settings.tracking_uri) as client:
            return drain(self.spool, client, lambda _slug: CONFIG)

    def submit(self, *lines: dict[str, Any]) -> None:
        """One submission, carried at once."""
        self.hand_in(*lines)
        self.carry()

    @property
    def events(self) -> list[float | None]:
        """All that MLflow holds, by time."""
        with mlflow_client(self.settings.tracking_uri) as client:
            (trace,) = client.search_traces(locations=["1"])
        return [one.value for one in sorted(trace.info.assessments, key=lambda one: one.create_time_ms)]

    def outcome(self, metric: str = "outcome_score", **rule: str) -> float | None:
        """What a run would use; None if the call has no outcome."""
        rows = TraceLoader(self.settings).load_traces("Shelves", DAY.start, DAY.end, outcome_metric=metric, **rule)
        return rows[0]["outcomes"][metric] if rows else None


@pytest.fixture
def shop(settings: Settings, tmp_path: Path) -> Shop:
    return Shop(settings, tmp_path / "spool")


def test_an_outcome_that_goes_1_0_1_is_1_line_by_line(shop: Shop) -> None:
    shop.submit({**CALL, "outcomes": {"outcome_score": 1}})
    shop.submit(said(0))
    assert shop.outcome() == 0
    shop.submit(said(1))
    assert (shop.outcome(), shop.events) == (1, [1, 0, 1])


@pytest.mark.parametrize("values", [[1, 0, 1], [0, 1, 0], [1, 0, 1, 0], [0, 1, 1, 0, 0, 1]])
@pytest.mark.parametrize("way", ["one file", "waiting", "carried one by one"])
def test_the_last_word_stands_however_it_comes(shop: Shop, values: list[float], way: str) -> None:
    shop.hand_in(CALL)
    if way == "one file":
        shop.submit(*(said(value) for value in values))
    else:
        for value in values:
            shop.hand_in(said(value))
            if way == "carried one by one":
                shop.carry()
        shop.carry()
    assert shop.outcome() == values[-1]


def test_calls_that_are_handed_in_again_whole_change_their_outcome_too(shop: Shop) -> None:
    for value in (1, 0, 1):
        shop.submit({**CALL, "outcomes": {"outcome_score": value}})
    assert (shop.outcome(), shop.events) == (1, [1, 0, 1])


def test_a_submission_sent_again_adds_nothing(shop: Shop) -> None:
    submission = [CALL, said(1), said(0), said(1)]
    for _ in range(3):
        shop.submit(*submission)
    assert shop.events == [1, 0, 1]
    shop.hand_in(said(1))
    shop.hand_in(said(1))
    shop.carry()
    assert shop.events == [1, 0, 1]


def test_the_same_id_is_the_same_event_whatever_came_between(shop: Shop) -> None:
    shop.submit(CALL, said(1, event_id="e1"), said(0, event_id="e2"))
    shop.submit(said(1, event_id="e1"))
    assert (shop.outcome(), shop.events) == (0, [1, 0])
    shop.submit(said(1, event_id="e3"))
    assert (shop.outcome(), shop.events) == (1, [1, 0, 1])


def test_the_same_time_and_value_are_the_same_event(shop: Shop) -> None:
    first, second = said(1, at=START), said(0, at=START + HOUR)
    shop.submit(CALL, first, second)
    shop.submit(first)
    assert (shop.outcome(), shop.events) == (0, [1, 0])


def test_an_id_that_says_two_things_is_set_aside_not_chosen_from(shop: Shop) -> None:
    shop.submit(CALL, said(1, event_id="e1"))
    shop.submit(said(0, event_id="e1"))
    (row,) = shop.spool.list_aside()
    assert "e1" not in row.problem
    assert "event_id" in row.problem
    assert shop.outcome() == 1


def test_an_id_belongs_to_an_outcome_of_a_call(shop: Shop) -> None:
    both = {"trace_id": "c1", "event_id": "e1", "outcomes": {"outcome_score": 1, "stars": 5}}
    shop.submit(CALL, {**CALL, "trace_id": "c2"}, both, {**both, "trace_id": "c2"})
    assert (shop.outcome(), shop.outcome("stars"), shop.spool.aside()) == (1, 5, 0)


@pytest.mark.parametrize("way", ["one file", "carried one by one"])
def test_the_later_event_wins_not_the_later_arrival(shop: Shop, way: str) -> None:
    late = [said(1, at=START + 3 * HOUR), said(0, at=START + HOUR), said(0, at=START + 2 * HOUR)]
    shop.submit(CALL)
    if way == "one file":
        shop.submit(*late)
    else:
        for line in late:
            shop.submit(line)
    assert (shop.outcome(), shop.events) == (1, [0, 0, 1])


def test_of_two_events_at_one_time_the_one_that_was_accepted_last_wins(shop: Shop) -> None:
    shop.submit(CALL, said(1, at=START))
    shop.submit(said(0, at=START))
    assert shop.outcome() == 0


def test_times_are_told_apart_below_the_millisecond(shop: Shop) -> None:
    shop.submit(CALL, said(1, at=START + timedelta(microseconds=900)), said(0, at=START + timedelta(microseconds=100)))
    assert shop.outcome() == 1


def test_a_line_takes_an_outcome_back(shop: Shop) -> None:
    shop.submit({**CALL, "outcomes": {"outcome_score": 1, "stars": 5}})
    shop.submit(said(None))
    assert (shop.outcome(), shop.outcome("stars")) == (None, 5)
    shop.submit(said(None))
    assert shop.events.count(None) == 1
    shop.submit(said(1))
    assert shop.outcome() == 1


def test_a_retraction_takes_back_what_was_said_before_it_also_if_that_comes_later(shop: Shop) -> None:
    shop.submit(CALL, said(None, at=START + 2 * HOUR))
    shop.submit(said(1, at=START + HOUR))
    assert shop.outcome() is None
    shop.submit(said(0, at=START + 3 * HOUR))
    assert shop.outcome() == 0


def test_a_retraction_is_a_line_of_its_own(shop: Shop) -> None:
    """A call whose outcome is not known yet is often exported with null; that takes nothing back."""
    _, (rejected,) = accept(shop.spool, CONFIG, [{**CALL, "outcomes": {"outcome_score": None}}])
    assert "a line of its own" in rejected.reason


@pytest.mark.parametrize("changes", [{"outcome_at": START.isoformat()}, {"event_id": "e1"}])
def test_a_time_or_an_id_without_an_outcome_is_refused(shop: Shop, changes: dict[str, Any]) -> None:
    assert accept(shop.spool, CONFIG, [CALL | changes])[0] == 0


def test_all_that_was_said_counts_where_the_program_asks_for_the_mean(shop: Shop) -> None:
    shop.submit(CALL, said(1), said(0), said(1), said(0))
    rows = _raw(shop, "sql")
    assert [outcome["value"] for outcome in rows[0]["outcomes"]] == [1, 0, 1, 0]


def test_the_order_does_not_depend_on_the_clock_going_forward(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.submit(CALL)
    shop.submit(said(1))
    yesterday = time.time_ns() - 86400 * 10**9
    monkeypatch.setattr("teleprompt.traces.submission.spool.time_ns", lambda: yesterday)
    shop.submit(said(0))
    assert shop.outcome() == 0


def test_a_late_outcome_that_stands_before_its_call_in_a_file_is_not_an_orphan(shop: Shop) -> None:
    others = [{**CALL, "trace_id": f"other-{i}"} for i in range(600)]
    shop.submit(said(0), *others, {**CALL, "outcomes": {"outcome_score": 1}})
    assert (shop.spool.aside(), shop.outcome()) == (0, 1)


@pytest.mark.usefixtures("fluent")
def test_what_somebody_logged_in_mlflow_is_answered_by_a_later_line(shop: Shop) -> None:
    """Not taken for a repetition of our own earlier word."""
    shop.submit(CALL, said(1))
    with mlflow_client(shop.settings.tracking_uri) as client:
        (trace,) = client.search_traces(locations=["1"])
    mlflow.log_feedback(trace_id=trace.info.trace_id, name="outcome_score", value=0.0)
    assert shop.outcome() == 0
    shop.submit(said(1))
    assert shop.outcome() == 1


KILLED = """
import os, sys
from pathlib import Path
from teleprompt.config.program import ProgramConfig
from teleprompt.traces.submission.spool import Spool
from teleprompt.traces.submission.submit import drain
from teleprompt.tracking.connection import mlflow_client
uri, spool, survive = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
with mlflow_client(uri) as client:
    store = client._tracing_client.store
    real, calls = store.create_assessment, []
    def create(assessment):
        if len(calls) == survive:
            os.kill(os.getpid(), 9)
        calls.append(1)
        return real(assessment)
    store.create_assessment = create
    drain(Spool(spool), client, lambda _slug: ProgramConfig(name="Shelves", slug="shelves"))
"""


@pytest.mark.parametrize("survive", [0, 2])
def test_a_crash_in_the_middle_of_writing_doubles_and_loses_nothing(shop: Shop, tmp_path: Path, survive: int) -> None:
    shop.hand_in({**CALL, "outcomes": {"outcome_score": 1}})
    for value in (0, 1, 0):
        shop.hand_in(said(value))
    uri = shop.settings.tracking_uri.get_secret_value()
    process = subprocess.run(
        [sys.executable, "-c", KILLED, uri, str(tmp_path / "spool"), str(survive)],
        cwd=REPOSITORY, check=False,
    )  # fmt: skip
    assert process.returncode == -signal.SIGKILL
    shop.carry()
    assert (shop.outcome(), shop.events) == (0, [1, 0, 1, 0])


def test_two_servers_that_were_given_the_same_event_write_it_once(shop: Shop, tmp_path: Path) -> None:
    """As when a load balancer sends a request again to another server."""
    shop.submit(CALL)
    other = Shop(shop.settings, tmp_path / "other")
    for server in (shop, other):
        server.submit(said(1, event_id="e1"))
        server.submit(said(0, at=START + HOUR))
    assert len(shop.events) == 2


def _raw(shop: Shop, access: str) -> list[dict[str, Any]]:
    with mlflow_client(shop.settings.tracking_uri) as client, open_store(client) as store:
        opened = store.sources(TracesConfig(access=access, source="traces"), outcomes=[], page_size=100)
        return [row for source in opened for table in source.read("Shelves", DAY) for row in table.to_pylist()]


def hand_in_every_kind(shop: Shop) -> None:
    """One call for each way to say something of an outcome, the rest of each line equal."""
    histories: dict[str, list[dict[str, Any]]] = {
        "back": [said(1), said(0), said(1)],
        "retracted": [said(1), said(None)],
        "retracted, then new": [said(1), said(None), said(0)],
        "out of order": [said(1, at=START + HOUR), said(0, at=START)],
        "retracted out of order": [said(None, at=START + HOUR), said(0, at=START)],
        "by id": [said(1, event_id="e1"), said(0, event_id="e2"), said(1, event_id="e1")],
        "nothing": [],
    }
    for trace_id, lines in histories.items():
        shop.submit(*({**line, "trace_id": trace_id} for line in (CALL, *lines)))


EXPECTED = {
    "back": [1, 0, 1],
    "retracted": [],
    "retracted, then new": [0],
    "out of order": [0, 1],
    "retracted out of order": [],
    "by id": [1, 0],
    "nothing": [],
}


def read_back(shop: Shop, access: str) -> dict[str, list[float]]:
    with mlflow_client(shop.settings.tracking_uri) as client:
        names = {
            trace.info.trace_id: trace.info.tags["submitted_as"] for trace in client.search_traces(locations=["1"])
        }
    return {names[row["trace_id"]]: [said["value"] for said in row["outcomes"]] for row in _raw(shop, access)}


def test_sql_and_client_read_the_same_outcomes(shop: Shop) -> None:
    hand_in_every_kind(shop)
    assert read_back(shop, "sql") == EXPECTED
    assert read_back(shop, "api") == EXPECTED


@pytest.mark.slow
def test_a_server_is_written_and_read_the_same(shop: Shop, tmp_path: Path) -> None:
    backend = shop.settings.tracking_uri.get_secret_value()
    with MlflowServer(backend, tmp_path, workers=1) as server:
        remote = Shop(shop.settings.model_copy(update={"tracking_uri": server.uri}), tmp_path / "remote")
        for _ in range(2):
            hand_in_every_kind(remote)
        assert read_back(remote, "api") == EXPECTED
    assert read_back(shop, "sql") == EXPECTED
