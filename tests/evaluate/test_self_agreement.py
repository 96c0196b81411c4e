"""A logged answer that a program gives again scores 1, whatever its type: the way of a value from a call to a score."""

import dataclasses
import json
import logging
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

import dspy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow.tracing.utils import dump_span_attribute_value
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, create_model
from typing_extensions import TypedDict  # pydantic takes the other one from Python 3.12 on

from teleprompt.evaluate.metrics import FieldScores, agreement_scores, exact_scores, f1_scores, mean_of_fields
from teleprompt.evaluate.objective import Objective
from teleprompt.evaluate.self_agreement import UnreadableLabelError, check_self_agreement
from teleprompt.program.fields import json_text
from teleprompt.program.signature import ProgramSignature
from teleprompt.program.typed_fields import TypedFields
from teleprompt.traces._validate import validate
from teleprompt.traces.row import TraceRow
from teleprompt.traces.sources._trace_rows import payload_of
from teleprompt.traces.sources.call_span import CallShape, Span
from tests.support import raw_table, raw_trace, trace_row


class Plain(Enum):
    GOLD = "gold"
    DARK = "dark green"


class Level(str, Enum):  # noqa: UP042 - as people write it, and unlike a StrEnum it is written `Level.GOLD`
    GOLD = "gold_level"


class Rank(IntEnum):
    FIRST = 1


class Mail(BaseModel):
    subject: str
    size: int
    level: Plain = Plain.GOLD
    price: Decimal = Decimal("1.50")
    tags: set[str] = {"a"}
    kinds: set[Plain] = {Plain.DARK}
    sent: datetime | None = None
    took: timedelta = timedelta(days=1, hours=2)
    picture: dspy.Image | None = None


@dataclasses.dataclass
class Point:
    x: int
    kind: Plain = Plain.GOLD
    day: date = date(2026, 1, 2)


class Reading(TypedDict):
    value: float
    kind: Plain


class Pair(NamedTuple):
    left: int
    right: str


NOON = datetime(2020, 1, 2, 12)  # noqa: DTZ001 - as most programs give it


class Renamed(BaseModel):
    the_name: str = Field(alias="theName")


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    day: date
    kind: Plain


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    name: str


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]


class Tree(BaseModel):
    value: int
    children: list["Tree"] = []


PNG = "data:image/png;base64,iVBORw0KGgo="
VALUES: list[tuple[Any, Any]] = [
    (str, "a b"), (str, "42"), (str, ""), (int, 3), (int, 2**70), (float, 0.5), (float, 2.0), (float, 1e22),
    (float, 1e-7),    (bool, True), (Decimal, Decimal("1.50")), (date, date(2020, 1, 2)), (datetime, NOON),
    (time, time(3, 4)), (timedelta, timedelta(hours=30)), (UUID, UUID(int=7)), (HttpUrl, HttpUrl("https://e.org/a")),
    (bytes, b"a"), (Literal["a", "b"], "a"), (Literal[1, 2], 2), (Plain, Plain.DARK), (Level, Level.GOLD),
    (Rank, Rank.FIRST), (str | None, None), (str | None, "x y"), (str | None, "123"), (str | None, "1.50"),
    (str | int, "7"), (str | int, 7), (Plain | None, Plain.GOLD), (Literal["a"] | None, None), (list[str], []),
    (list[str], ["a", "b"]), (list[float], [1.0, 2.5]), (list[Plain], [Plain.GOLD]), (list[Literal["a", "b"]], ["b"]),
    (dict[str, int], {"b": 1, "a": 2}), (dict[str, Plain], {"a": Plain.GOLD}), (dict[int, float], {1: 2.0}),
    (tuple[str, int], ("a", 1)), (tuple[int, ...], (1, 2)), (set[str], {"a", "b"}), (frozenset[int], frozenset({1})),
    (Mail, Mail(subject="x y", size=1)), (Mail | None, None), (list[Mail], [Mail(subject="x", size=2)]),
    (Mail, Mail(subject="x", size=1, sent=NOON, picture=dspy.Image(url=PNG))), (Point, Point(1)),
    (Reading, {"value": 1.0, "kind": Plain.GOLD}), (list[Reading], [{"value": 1.0, "kind": Plain.DARK}]),
    (Renamed, Renamed(theName="x")), (Strict, Strict(day=date(2020, 1, 2), kind=Plain.DARK)), (Pet, Dog(name="a b")),
    (list[Pet], [Cat(lives=9)]), (Tree, Tree(value=1, children=[Tree(value=2)])),
    (Pair, Pair(1, "b")), (Any, {"a": 1.0, "b": [None]}), (dict, {"a": {"b": [1, 2.0]}}), (list, [1, "a"]),
    (dspy.Image, dspy.Image(url=PNG)), (list[dspy.Image], [dspy.Image(url=PNG)]),
    (dspy.Code, dspy.Code(code="print(1)")),
    (dspy.Audio, dspy.Audio(data="aGk=", audio_format="wav")), (dspy.Reasoning, dspy.Reasoning(content="so")),
    (dspy.File, dspy.File(file_data="data:text/plain;base64,aGk=")),
    (dspy.History, dspy.History(messages=[{"question": "a", "answer": "b"}])),
    (dspy.ToolCalls, dspy.ToolCalls.from_dict_list([{"name": "f", "args": {"x": 1}}])),
]  # fmt: skip


