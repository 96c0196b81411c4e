"""What people log means the same by every route: SQL (SQLite, PostgreSQL), MLflow's client, and its server."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dspy
import mlflow
import pytest
import sqlalchemy
from mlflow.entities import AssessmentSource
from mlflow.entities.assessment import AssessmentError

from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import LMConfig
from teleprompt.config.traces import TraceAccess, TracesConfig
from teleprompt.errors import ConfigurationError, TransientError
from teleprompt.lm.build import build_lm
from teleprompt.program.fields import DeclaredFields, Field
from teleprompt.traces import collect
from teleprompt.traces._validate import validate
from teleprompt.traces.sources import _traces_rest
from teleprompt.traces.sources.choose import open_store
from teleprompt.traces.sources.of_program import program_sources
from teleprompt.traces.sources.raw import raw_schema
from teleprompt.tracking.connection import fluent_tracking, mlflow_client
from teleprompt.window import Window
from tests.traces.sources.openai_calls import log_openai_calls
from tests.traces.sources.serving import serving
from tests.traces.sources.spans_in_a_file import move_spans_to_a_file

TAGS = {"contributor_id": "bob"}


def text(name: str) -> Field:
    return Field(name=name, is_text=True, type="str", json_schema={"type": "string"})


DECLARED = DeclaredFields(inputs=(text("ticket"),), outputs=(text("queue"),))


class Triage(dspy.Module):
    """A program that the calls are of."""

    def __init__(self) -> None:
        super().__init__()
        self.sort = dspy.Predict("ticket -> queue")

    def forward(self, ticket: str) -> dspy.Prediction:
        self.sort(ticket=ticket)
        return dspy.Prediction(queue="post")


def of(program: str) -> dict[str, str]:
    return {"dspy_program_name": program, **TAGS}


def call(program: str, *, tags: dict[str, str] | None = None, **said: Any) -> str:
    inputs = {"ticket": said.pop("ticket", "lost")}
    span = mlflow.start_span_no_context("call", inputs=inputs, tags=of(program) if tags is None else tags, **said)
    span.set_outputs({"queue": "post"})
    span.end()
    return str(span.trace_id)


def say(trace_id: str, value: Any = None, *, by: str = "HUMAN", **more: Any) -> None:
    source = AssessmentSource(source_type=by, source_id="ann")
    mlflow.log_feedback(trace_id=trace_id, name="ok", value=value, source=source, **more)


def log_meanings(experiment: str) -> None:
    """A program for each row of the table below."""
    own = {"experiment_id": experiment}
    say(call("in a session", metadata={"mlflow.trace.session": "S1"}, **own), 1)
    judged = call("an error of a judge after a person", **own)
    say(judged, 1)
    say(judged, by="LLM_JUDGE", error=AssessmentError(error_code="X", error_message="no answer"))
    contradicted = call("a judge after a person", **own)
    say(contradicted, 0)
    say(contradicted, 1, by="LLM_JUDGE")
    say(call("a judge only", **own), 1, by="LLM_JUDGE")
    expected = call("an expectation of that name", **own)
    say(expected, 0)
    mlflow.log_expectation(trace_id=expected, name="ok", value={"a": 1})
    session = [call("feedback on a session", metadata={"mlflow.trace.session": "S2"}, **own) for _ in range(3)]
    say(session[0], 1, metadata={"mlflow.trace.session": "S2"})
    say(call("a text", **own), "no")
    say(
        call(
            "a program in the metadata", tags=TAGS, metadata={"dspy_program_name": "a program in the metadata"}, **own
        ),
        1,
    )
    for _ in range(5):
        call("named twice", metadata={"dspy_program_name": "named twice"}, **own)
    _log_calls_below_spans()
    for trace_id in log_openai_calls(chat=of("a chat with OpenAI"), response=of("a response of OpenAI")):
        say(trace_id, 1)


def _log_calls_below_spans() -> None:
    program = Triage()

    @mlflow.trace
    def handle(body: str) -> dict[str, int]:
        mlflow.update_current_trace(tags=of("below a handler"))
        program(ticket=body)
        return {"status": 200}

    @mlflow.trace
    def stream(body: str) -> Iterator[str]:
        mlflow.update_current_trace(tags=of("below a generator"))
        yield from program(ticket=body).queue

    @mlflow.trace(output_reducer="".join)
    def parts(ticket: str) -> Iterator[str]:
        mlflow.update_current_trace(tags=of("a generator whose parts are joined"))
        yield from ("po", "st")

    handle("lost")
    say(str(mlflow.get_last_active_trace_id()), 1)
    list(stream("lost"))
    say(str(mlflow.get_last_active_trace_id()), 1)
    list(parts("lost"))
    say(str(mlflow.get_last_active_trace_id()), 1)
    with mlflow.tracing.context(tags=of("by place")):
        program("lost")
    say(str(mlflow.get_last_active_trace_id()), 1)
    with mlflow.start_span("outer") as outer:
        mlflow.update_current_trace(tags=of("feedback on a step"))
        outer.set_inputs({"ticket": "lost"})
        outer.set_outputs({"queue": "post"})
        with mlflow.start_span("inner") as inner:
            inner.set_inputs({"x": 1})
    say(str(outer.trace_id), 1, span_id=outer.span_id)
    say(str(outer.trace_id), 0, span_id=inner.span_id)


def fill(uri: str, folder: Path) -> str:
    """Log everything into an empty store; the experiment."""
    os.environ["MLFLOW_ENABLE_ASYNC_TRACE_LOGGING"] = "false"
    try:
        with mlflow_client(uri) as client, fluent_tracking(uri):
            experiment = client.create_experiment("meant", (folder / "artifacts").as_uri())
            mlflow.set_experiment("meant")
            mlflow.dspy.autolog()
            with dspy.context(lm=build_lm(LMConfig())):
                log_meanings(experiment)
            mlflow.dspy.autolog(disable=True)
            _damage(uri, experiment)
    finally:
        del os.environ["MLFLOW_ENABLE_ASYNC_TRACE_LOGGING"]
    return str(experiment)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, _empty_store: Path) -> Iterator[dict[str, str]]:
    """Addresses of one store: the database, and a server of MLflow's over it."""
    folder = tmp_path_factory.mktemp("meaning")
    (folder / "mlflow.db").write_bytes(_empty_store.read_bytes())
    uri = f"sqlite:///{folder}/mlflow.db"
    fill(uri, folder)
    with serving(uri, folder) as address:
        yield {"sql": uri, "api": uri, "server": address}


