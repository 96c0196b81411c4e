"""Traces that are handed in: checked, never lost, written once, and read back like any other."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import mlflow
import pytest

from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.errors import ConfigurationError, TelepromptError, TrackingUnavailableError
from teleprompt.sdk.trace_loader import TraceLoader
from teleprompt.traces.submission import _write as write
from teleprompt.traces.submission.row import SubmittedTrace, read_row
from teleprompt.traces.submission.spool import Spool, SpoolFullError
from teleprompt.traces.submission.submit import accept, drain
from teleprompt.tracking.connection import mlflow_client
from tests import REPOSITORY
from tests.loopback import Exchange, answering, serving
from tests.support import ALICE

CONFIG = ProgramConfig(name="Shelves", slug="shelves")
START = datetime(2026, 11, 9, 12, tzinfo=UTC)


def trace(number: int = 0, **changes: Any) -> dict[str, Any]:
    good = {
        "trace_id": f"call-{number}",
        "started_at": (START + timedelta(seconds=number)).isoformat(),
        "inputs": {"item": f"cup {number}"},
        "outputs": {"shelf": "left"},
        "outcomes": {"outcome_score": 0.5},
        "contributor_id": "alice",
        "contributor_address": ALICE,
    }
    return {**good, **changes}


def lines(*traces: dict[str, Any]) -> list[bytes]:
    return [json.dumps(one).encode() for one in traces]


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


def carry(spool: Spool, settings: Settings) -> int:
    with mlflow_client(settings.tracking_uri) as client:
        return drain(spool, client, lambda _slug: CONFIG)


def stored(settings: Settings) -> list[dict[str, Any]]:
    return TraceLoader(settings).load_traces("Shelves", START - timedelta(days=1), START + timedelta(days=1))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"contributor_address": "0x1"}, "contributor_address"),
        ({"outcomes": {"outcome_score": "good"}}, "outcomes.outcome_score"),
        ({"outcomes": {"outcome_score": float("nan")}}, "outcomes"),
        ({"trace_id": "a\nb"}, "trace_id"),
        ({"started_at": "2026-11-09T12:00:00"}, "started_at"),
        ({"ended_at": "2026-11-08T00:00:00Z"}, "ended_at is before started_at"),
        ({"contributor_id": None}, "contributor_id missing"),
        ({"inputs": None, "outputs": None, "outcomes": {}}, "neither inputs and outputs nor outcomes"),
        ({"surprise": "a secret"}, "surprise"),
    ],
)
def test_a_bad_row_is_refused_with_a_reason_that_quotes_nothing(changes: dict[str, Any], problem: str) -> None:
    said = read_row(json.dumps(trace(**changes)).encode())
    assert isinstance(said, str)
    assert problem in said
    assert "secret" not in said
    assert isinstance(read_row(b"{nonsense"), str)


def test_good_rows_are_kept_and_bad_ones_named_by_their_line(spool: Spool) -> None:
    accepted, rejected = accept(spool, CONFIG, [*lines(trace(0)), b"nonsense", *lines(trace(1))])
    assert (accepted, [row.line for row in rejected], len(spool)) == (2, [2], 2)


def test_what_was_handed_in_is_read_like_any_other_call(spool: Spool, settings: Settings) -> None:
    accept(spool, CONFIG, lines(trace(0, group="g", program_version="1.0.0"), trace(1, failed=True), trace(2)))
    assert carry(spool, settings) == 3
    assert len(spool) == 0
    found = {row["inputs"]["item"]: row for row in stored(settings)}
    assert set(found) == {"cup 0", "cup 2"}  # a failed call teaches nothing
    assert found["cup 0"]["outputs"] == {"shelf": "left"}
    assert (found["cup 0"]["contributor_id"], found["cup 0"]["contributor_address"]) == ("alice", ALICE)


def test_the_same_call_is_written_once_however_often_it_comes(spool: Spool, settings: Settings) -> None:
    for _ in range(3):
        accept(spool, CONFIG, lines(trace(0), trace(0)))
        carry(spool, settings)
    (row,) = stored(settings)
    with mlflow_client(settings.tracking_uri) as client:
        (kept,) = client.search_traces(locations=["1"])
    assert [(said.name, said.value) for said in kept.info.assessments] == [("outcome_score", 0.5)]
    assert row["inputs"] == {"item": "cup 0"}


def test_a_late_outcome_joins_its_call_and_an_orphan_is_set_aside(spool: Spool, settings: Settings) -> None:
    accept(spool, CONFIG, lines(trace(0, outcomes={})))
    carry(spool, settings)
    assert stored(settings) == []
    late = [{"trace_id": name, "outcomes": {"outcome_score": 0.9}} for name in ("call-0", "nobody")]
    accept(spool, CONFIG, lines(*late))
    assert carry(spool, settings) == 1
    assert [row["score"] for row in stored(settings)] == [0.9]
    assert (len(spool), spool.aside()) == (0, 1)


def test_an_outage_leaves_everything_waiting(spool: Spool, settings: Settings) -> None:
    accept(spool, CONFIG, lines(trace(0), trace(1)))
    with pytest.raises(TrackingUnavailableError):
        carry(spool, settings.model_copy(update={"tracking_uri": "http://127.0.0.1:9"}))
    assert (len(spool), spool.aside()) == (2, 0)
    assert carry(spool, settings) == 2


def test_one_row_that_mlflow_refuses_stops_no_other(
    spool: Spool, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = write._span

    def picky(program: str, row: SubmittedTrace) -> Any:
        if row.trace_id == "call-1":
            raise mlflow.MlflowException("too strange")
        return real(program, row)

    monkeypatch.setattr(write, "_span", picky)
    accept(spool, CONFIG, lines(trace(0), trace(1), trace(2)))
    assert carry(spool, settings) == 2
    assert (len(spool), spool.aside()) == (0, 1)


def test_rows_of_a_program_that_is_gone_are_set_aside(spool: Spool, settings: Settings) -> None:
    def gone(_slug: str) -> ProgramConfig:
        raise ConfigurationError("There is no such program.")

    accept(spool, CONFIG, lines(trace(0)))
    with mlflow_client(settings.tracking_uri) as client:
        assert drain(spool, client, gone) == 0
    assert (len(spool), spool.aside()) == (0, 1)


def test_a_full_spool_takes_nothing_more(tmp_path: Path) -> None:
    small = Spool(tmp_path, most=2)
    with pytest.raises(SpoolFullError, match="try again"):
        accept(small, CONFIG, lines(trace(0), trace(1), trace(2)))
    assert len(small) == 0


KILLED = """
import sys
import time
from contextlib import closing
from pathlib import Path
from teleprompt.traces.submission.row import SubmittedTrace
from teleprompt.traces.submission.spool import Spool
spool = Spool(Path(sys.argv[1]))
for i in range(10**6):
    spool.add("shelves", [SubmittedTrace(trace_id=f"t{i}", outcomes={"x": 1})])
    print(i, flush=True)