def in_words(value: Any) -> str:
    """An id that is the same in each process: sets have no order."""
    return str(sorted(value)) if isinstance(value, (set, frozenset)) else str(value)[:60]


METRICS = [agreement_scores, exact_scores, f1_scores]


def typed_as(annotation: Any) -> TypedFields:
    signature = ProgramSignature(
        dspy.Predict(dspy.make_signature({"q": (str, dspy.InputField()), "out": (annotation, dspy.OutputField())}))
    )
    return signature.typed(signature.declared.known())


def logged(typed: TypedFields, value: Any) -> TraceRow:
    """The trace row of a call that gave `value`, by MLflow's own words for it."""
    span = json.loads(dump_span_attribute_value({"out": value}))
    raw = raw_trace(source="traces", inputs={"q": "?"}, outputs=span)
    del raw["inputs"], raw["outputs"]
    table = raw_table([{**raw, "inputs": {"q": "?"}, "outputs": span}])
    call = Span("1", None, "call", 0, {"mlflow.spanInputs": {"q": "?"}, "mlflow.spanOutputs": span})
    assert payload_of(call, CallShape()).outputs == table["outputs"].to_pylist()[0]
    from teleprompt.config.outcome import OutcomeConfig

    rows = validate(table, program="P", fields=typed.fields, outcome=OutcomeConfig(), now_ms=2**62).rows.to_pylist()
    (row,) = rows
    return trace_row(inputs=row["inputs"], outputs=row["outputs"])


def score(typed: TypedFields, value: Any, metric: Callable[[TypedFields], FieldScores]) -> float:
    """Of the very answer that was logged, as the program's own value."""
    from teleprompt.evaluate.examples import to_examples

    (example,) = to_examples([logged(typed, value)], typed)
    return mean_of_fields(metric(typed))(example, dspy.Prediction(out=value))


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.__name__)
@pytest.mark.parametrize(("annotation", "value"), [v for v in VALUES if v != (str, "")], ids=in_words)
def test_what_was_logged_agrees_with_itself(annotation: Any, value: Any, metric: Any) -> None:
    assert score(typed_as(annotation), value, metric) == 1.0


@pytest.mark.parametrize(("annotation", "value"), [v for v in VALUES if v[0] not in (str, Any)], ids=in_words)
def test_it_is_given_back_as_the_type_that_it_was(annotation: Any, value: Any) -> None:
    typed = typed_as(annotation)
    read = typed.read_outputs(logged(typed, value).outputs)["out"]
    assert read == value
    assert type(read) is type(value)


SCALARS = st.one_of(
    st.tuples(st.just(int), st.integers()),
    st.tuples(st.just(float), st.floats(allow_nan=False, allow_infinity=False)),
    st.tuples(st.just(bool), st.booleans()),
    st.tuples(st.just(str), st.text(st.characters(codec="utf-8"), min_size=1)),
    st.tuples(st.just(Plain), st.sampled_from(Plain)),
    st.tuples(st.just(Decimal), st.decimals(allow_nan=False, allow_infinity=False)),
    st.tuples(st.just(date), st.dates()),
    st.tuples(st.just(datetime), st.datetimes()),
    st.tuples(st.just(Literal["a", "b c"]), st.sampled_from(["a", "b c"])),
)
Typed = tuple[Any, Any]


def _deeper(inner: st.SearchStrategy[Typed]) -> st.SearchStrategy[Typed]:
    def model(parts: list[Typed]) -> Typed:
        kind = create_model("Made", **{f"f{i}": (annotation, ...) for i, (annotation, _) in enumerate(parts)})  # type: ignore[call-overload]
        return kind, kind(**{f"f{i}": value for i, (_, value) in enumerate(parts)})

    return st.one_of(
        inner.map(lambda typed: (list[typed[0]], [typed[1]])),  # type: ignore[name-defined]
        inner.map(lambda typed: (dict[str, typed[0]], {"key": typed[1]})),  # type: ignore[name-defined]
        inner.map(lambda typed: (typed[0] | None, typed[1])),
        inner.map(lambda typed: (typed[0] | None, None)),
        st.lists(inner, min_size=1, max_size=3).map(model),
    )


@given(st.recursive(SCALARS, _deeper, max_leaves=6))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_value_of_any_type_agrees_with_itself(typed_value: Typed) -> None:
    annotation, value = typed_value
    assert score(typed_as(annotation), value, agreement_scores) == 1.0


def check(annotation: Any, texts: list[str]) -> None:
    typed = typed_as(annotation)
    rows = [
        trace_row(inputs={"q": "?"}, outputs={"out": text if typed.outputs["out"].is_text else json_text(text)})
        for text in texts
    ]
    check_self_agreement(rows, typed, Objective(mean_of_fields(agreement_scores(typed))))


def test_labels_that_are_no_values_of_the_type_are_refused() -> None:
    with pytest.raises(UnreadableLabelError, match=r"3 of 40 logged calls hold no float for the output `out`"):
        check(float, ["one", "two", "three", *(f"{i}.5" for i in range(37))])


def test_one_odd_label_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        check(Literal["left", "right"], ["lefft", *["left"] * 9])
    assert "1 of 10 logged answers cannot be compared" in caplog.text


def test_the_message_holds_no_value() -> None:
    class Strict(BaseModel):
        size: int = Field(gt=0)

    with pytest.raises(UnreadableLabelError) as refused:
        check(Strict, ["secret"])
    assert "secret" not in str(refused.value)
