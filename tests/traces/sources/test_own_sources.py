"""Sources that are not MLflow's."""

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from teleprompt.config.outcome import OutcomeConfig
from teleprompt.config.program import ProgramConfig
from teleprompt.errors import ConfigurationError, TelepromptError
from teleprompt.program.fields import DeclaredFields, Field
from teleprompt.traces._validate import validate
from teleprompt.traces.check_source import check_source
from teleprompt.traces.sources.calls import Call, CallSource, Said
from teleprompt.traces.sources.choose import Store
from teleprompt.traces.sources.of_program import call_shape
from teleprompt.traces.sources.raw import raw_schema
from teleprompt.window import Window
from tests import REPOSITORY
from tests.support import fenced_blocks

PROGRAM = "Triage"
START = datetime(2026, 11, 9, tzinfo=UTC)
WINDOW = Window(start=START, end=START + timedelta(days=7))


def text(name: str) -> Field:
    return Field(name=name, is_text=True, type="str", json_schema={"type": "string"})


RESOLVED = OutcomeConfig(metric="resolved")
DECLARED = DeclaredFields(inputs=(text("ticket"),), outputs=(text("queue"),))


def source_of(name: str, **options: Any) -> Any:
    config = ProgramConfig.model_validate(
        {"name": PROGRAM, "slug": "p", "traces": {"source": name, "options": options}}
    )
    store = Store.__new__(Store)  # no MLflow is asked
    (source,) = store.sources(config.traces, outcomes=[], page_size=1, shape=call_shape(config, DECLARED))
    return source


def usable(source: Any, metric: str = "resolved") -> list[Any]:
    import pyarrow as pa

    raw = pa.concat_tables([raw_schema().empty_table(), *source.read(PROGRAM, WINDOW)])
    config = ProgramConfig.model_validate({"name": PROGRAM, "slug": "p", "outcome": {"metric": metric}})
    found = validate(raw, program=PROGRAM, fields=DECLARED.known(), outcome=config.outcome, now_ms=2**53)
    rows = [
        (r["trace_id"], r["inputs"]["ticket"], r["outputs"]["queue"], dict(r["outcomes"])[metric], r["group"])
        for r in found.rows.to_pylist()
    ]
    return [*rows, *zip(found.quarantine["trace_id"].to_pylist(), found.quarantine["reason"].to_pylist(), strict=True)]


def nanoseconds(hours: float) -> str:
    return str(round((START + timedelta(hours=hours)).timestamp() * 1e9))


def otlp(trace_id: str, hours: float, **attributes: Any) -> dict[str, Any]:
    """A span as OTLP/JSON has it."""
    return {
        "traceId": trace_id, "spanId": f"s{trace_id}", "name": "Triage.forward",
        "startTimeUnixNano": nanoseconds(hours), "endTimeUnixNano": nanoseconds(hours + 0.1),
        "attributes": [
            {"key": key, "value": {"boolValue": value} if isinstance(value, bool) else {"stringValue": value}}
            for key, value in {"contributor_id": "ann", **attributes}.items()
        ],
    }  # fmt: skip


def lines(folder: Path, rows: Iterable[Any]) -> str:
    file = folder / "calls.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return str(file)


OPENINFERENCE = {
    "input.value": '{"ticket": "lost"}', "output.value": '{"queue": "post"}',
    "outcome.resolved": True, "session.id": "S1",
}  # fmt: skip
GENAI = {
    "gen_ai.input.messages": '[{"role": "user", "parts": [{"type": "text", "content": "late"}]}]',
    "gen_ai.output.messages": '[{"role": "assistant", "parts": [{"type": "text", "content": "post"}]}]',
    "outcome.resolved": "no",
}


def test_spans_of_opentelemetry_are_calls(tmp_path: Path) -> None:
    by_collector = {
        "resourceSpans": [
            {
                "resource": {"attributes": [{"key": "dspy_program_name", "value": {"stringValue": PROGRAM}}]},
                "scopeSpans": [{"spans": [otlp("c1", 1, **OPENINFERENCE)]}],
            }
        ]
    }
    by_console = {
        "name": "chat", "context": {"trace_id": "0xc3", "span_id": "0x1"}, "parent_id": None,
        "start_time": "2026-11-09T03:00:00.000000Z", "end_time": "2026-11-09T03:00:01.000000Z",
        "status": {"status_code": "OK"}, "attributes": {**GENAI, "contributor_id": "ann"},
        "resource": {"attributes": {"dspy_program_name": PROGRAM}},
    }  # fmt: skip
    others = [
        otlp("c2", 2, dspy_program_name=PROGRAM, **GENAI),
        otlp("of another program", 3, dspy_program_name="Other", **GENAI),
        otlp("before the window", -1, dspy_program_name=PROGRAM, **GENAI),
    ]
    source = source_of("otel", path=lines(tmp_path, [by_collector, *others, by_console]))
    assert usable(source) == [
        ("c1", "lost", "post", 1.0, "S1"),
        ("c2", "late", "post", 0.0, None),
        ("c3", "late", "post", 0.0, None),
    ]
    assert check_source(source, PROGRAM, WINDOW, RESOLVED).problems == ()