"""


def test_what_was_accepted_survives_a_kill(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    )
    assert process.stdout is not None
    for _ in range(30):
        last = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    last = max([last, *(int(line) for line in process.stdout)])
    process.stdout.close()
    process.wait()
    found = Spool(tmp_path).oldest(10**6)
    assert found is not None
    assert {json.loads(row.body)["trace_id"] for row in found[1]} >= {f"t{i}" for i in range(last + 1)}


def test_two_drains_at_once_take_turns(spool: Spool, settings: Settings) -> None:
    accept(spool, CONFIG, lines(trace(0)))
    with spool.only_one() as alone:
        assert alone
        assert carry(spool, settings) == 0
    assert carry(spool, settings) == 1


def test_a_program_that_reads_runs_only_takes_none(spool: Spool) -> None:
    config = ProgramConfig.model_validate({"name": "P", "slug": "p", "traces": {"source": "runs"}})
    with pytest.raises(ConfigurationError, match=r"traces.source: auto"):
        accept(spool, config, lines(trace(0)))


def test_what_waits_is_bounded_in_bytes_and_none_of_what_is_too_much_is_kept(tmp_path: Path) -> None:
    small = Spool(tmp_path, most_bytes=300_000)
    large = [trace(i, inputs={"item": "x" * 50_000}) for i in range(20)]
    with pytest.raises(SpoolFullError, match="set-aside list"):
        accept(small, CONFIG, lines(*large))
    assert len(small) == 0
    for one in large[:4]:
        accept(small, CONFIG, lines(one))
    with pytest.raises(SpoolFullError):
        accept(small, CONFIG, lines(*large[4:8]))
    assert len(small) == 4


def test_a_spool_that_was_emptied_takes_rows_again(tmp_path: Path, settings: Settings) -> None:
    small = Spool(tmp_path / "small", most_bytes=300_000)
    for round_ in range(3):
        accept(small, CONFIG, lines(*(trace(10 * round_ + i, inputs={"item": "x" * 50_000}) for i in range(4))))
        assert carry(small, settings) == 4


def test_rows_are_written_together_up_to_so_many_bytes_but_one_at_least(spool: Spool) -> None:
    accept(spool, CONFIG, lines(*(trace(i, inputs={"item": "x" * 1000}) for i in range(10))))

    def together(most_bytes: int) -> int:
        found = spool.oldest(500, most_bytes=most_bytes)
        assert found is not None
        return len(found[1])

    assert [together(size) for size in (1, 4000, 10**6)] == [1, 3, 10]


def test_a_spool_of_an_earlier_version_is_carried_on(tmp_path: Path, settings: Settings) -> None:
    old = """
        CREATE TABLE waiting (id INTEGER PRIMARY KEY AUTOINCREMENT, program TEXT NOT NULL, body TEXT NOT NULL);
        CREATE TABLE aside (id INTEGER PRIMARY KEY, program TEXT NOT NULL, body TEXT NOT NULL, problem TEXT NOT NULL);
    """
    (tmp_path / "old").mkdir()
    with closing(sqlite3.connect(tmp_path / "old" / "traces.db")) as connection, connection:
        connection.executescript(old)
        bodies = [json.dumps(trace(0)), json.dumps({"trace_id": "call-0", "outcomes": {"outcome_score": 0.9}})]
        # What an earlier version accepted and this one does not read stops nobody either.
        bodies.append(json.dumps(trace(1, outcomes={"outcome_score": 1e300})))
        connection.executemany("INSERT INTO waiting (program, body) VALUES ('shelves', ?)", [(b,) for b in bodies])
        connection.execute("INSERT INTO aside VALUES (99, 'shelves', ?, 'too strange')", (json.dumps(trace(2)),))
    spool = Spool(tmp_path / "old")
    assert carry(spool, settings) == 2
    assert [row["score"] for row in stored(settings)] == [0.9]
    assert [(row.trace_id, row.problem) for row in spool.list_aside()] == [
        ("call-1", "outcomes.outcome_score: is beyond 2^53"),
        ("call-2", "too strange"),
    ]
    assert all(abs(row.since - time.time()) < 60 for row in spool.list_aside())


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"started_at": "9999-12-31T00:00:00Z"}, "started_at: is in the future"),
        ({"started_at": "9999-12-31T23:59:59-14:00"}, "started_at: is in the future"),
        ({"started_at": "0001-01-01T00:00:00+14:00"}, "started_at: is before 1970-01-02"),
        ({"started_at": "1969-12-31T23:59:59Z"}, "started_at: is before 1970-01-02"),
        ({"ended_at": "2262-04-12T00:00:00Z"}, "ended_at: is in the future"),
        ({"outcome_at": "9999-12-31T00:00:00Z"}, "outcome_at: is in the future"),
        ({"outcome_at": "1600-01-01T00:00:00Z"}, "outcome_at: is before 1970-01-02"),
        ({"outcomes": {"outcome_score": 10**400}}, "outcomes.outcome_score"),
        ({"outcomes": {"outcome_score": 2**64}}, "outcomes.outcome_score: is beyond 2^53"),
        ({"outcomes": {"outcome_score": -1e300}}, "outcomes.outcome_score: is beyond 2^53"),
        ({"outcomes": {"outcome_score": float("-inf")}}, "outcomes.outcome_score"),
        ({"outcomes": {"x" * 201: 1}}, "200 characters"),
        ({"trace_id": "x" * 201}, "200 characters"),
        ({"outputs": {"shelf": {"deep": [float("nan")]}}}, "NaN"),
        ({"inputs": {"item": "\ud800"}}, "surrogate"),
        ({"inputs": {"item": {"\udfff": 1}}}, "surrogate"),
        ({"inputs": {"\ud800": "cup"}}, "inputs"),
        ({"group": "\ud800"}, "group"),
        ({"inputs": {"item": json.loads("[" * 230 + "]" * 230)}}, "recursion"),
        ({"inputs": {"item": json.loads("[" * 500 + "]" * 500)}}, "inputs.item"),
    ],
)
def test_what_mlflow_or_a_run_could_not_hold_is_refused_not_set_aside(
    spool: Spool, changes: dict[str, Any], problem: str
) -> None:
    """Whether it comes as a line or, from a JSON body, as a dictionary, which holds more."""
    for row in (trace(**changes), json.dumps(trace(**changes)).encode()):
        accepted, (rejected,) = accept(spool, CONFIG, [row])
        assert (accepted, len(spool)) == (0, 0)
        if isinstance(row, dict):
            assert problem in rejected.reason


@pytest.mark.parametrize("at", ["1970-01-02T00:00:00Z", "1999-12-31T23:59:59.999999Z"])
def test_old_calls_are_taken_with_their_exact_time(spool: Spool, settings: Settings, at: str) -> None:
    accept(spool, CONFIG, lines(trace(started_at=at)))
    assert carry(spool, settings) == 1
    moment = datetime.fromisoformat(at)
    (row,) = TraceLoader(settings).load_traces("Shelves", moment - timedelta(days=1), moment + timedelta(days=1))
    assert row["started_at"] == moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def test_a_clock_that_is_a_little_ahead_is_forgiven(spool: Spool) -> None:
    soon = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    assert accept(spool, CONFIG, lines(trace(started_at=soon)))[0] == 1


def test_a_line_of_an_endless_size_is_refused(spool: Spool) -> None:
    _, (rejected,) = accept(spool, CONFIG, lines(trace(inputs={"item": "x" * 17 * 2**20})))
    assert "bytes" in rejected.reason


@pytest.mark.parametrize(("status", "code"), [(401, "UNAUTHENTICATED"), (403, "PERMISSION_DENIED")])
def test_an_mlflow_that_takes_nothing_from_us_is_no_reason_to_set_all_aside(
    spool: Spool, settings: Settings, status: int, code: str
) -> None:
    """As when a token has expired: once it is renewed, all goes on by itself."""

    class Refusing(Exchange):
        def respond(self) -> None:
            self.answer(status, json.dumps({"error_code": code, "message": "no"}).encode())

    accept(spool, CONFIG, lines(trace(0), trace(1)))
    with serving(answering(Refusing)) as uri, pytest.raises(TelepromptError, match="submitted traces wait"):
        carry(spool, settings.model_copy(update={"tracking_uri": uri}))
    assert (len(spool), spool.aside()) == (2, 0)
    assert carry(spool, settings) == 2


def test_a_full_disk_is_no_reason_to_set_all_aside(
    spool: Spool, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Any:
        raise mlflow.MlflowException("(sqlite3.OperationalError) database or disk is full")

    accept(spool, CONFIG, lines(trace(0)))
    real = write._span
    monkeypatch.setattr(write, "_span", full)
    with pytest.raises(TelepromptError, match="submitted traces wait"):
        carry(spool, settings)
    monkeypatch.setattr(write, "_span", real)
    assert (carry(spool, settings), spool.aside()) == (1, 0)
