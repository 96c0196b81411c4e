"""A logged answer that a program gave again must score 1, or nothing is compared."""

import json
from datetime import date
from enum import Enum
from typing import Any, Literal

import dspy
import pytest
from mlflow.tracing.utils import dump_span_attribute_value
from pydantic import BaseModel

from teleprompt.evaluate.metrics import agreement_metric, exact_metric, f1_metric
from teleprompt.evaluate.objective import Objective
from teleprompt.evaluate.self_agreement import UnreadableLabelError, check_self_agreement
from teleprompt.program.fields import program_fields
from teleprompt.traces.sources.raw import as_texts
from tests.support import trace_row


class Plain(Enum):
    GOLD = "gold"


class Level(str, Enum):  # noqa: UP042 - as people write it, and unlike a StrEnum it is written `Level.GOLD`
    GOLD = "gold_level"


class Mail(BaseModel):
    subject: str
    size: int


SAME: list[tuple[Any, Any]] = [
    (str, "a b"), (str, "42"), (str, "2.0"), (int, 3), (float, 0.5), (bool, True), (Literal["a", "b"], "a"),
    (Literal[1, 2], 2), (list[str], ["a", "b"]), (list[str], []), (date, date(2020, 1, 2)), (str | None, "x y"),
]  # fmt: skip
OTHER: list[tuple[Any, Any]] = [
    (float, 2.0), (list[float], [1.0, 2.5]), (Plain, Plain.GOLD), (Level, Level.GOLD), (list[Level], [Level.GOLD]),
    (Mail, Mail(subject="x y", size=1)), (list[Mail], [Mail(subject="x", size=2)]), (str | None, "1.50"),
    (tuple[str, int], ("a", 1)),
]  # fmt: skip


def check(annotation: Any, values: list[Any], metric: Any = agreement_metric) -> None:
    """The way of a value: logged by MLflow, read from a trace, a row's text."""
    signature = dspy.make_signature({"q": (str, dspy.InputField()), "out": (annotation, dspy.OutputField())})
    program = dspy.Predict(signature)
    fields = program_fields(program)
    rows = []
    for value in values:
        ((_, text),) = as_texts(json.loads(dump_span_attribute_value({"out": value})), "output.", {})
        rows.append(trace_row(inputs={"q": "?"}, outputs={"out": str(text)}))
    check_self_agreement(program, rows, fields, Objective(metric(fields)))


@pytest.mark.parametrize("metric", [agreement_metric, exact_metric, f1_metric])
@pytest.mark.parametrize(("annotation", "value"), SAME, ids=str)
def test_what_agrees_with_itself_is_compared(annotation: Any, value: Any, metric: Any) -> None:
    check(annotation, [value], metric)


@pytest.mark.parametrize("metric", [agreement_metric, exact_metric, f1_metric])
@pytest.mark.parametrize(("annotation", "value"), OTHER, ids=str)
def test_what_does_not_is_refused(annotation: Any, value: Any, metric: Any) -> None:
    with pytest.raises(UnreadableLabelError, match=r"1 of 1 logged answers .* the output `out`"):
        check(annotation, [value], metric)


def test_a_few_values_among_many_are_enough() -> None:
    """A float is whole now and then, and then right answers score 0."""
    with pytest.raises(UnreadableLabelError, match=r"3 of 40 logged answers .* `out` \(float\)"):
        check(float, [1.0, 2.0, 3.0, *(0.5 + i for i in range(37))])


def test_one_odd_label_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    check(Literal["left", "right"], ["lefft", *["left"] * 9])
    assert "1 of 10 logged answers cannot be compared" in caplog.text


def test_the_message_holds_no_value() -> None:
    with pytest.raises(UnreadableLabelError) as refused:
        check(Mail, [Mail(subject="secret", size=1)])
    assert "secret" not in str(refused.value)