def test_a_program_below_other_spans_is_the_call(tmp_path: Path) -> None:
    inner = {**otlp("c1", 1, **OPENINFERENCE), "parentSpanId": "outer"}
    outer = {**otlp("c1", 0.9, **{"input.value": "{}", "output.value": "200"}), "spanId": "outer", "name": "POST"}
    source = source_of("otel", path=lines(tmp_path, [outer, inner]), program_attribute="")
    assert usable(source) == [("c1", "lost", "post", 1.0, "S1")]


def test_data_frames_of_phoenix_are_calls(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        {
            "context.trace_id": f"c{number}", "context.span_id": "1", "parent_id": None, "name": "Triage",
            "start_time": START + timedelta(hours=number), "end_time": START + timedelta(hours=number, seconds=1),
            "status_code": "OK", "attributes.input.value": '{"ticket": "lost"}', "attributes.output.value": "post",
            "attributes.dspy_program_name": PROGRAM, "attributes.contributor_id": "ann",
            "attributes.ok": number % 2 == 0,
        }
        for number in range(4)
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "spans.parquet")
    source = source_of("otel", path=str(tmp_path / "*.parquet"), outcomes={"resolved": "ok"})
    assert [row[3] for row in usable(source)] == [1.0, 0.0, 1.0, 0.0]
    assert check_source(source, PROGRAM, WINDOW, RESOLVED).problems == ()


@pytest.mark.parametrize("as_array", [True, False])
def test_an_export_of_langfuse_is_calls(tmp_path: Path, as_array: bool) -> None:
    def trace(number: int, *scores: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {
            "id": f"c{number}", "name": PROGRAM, "timestamp": f"2026-11-09T0{number}:00:00.000Z", "latency": 0.5,
            "input": {"ticket": "lost"}, "output": '{"queue": "post"}', "userId": "u1", "sessionId": "S1",
            "metadata": {"contributor_id": "ann"}, "scores": list(scores), **more,
        }  # fmt: skip

    traces = [
        trace(1, {"name": "resolved", "value": 1, "source": "ANNOTATION", "comment": "good"}),
        trace(2, {"name": "resolved", "stringValue": "no", "dataType": "CATEGORICAL", "source": "API"}),
        trace(3, {"name": "resolved", "value": 1, "source": "EVAL"}),
        trace(4, {"name": "resolved", "value": 1}, name="Other"),
        trace(5, {"name": "resolved", "value": 1}, input="in words"),
    ]
    path = lines(tmp_path, [traces] if as_array else traces)
    source = source_of("langfuse", path=path)
    assert usable(source) == [
        ("c1", "lost", "post", 1.0, "S1"),
        ("c2", "lost", "post", 0.0, "S1"),
        ("c5", "in words", "post", 1.0, "S1"),
        ("c3", "uncounted_outcome"),
    ]
    assert check_source(source, PROGRAM, WINDOW, RESOLVED).problems == ()


def test_a_query_is_calls(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(
        {
            "id": [f"c{number}" for number in range(6)],
            "ts": pa.array([START + timedelta(days=number * 2) for number in range(6)], pa.timestamp("us", "UTC")),
            "program": [PROGRAM, "O'Hara"] * 3,
            "ticket": ["lost"] * 6,
            "queue": ["post"] * 6,
            "ok": [True, True, False] * 2,
        }
    )
    pq.write_table(table, tmp_path / "calls.parquet")
    query = (
        'SELECT id AS trace_id, ts AS started_at, ticket AS "input.ticket", queue AS "output.queue", '
        f"ok AS \"outcome.resolved\", 'ann' AS contributor_id FROM '{tmp_path}/calls.parquet' "
        "WHERE program = :program AND ts >= :start AND ts < :end"
    )
    source = source_of("table", query=query)
    assert usable(source) == [("c0", "lost", "post", 1.0, None), ("c2", "lost", "post", 0.0, None)]
    assert check_source(source, PROGRAM, WINDOW, RESOLVED).problems == ()
    assert source.count("O'Hara", WINDOW) == 2


def test_the_documented_source_works_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tickets.py").write_text(fenced_blocks("docs/sources.md", "python")[0])
    monkeypatch.syspath_prepend(str(tmp_path))
    source = source_of("tickets:Tickets", queue="shipping")
    assert source.queue == "shipping"
    assert usable(source) == [("ticket-1", "My parcel is late", "shipping", 1.0, None)]
    del sys.modules["tickets"]


class Own(CallSource):
    """Calls that a test gives."""

    def __init__(self, *calls: Call) -> None:
        self._calls = calls

    def calls(self, program: str, window: Window) -> Iterable[Call]:
        return [call for call in self._calls if window.start <= call.started_at < window.end and program == PROGRAM]


def call(number: int, **more: Any) -> Call:
    own = {"said": [Said("resolved", 1)], "contributor_id": "ann", **more}
    return Call(f"c{number}", START + timedelta(hours=number), {"ticket": "lost"}, {"queue": "post"}, **own)


def test_an_outcome_that_is_no_number_is_the_same_each_time() -> None:
    assert check_source(Own(call(1, said=[Said("resolved", float("nan"))])), PROGRAM, WINDOW, RESOLVED).problems == ()


def test_one_call_that_cannot_be_read_is_set_aside_by_its_id() -> None:
    source = Own(call(1), call(2, is_readable=False))
    assert usable(source) == [("c1", "lost", "post", 1.0, None), ("c2", "spans_unreadable")]


class Arrow(Own):
    """Gives tables itself, of all its calls whatever is asked for."""

    def read(self, program: str, window: Window, *, known: Any = None) -> Iterator[Any]:
        import pyarrow as pa

        yield pa.Table.from_pylist([self._row(call) for call in self._calls], schema=raw_schema())


class Forgetful(Own):
    """Gives fewer calls each time."""

    def calls(self, program: str, window: Window) -> Iterable[Call]:
        found = list(super().calls(program, window))
        self._calls = self._calls[:-1]
        return found


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (Arrow(call(1), call(1)), "gives 1 ids twice"),
        (Arrow(call(1), call(24 * 8)), "1 calls start outside of the window"),
        (Arrow(call(2), call(1)), "do not come in the order"),
        (Forgetful(call(1), call(2), call(3)), "Read again, it gives other rows"),
    ],
)
def test_a_source_that_breaks_its_promises_is_told_how(source: Any, problem: str) -> None:
    assert any(problem in found for found in check_source(source, PROGRAM, WINDOW, RESOLVED).problems)