@pytest.fixture(scope="module")
def store_in_postgresql(tmp_path_factory: pytest.TempPathFactory, postgresql: str) -> str:
    """The address of a PostgreSQL with the same."""
    fill(postgresql, tmp_path_factory.mktemp("meaning-pg"))
    return postgresql


def _damage(uri: str, experiment: str) -> None:
    """What only a fault in the store makes: half of a span, and a number that no float holds."""
    own = {"experiment_id": experiment}
    ids = [call("a damaged span", **own), call("a damaged span", ticket="cut", **own), call("a huge number", **own)]
    odd = {program: [call(program, **own), call(program, **own)] for program in ODD}
    filed = [call("spans in a file", **own) for _ in range(2)]
    for trace_id in [*ids, *filed, *(trace_id for pair in odd.values() for trace_id in pair)]:
        say(trace_id, 1)
    engine = sqlalchemy.create_engine(uri)
    with engine.begin() as connection:

        def change(statement: str, **values: str) -> None:
            connection.execute(sqlalchemy.text(f"{statement} WHERE trace_id = :id"), values)

        change("UPDATE spans SET content = substr(content, 1, 200)", id=ids[1])
        change("UPDATE assessments SET name = 'tokens', value = :value", value="1" + "0" * 400, id=ids[2])
        for program, (_, trace_id) in odd.items():
            change(ODD[program].replace(":", r"\:"), id=trace_id)
    with engine.begin() as connection:
        move_spans_to_a_file(filed[0], connection)
    engine.dispose()


ODD = {
    "metadata that are a list": "UPDATE assessments SET assessment_metadata = '[1]'",
    "metadata that are cut": "UPDATE assessments SET assessment_metadata = '{bad'",
    "a span without attributes": "UPDATE spans SET content = '{\"attributes\": null}'",
    "a key that is no Unicode": """UPDATE spans SET content =
        '{\"attributes\": {\"mlflow.spanInputs\": \"{\\\"ticket\\\": 1, \\\"\\ud800\\\": 1}\"}}'""",
}
"""What other writers, and faults, leave behind: a program each, and what was done to one of its two calls."""


