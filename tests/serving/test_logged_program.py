"""A loaded program writes each of its calls down, however it is called; MLflow never stands in its way."""

import asyncio
import copy
import os
import pickle
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import dspy
import mlflow
import pytest

from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import LMConfig, Settings
from teleprompt.encoding.secret_uri import SecretUri
from teleprompt.errors import ConfigurationError
from teleprompt.lm.build import build_lm
from teleprompt.serving import call_log
from teleprompt.serving.call_log import CallLog, LoggedCall, flush_calls, log_outcome
from teleprompt.serving.choose import forget_versions
from teleprompt.serving.load import load_program
from teleprompt.serving.logged_program import LoggedAs, logged, trace_id_of
from teleprompt.traces.sources.choose import open_store
from teleprompt.traces.sources.of_program import program_sources
from teleprompt.tracking.connection import fluent_tracking, mlflow_client
from teleprompt.window import Window
from tests.conftest import PromotedStore

EVER = Window.model_validate({"start": "2026-01-01T00:00:00Z", "end": "2100-01-01T00:00:00Z"})


@pytest.fixture
def served(promoted_store: PromotedStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """An environment with two versions of `Shelves`, as a service finds it."""
    monkeypatch.setenv("TELEPROMPT_TRACKING_URI", promoted_store.settings.tracking_uri.get_secret_value())
    monkeypatch.setattr(call_log, "_logs", {})
    forget_versions()
    with dspy.context(lm=build_lm(LMConfig())):
        yield promoted_store.settings
    forget_versions()


def logged_calls(settings: Settings) -> list[dict[str, Any]]:
    """The calls that a run would read, by what it reads them with; not those that the store began with."""
    assert flush_calls(30)
    config = ProgramConfig(name="Shelves", slug="shelves")
    with mlflow_client(settings.tracking_uri) as client, open_store(client) as store:
        tables = [table for source in program_sources(store, config) for table in source.read("Shelves", EVER)]
    rows = [row for table in tables for row in table.to_pylist()]
    return [row for row in rows if row["source"] == "traces"]


def keyword(program: Any) -> Any:
    return program(thing="metal thing")


def inside_a_handler(program: Any) -> Any:
    with mlflow.start_span("POST /sort") as span:
        answer = program(thing="metal thing")
        span.set_outputs({"status": 200})
    return answer


def under_a_decorator(program: Any) -> Any:
    return mlflow.trace(lambda: program(thing="metal thing"))()


def in_a_thread(program: Any) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(keyword, _here(program)).result()


def _here(program: Any) -> Any:
    class Bound:
        def __call__(self, **given: Any) -> Any:
            with dspy.context(lm=build_lm(LMConfig())):
                return program(**given)

    return Bound()


def in_parallel(program: Any) -> Any:
    run = dspy.Parallel(num_threads=2, disable_progress_bar=True)
    return run([(program, dspy.Example(thing="metal thing").with_inputs("thing"))])[0]


def in_a_batch(program: Any) -> Any:
    example = dspy.Example(thing="metal thing").with_inputs("thing")
    return program.batch([example], num_threads=1, disable_progress_bar=True)[0]


def in_a_coroutine(program: Any) -> Any:
    return asyncio.run(program.acall(thing="metal thing"))


def under_autolog(program: Any) -> Any:
    mlflow.dspy.autolog()
    try:
        with mlflow.tracing.context(tags={"dspy_program_name": "Shelves", "contributor_id": "twice"}):
            return program(thing="metal thing")
    finally:
        mlflow.dspy.autolog(disable=True)


WAYS = (
    keyword, inside_a_handler, under_a_decorator, in_a_thread, in_parallel, in_a_batch, in_a_coroutine, under_autolog,
)  # fmt: skip


@pytest.mark.parametrize("call", WAYS, ids=lambda way: way.__name__)
def test_however_it_is_called_there_is_one_usable_trace(served: Settings, call: Callable[[Any], Any]) -> None:
    program = load_program("Shelves", contributor_id="alice", group="customer-7")
    with fluent_tracking(served.tracking_uri.get_secret_value()):
        answer = call(program)
        mlflow.flush_trace_async_logging()
    log_outcome(trace_id_of(answer), outcome_score=0.8)
    (row,) = logged_calls(served)
    assert row["inputs"] == [("thing", "metal thing")]
    assert dict(row["outputs"])["shelf"] == answer.shelf
    assert (row["contributor_id"], row["group"], row["failed"]) == ("alice", "customer-7", False)
    assert row["program_version"].startswith("1.0.0-opt-")
    assert [(outcome["name"], outcome["value"]) for outcome in row["outcomes"]] == [("outcome_score", 0.8)]


def test_with_a_key_the_assignment_is_logged(served: Settings) -> None:
    load_program("Shelves", key="customer-7", contributor_id="alice")(thing="metal thing")
    (row,) = logged_calls(served)
    assert row["group"] == "customer-7"
    with mlflow_client(served.tracking_uri) as client:
        tags = client.get_trace(row["trace_id"]).info.tags
    assert (tags["teleprompt.assignment_key"], tags["teleprompt.assignment_share"]) == ("customer-7", "0.0")
    assert tags["teleprompt.assigned_at"].endswith("Z")


def test_a_version_is_loaded_once_for_all_keys_and_each_caller_has_its_own_tags(served: Settings) -> None:
    first, second = (load_program("Shelves", key=key, contributor_id=key) for key in ("a", "b"))
    assert first.signature is second.signature
    first(thing="metal thing")
    second.logged_as(contributor_id="carol")(thing="wooden thing")
    second(thing="wooden thing")
    assert sorted(row["contributor_id"] for row in logged_calls(served)) == ["a", "b", "carol"]


def test_a_call_that_raises_is_logged_as_failed(served: Settings) -> None:
    program = load_program("Shelves", contributor_id="alice")
    with dspy.context(lm=None), pytest.raises(ValueError, match="No LM"):
        program(thing="metal thing")
    (row,) = logged_calls(served)
    assert row["failed"]


def test_what_is_no_production_is_not_logged(served: Settings) -> None:
    program = load_program("Shelves", contributor_id="alice")
    for other in (program.deepcopy(), copy.deepcopy(program), program.reset_copy(), load_program("Shelves", log=False)):
        other(thing="metal thing")
    assert isinstance(program.deepcopy(), dspy.Predict)
    assert logged_calls(served) == []


def test_its_class_is_its_own(served: Settings) -> None:
    program = load_program("Shelves")
    assert isinstance(program, dspy.Predict)
    assert type(program).__name__ == "Predict"
    assert program.named_predictors()[0][1] is program


class Streams(dspy.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trace_id = "the program's own"

    def forward(self, docs: Any) -> Any:
        return (doc for doc in docs)


class Waits(dspy.Module):
    async def forward(self, q: str) -> dict[str, str]:  # type: ignore[override]
        return {"answer": q}


class Odd:
    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> list[LoggedCall]:
    """What is handed over to the log."""
    calls: list[LoggedCall] = []

    class Log:
        put = calls.append

    monkeypatch.setattr("teleprompt.serving.logged_program.call_log", lambda _uri: Log)
    return calls


def test_what_can_be_gone_through_once_is_left_to_the_program(put: list[LoggedCall]) -> None:
    program = logged(Streams(), LoggedAs("P", SecretUri("sqlite://"), "e", {}))
    assert list(program(docs=iter(["a", "b"]))) == ["a", "b"]
    assert (put[0].inputs, put[0].outputs) == ({"docs": "<list_iterator>"}, {"output": "<generator>"})
    assert program.trace_id == "the program's own"


def test_what_cannot_be_written_stops_no_call(put: list[LoggedCall]) -> None:
    deep: Any = []
    for _ in range(3000):
        deep = [deep]
    assert list(logged(Streams(), LoggedAs("P", SecretUri("sqlite://"), "e", {}))(docs=[Odd(), deep])) == [ANY, deep]
    assert put[0].inputs["docs"][0] == "<Odd>"


def test_a_coroutine_is_logged_when_it_was_awaited(put: list[LoggedCall]) -> None:
    waiting = logged(Waits(), LoggedAs("P", SecretUri("sqlite://"), "e", {}))(q="x")
    assert put == []
    assert asyncio.run(waiting) == {"answer": "x"}
    assert put[0].outputs == {"answer": "x"}


def test_a_pickled_program_logs_nothing(put: list[LoggedCall]) -> None:
    program = logged(Streams(), LoggedAs("P", SecretUri("sqlite://"), "e", {}))
    list(pickle.loads(pickle.dumps(program))(docs=[]))
    assert put == []


def test_an_answer_that_is_not_known_is_said(served: Settings) -> None:
    with pytest.raises(ConfigurationError, match="right after the call"):
        trace_id_of("a text")
    program = load_program("Shelves")
    answer = program(thing="metal thing")
    assert program.trace_id == trace_id_of(answer)
    with pytest.raises(ConfigurationError, match="no finite number"):
        log_outcome(program.trace_id, outcome_score=float("nan"))


def _call(number: int) -> LoggedCall:
    return LoggedCall(number, "P", "production", {}, {"q": "?"}, {"a": "!"}, 10**15, 10**15, 100)


def test_while_mlflow_is_away_calls_wait_and_are_written_when_it_is_back(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = tmp_path / "moved.db"
    store = Path(settings.tracking_uri.get_secret_value().removeprefix("sqlite:///"))
    store.rename(away)
    store.mkdir()  # a folder where the database should be
    log = CallLog(settings.tracking_uri)
    began = time.perf_counter()
    for number in range(1, 51):
        log.put(_call(number))
    assert time.perf_counter() - began < 1
    assert not log.flush(1)
    store.rmdir()
    away.rename(store)
    assert log.flush(60)
    with mlflow_client(settings.tracking_uri) as client:
        experiment = client.get_experiment_by_name("production").experiment_id
        assert len(client.search_traces(locations=[experiment], include_spans=False, max_results=100)) == 50
    assert log.dropped == 0


def test_one_outcome_that_is_refused_doubles_no_other(settings: Settings) -> None:
    log = CallLog(settings.tracking_uri)
    log.put(_call(1))
    for trace_id in (f"tr-{1:032x}", f"tr-{2:032x}"):
        log.put(call_log.LateOutcome(trace_id, "good", 1.0, 10**12))
    assert log.flush(60)
    with mlflow_client(settings.tracking_uri) as client:
        assert len(client.get_trace(f"tr-{1:032x}").info.assessments) == 1
    assert log.dropped == 1


def test_a_forked_process_has_a_log_of_its_own(served: Settings) -> None:
    log_outcome("tr-1", outcome_score=1.0)
    pid = os.fork()
    if pid == 0:
        os._exit(0 if flush_calls(0) and call_log._logs == {} else 1)
    assert os.waitpid(pid, 0)[1] == 0


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_log, "MOST_WAITING", 10)
    log = CallLog(SecretUri("http://127.0.0.1:9"))
    for number in range(1, 101):
        log.put(_call(number))
    assert log.dropped >= 100 - 10 - call_log.BATCH
    assert len(log._waiting) <= 10
