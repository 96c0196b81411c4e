"""Types by which logged values are read; how each kind fares on its way is in tests/evaluate/test_self_agreement.py."""

import io
import json
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Any, Literal, TextIO, TypedDict

import dspy
import pytest
from dspy.experimental import Document
from mlflow.tracing.utils import dump_span_attribute_value
from pydantic import BaseModel, SecretStr, field_validator

from teleprompt.evaluate.agreement import ValueComparison
from teleprompt.program.value_type import UnreadableValueError, UnusableTypeError, ValueType
from tests.support import typed_fields


class Level(Enum):
    GOLD = "gold"


class Plain:
    """Nothing that pydantic knows."""


@pytest.mark.parametrize(
    "annotation",
    [
        dspy.Tool,
        list[dspy.Tool],
        Callable[[int], int],
        Iterator[str],
        TextIO,
        io.BytesIO,
        dspy.LM,
        dspy.Module,
        Plain,
        SecretStr,
    ],
    ids=str,
)
def test_live_objects_cannot_be_rebuilt(annotation: Any) -> None:
    with pytest.raises(UnusableTypeError):
        ValueType(annotation)


@pytest.mark.parametrize(
    ("annotation", "is_text"),
    [
        (str, True),
        (Literal["a", "b"], True),
        (Level, True),
        (dspy.Code, True),
        (str | None, False),
        (Literal["a", 1], False),
        (int, False),
        (Any, False),
    ],
    ids=str,
)
def test_only_a_type_of_texts_is_kept_as_it_is(annotation: Any, is_text: bool) -> None:
    assert ValueType(annotation).is_text is is_text


@pytest.mark.parametrize(
    ("annotation", "logged", "value"),
    [
        (Level, "GOLD", Level.GOLD),
        (Level, "Level.GOLD", Level.GOLD),
        (bool, "false", False),
        (int, "12", 12),
        (float, 2, 2.0),
        (Literal[1, 2], "2", 2),
        (list[int], "[1, 2]", [1, 2]),
        (str | None, 12, "12"),
        (str, 12, "12"),
    ],
    ids=str,
)
def test_values_are_read_as_dspy_reads_them(annotation: Any, logged: Any, value: Any) -> None:
    assert ValueType(annotation).read(logged) == value


def test_what_is_none_of_the_type_is_said_without_its_value() -> None:
    with pytest.raises(UnreadableValueError, match=r"^float$"):
        ValueType(float).read("secret")


def test_an_answer_of_another_type_is_written_as_what_it_is() -> None:
    assert [ValueType(float).write(value) for value in (2, "2", "two", None, [1])] == [2.0, 2.0, "two", None, [1]]


def test_pythons_own_typed_dicts_are_known_before_3_12_too() -> None:
    class Reading(TypedDict, total=False):
        value: float
        level: Level

    assert ValueType(list[Reading]).read([{"level": "Level.GOLD"}]) == [{"level": Level.GOLD}]


def test_the_schema_says_nothing_that_only_people_read() -> None:
    assert ValueType(Level).json_schema == {"enum": ["gold"], "type": "string"}


def test_an_iterable_is_a_list_that_can_be_used_more_than_once() -> None:
    assert ValueType(Iterable[str]).read(["a"]) == ["a"]


def test_a_tuple_of_any_length_has_an_order() -> None:
    comparison = ValueComparison(ValueType(tuple[int, ...]).json_schema)
    assert comparison.agreement([1, 2], [2, 1]) == 0.0


def test_a_document_is_unpacked() -> None:
    document = Document(data="some text", title="a title")
    logged = json.loads(dump_span_attribute_value({"out": document}))["out"]
    assert ValueType(Document).read(logged) == document


class Percent(BaseModel):
    value: float

    @field_validator("value")
    @classmethod
    def _share(cls, value: float) -> float:
        return value / 100


def test_what_becomes_another_value_each_time_that_it_is_read_is_not_readable() -> None:
    typed = typed_fields(share=Percent)
    assert typed.unreadable({"question": "?"}, {"share": '{"value":50.0}'}) == "share"