def usable(uri: str, access: str, program: str) -> list[Any]:
    """Inputs, outputs, outcome and group of the calls that can be used; of the others why not."""
    config = ProgramConfig.model_validate(
        {"name": program, "slug": "p", "outcome": {"metric": "ok"}, "traces": {"access": access, "source": "traces"}}
    )
    now = datetime.now(UTC).replace(microsecond=0)
    window = Window(start=now - timedelta(hours=1), end=now + timedelta(hours=1))
    with mlflow_client(uri) as client, open_store(client) as opened:
        (source,) = program_sources(opened, config, declared=DECLARED)
        import pyarrow as pa

        raw = pa.concat_tables([raw_schema().empty_table(), *source.read(program, window)])
        assert source.count(program, window) == len(raw)
    found = validate(raw, program=program, fields=DECLARED.known(), outcome=config.outcome, now_ms=2**53)
    rows = [
        (row["inputs"]["ticket"], row["outputs"]["queue"], dict(row["outcomes"])["ok"], row["group"])
        for row in found.rows.to_pylist()
    ]
    return [*rows, *found.quarantine["reason"].to_pylist()]


MEANINGS: dict[str, list[Any]] = {
    "in a session": [("lost", "post", 1, "S1")],
    "an error of a judge after a person": [("lost", "post", 1, None)],
    "a judge after a person": [("lost", "post", 0, None)],
    "a judge only": ["uncounted_outcome"],
    "an expectation of that name": [("lost", "post", 0, None)],
    "feedback on a session": [("lost", "post", 1, "S2")] * 3,
    "a text": [("lost", "post", 0, None)],
    "a program in the metadata": [("lost", "post", 1, None)],
    "below a handler": [("lost", "post", 1, None)],
    "below a generator": [("lost", "post", 1, None)],
    "a generator whose parts are joined": [("lost", "post", 1, None)],
    "a chat with OpenAI": [("lost", "post", 1, None)],
    "a response of OpenAI": [("lost", "post", 1, None)],
    "by place": [("lost", "post", 1, None)],
    "feedback on a step": [("lost", "post", 1, None)],
    "spans in a file": [("lost", "post", 1, None)] * 2,
    "a damaged span": [("lost", "post", 1, None), "spans_unreadable"],
}


@pytest.mark.slow
@pytest.mark.parametrize("route", ["sql", "api", "server"])
@pytest.mark.parametrize("program", MEANINGS)
def test_what_was_logged_means_the_same(store: dict[str, str], program: str, route: str) -> None:
    access = "sql" if route == "sql" else "api"
    assert usable(store[route], access, program) == MEANINGS[program]


@pytest.mark.slow
@pytest.mark.parametrize("access", ["sql", "api"])
@pytest.mark.parametrize("program", MEANINGS)
def test_so_it_does_in_postgresql(store_in_postgresql: str, program: str, access: str) -> None:
    assert usable(store_in_postgresql, access, program) == MEANINGS[program]


@pytest.mark.slow
@pytest.mark.parametrize("program", ["below a handler", "an expectation of that name"])
def test_of_an_older_server_mlflows_client_reads(
    store: dict[str, str], program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_traces_rest, "SEARCH", "/api/3.0/mlflow/traces/not-yet")
    monkeypatch.setattr(_traces_rest, "SPANS", "/api/3.0/mlflow/traces/not-yet-either")
    assert usable(store["server"], "api", program) == MEANINGS[program]


@pytest.mark.slow
@pytest.mark.parametrize("page_size", [1, 2, 500])
def test_calls_that_name_their_program_in_both_places_are_read_once(store: dict[str, str], page_size: int) -> None:
    config = TracesConfig(access=TraceAccess.API, source="traces")
    now = datetime.now(UTC).replace(microsecond=0)
    window = Window(start=now - timedelta(hours=1), end=now + timedelta(hours=1))
    with mlflow_client(store["api"]) as client, open_store(client) as opened:
        (source,) = opened.sources(config, outcomes=[], page_size=page_size)
        ids = [name for table in source.read("named twice", window) for name in table["trace_id"].to_pylist()]
        assert len(ids) == len(set(ids)) == source.count("named twice", window) == 5


@pytest.mark.slow
@pytest.mark.parametrize("route", ["sql", "api"])
def test_a_number_that_no_float_holds_costs_nothing_else(store: dict[str, str], route: str) -> None:
    assert usable(store[route], route, "a huge number") == ["missing_outcome"]


@pytest.mark.slow
@pytest.mark.parametrize("route", ["sql", "api"])
@pytest.mark.parametrize("program", ODD)
def test_an_odd_call_costs_nothing_else(store: dict[str, str], program: str, route: str) -> None:
    assert ("lost", "post", 1, None) in usable(store[route], route, program)


def test_a_store_of_files_is_refused_with_what_to_do(tmp_path: Path) -> None:
    for uri in (tmp_path.as_uri(), str(tmp_path)):
        with pytest.raises(ConfigurationError, match="mlflow migrate-filestore"), mlflow_client(uri):
            pass


def test_a_full_disk_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TransientError, match="TMPDIR"), collect._working_folder():
        raise OSError(28, "No space left on device")