@pytest.mark.parametrize(
    ("name", "options", "error"),
    [
        ("warehouse", {}, r"no source 'warehouse' \(known: auto, runs, traces, otel, langfuse, table\)"),
        ("no.such.module:Source", {}, "cannot be imported"),
        ("otel", {}, r"cannot be made with `traces.options` .*path"),
        ("otel", {"path": "nowhere/*.jsonl"}, "No file matches"),
        ("json:JSONDecoder", {}, r"is no source: it has no read\(\)"),
    ],
)
def test_what_is_no_source_is_said(name: str, options: Any, error: str) -> None:
    with pytest.raises(ConfigurationError, match=error):
        source_of(name, **options)


def test_a_password_is_refused_and_comes_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match=r"holds a password.*name the variable"):
        source_of("table", query="SELECT 1", uri="postgresql://reader:secret-word@nowhere/db")
    monkeypatch.setenv("WAREHOUSE", "postgresql://reader:secret-word@127.0.0.1:9/db")
    with pytest.raises(TelepromptError) as error:
        usable(source_of("table", query="SELECT 1", uri="$WAREHOUSE"))
    assert "secret-word" not in str(error.value)


@pytest.mark.parametrize(
    "uri", ["postgresql://reader@db/wh", "postgresql://db/wh?sslmode=require", "postgresql://reader:$PASSWORD@db/wh"]
)
def test_an_address_without_a_password_is_taken(uri: str) -> None:
    source_of("table", query="SELECT 1", uri=uri)


def test_a_line_that_is_half_written_costs_that_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = lines(tmp_path, [otlp("c1", 1, **OPENINFERENCE), {"hello": 1}])
    with Path(path).open("a") as file:
        file.write('{"traceId": "c2", "spa')
    assert len(usable(source_of("otel", path=path, program_attribute=""))) == 1
    assert [record.getMessage().split(" is no span")[0] for record in caplog.records] == [f"{path}:2", f"{path}:3"]


class Careless(Own):
    """Gives all its calls, and some twice."""

    def calls(self, program: str, window: Window) -> Iterable[Call]:
        return [*self._calls, *self._calls[:1]]


def test_a_call_beyond_the_window_or_twice_is_left_out() -> None:
    source = Careless(call(1), call(24 * 8))
    assert len(usable(source)) == source.count(PROGRAM, WINDOW) == 1


def test_what_a_source_raises_is_said_with_its_place() -> None:
    class Broken(CallSource):
        def calls(self, program: str, window: Window) -> Iterable[Call]:
            raise KeyError("star")

    with pytest.raises(TelepromptError, match=r"Broken raised KeyError: 'star' \(.*test_own_sources\.py:\d+\)"):
        usable(Broken())


def test_what_would_be_misread_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="`started_at` of call c1 has no offset"):
        Call("c1", datetime(2026, 11, 9), {}, {})  # noqa: DTZ001
    with pytest.raises(ConfigurationError, match=r"`Said\.source` is 'Human'"):
        Said("resolved", 1, source="Human")


def test_the_page_names_each_source_in_the_box() -> None:
    page = (REPOSITORY / "docs/sources.md").read_text()
    assert all(f"source: {name}" in page for name in ("otel", "langfuse", "table"))
