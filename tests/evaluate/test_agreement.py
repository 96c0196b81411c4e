"""How far two values agree, worked out by hand."""

import math
from typing import Any

import pytest

from teleprompt.evaluate.agreement import ValueComparison, same_text, token_f1
from teleprompt.program.fields import Field

TEXT: dict[str, Any] = {"type": "string"}
COLOUR = {"type": "string", "enum": ["red", "dark green", "green"]}
ITEM = {
    "type": "object",
    "properties": {"sku": TEXT, "colour": {"$ref": "#/$defs/Colour"}, "amount": {"type": "integer"}},
}
ORDER = {
    "$defs": {"Colour": COLOUR, "Item": ITEM},
    "type": "object",
    "properties": {
        "buyer": TEXT,
        "items": {"type": "array", "items": {"$ref": "#/$defs/Item"}},
        "due": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
    },
}


@pytest.mark.parametrize(
    ("wanted", "given", "score"),
    [
        ("a b c d", "a b", 2 / 3), ("a", "b", 0.0), ("", "", 1.0), ("a", "", 0.0), ("a a b", "a b b", 2 / 3),
        ("東京都", "東京", 4 / 5), ("東京 tower", "東京タワー tower", 2 * 3 / (3 + 6)), ("กรุงเทพ", "กรุงเทพ", 1.0),
        ("서울 은 수도", "서울 은 도시", 2 / 3),
    ],
)  # fmt: skip
def test_token_f1(wanted: str, given: str, score: float) -> None:
    assert token_f1(wanted, given) == pytest.approx(score)


@pytest.mark.parametrize(
    ("schema", "wanted", "given", "score"),
    [
        (TEXT, "a b", "a c", 0.5),
        (COLOUR, "dark green", "green", 0.0),
        (COLOUR, "red", " Red ", 1.0),
        ({"type": "number"}, 2.0, 2, 1.0),
        ({"type": "number"}, 2.0, 2.1, 0.0),
        ({"type": "integer"}, 2**70, 2**70 + 1, 0.0),
        ({"type": "boolean"}, True, 1, 0.0),
        ({"type": "string", "format": "decimal"}, "1.50", "1.5", 1.0),
        ({"type": "string", "format": "date"}, "2026-01-02", "2026-01-03", 0.0),
        ({"type": "string", "format": "date-time"}, "2026-01-01T10:00:00+02:00", "2026-01-01T08:00:00Z", 1.0),
        ({"anyOf": [{"type": "string", "format": "date"}, TEXT]}, "next week maybe", "next week", 0.8),
        ({"type": "string", "enum": ["A", "a"]}, "A", "a", 0.0),
        (TEXT, "data: five users", "data: five user", 2 / 3),
        ({"anyOf": [TEXT, {"type": "null"}]}, None, None, 1.0),
        ({"anyOf": [TEXT, {"type": "null"}]}, None, "a", 0.0),
        ({"anyOf": [COLOUR, {"type": "null"}]}, "dark green", "green", 0.0),
        ({"type": "array", "items": TEXT}, ["a", "b"], ["b", "a"], 1.0),
        ({"type": "array", "items": TEXT}, ["a", "b"], ["b"], 2 / 3),
        ({"type": "array", "items": TEXT}, ["a", "a"], ["a"], 2 / 3),
        ({"type": "array", "items": TEXT}, [], [], 1.0),
        ({"type": "array", "items": TEXT}, [], ["a"], 0.0),
        ({"type": "array", "items": TEXT}, ["a b", "c"], ["c", "a d"], 0.75),
        ({"type": "array", "prefixItems": [TEXT, {"type": "integer"}]}, ["a", 1], [1, "a"], 0.0),
        ({}, {"a": 1, "b": {"c": 1, "d": 2}}, {"a": 1, "b": {"c": 1, "d": 3}}, 2 / 3),
        ({}, {"a": 1}, {"a": 1, "b": 2}, 0.5),
        ({}, {"a": 1, "b": 2}, None, 0.0),
        ({}, {}, {}, 1.0),
    ],
    ids=str,
)
def test_values_agree_by_their_type(schema: dict[str, Any], wanted: Any, given: Any, score: float) -> None:
    comparison = ValueComparison(schema)
    assert comparison.agreement(wanted, given) == pytest.approx(score)
    assert comparison.agreement(given, wanted) == pytest.approx(score)


def order(**changes: Any) -> dict[str, Any]:
    items = [{"sku": "cup", "colour": "red", "amount": 1}, {"sku": "tea pot", "colour": "dark green", "amount": 2}]
    return {"buyer": "ann lee", "items": items, "due": None, **changes}


@pytest.mark.parametrize(
    ("changes", "score"),
    [
        ({}, 1.0),
        ({"buyer": "ann"}, (2 / 3 + 1 + 1) / 3),
        ({"due": "2026-01-02"}, 2 / 3),
        ({"items": order()["items"][::-1]}, 1.0),
        ({"items": order()["items"][:1]}, (1 + 2 / 3 + 1) / 3),
        ({"items": [order()["items"][0], {"sku": "pot", "colour": "green", "amount": 2}]}, (2 + (1 + 5 / 9) / 2) / 3),
    ],
)  # fmt: skip
def test_a_structured_answer_agrees_by_the_mean_over_its_leaves(changes: dict[str, Any], score: float) -> None:
    assert ValueComparison(ORDER).agreement(order(), order(**changes)) == pytest.approx(score)


def test_items_are_matched_so_that_the_sum_is_greatest() -> None:
    """`a b` would take `a c` first, and leave `a d` with nothing."""
    assert ValueComparison({}).agreement(["a b", "c e"], ["a c", "b a f"]) == pytest.approx((4 / 5 + 1 / 2) / 2)


def test_order_counts_where_it_is_asked_for() -> None:
    assert ValueComparison({}, ordered=True).agreement(["a", "b", "c"], ["b", "a", "c"]) == pytest.approx(1 / 3)


def test_numbers_within_the_tolerance_are_equal() -> None:
    field = Field(name="price", is_text=False, json_schema={"type": "number"}, tolerance=0.1)
    comparison = ValueComparison.of(field)
    assert [comparison.agreement(0.3, given) for given in (0.2, 0.4, 0.45, 0.3)] == [1, 1, 0, 1]


def test_not_a_number_is_itself() -> None:
    assert ValueComparison({}).agreement([math.nan], [math.nan]) == 1.0


def test_lists_that_are_too_long_to_match_count_their_equal_items() -> None:
    wanted, given = [f"item {i}" for i in range(500)], [f"item {i}" for i in range(250, 750)]
    assert ValueComparison({}).agreement(wanted, given) == pytest.approx(0.5)


def test_pictures_are_one_or_another() -> None:
    picture = "data:image/png;base64,iVBOR w0KGgo="
    assert ValueComparison({}).agreement(picture, picture.replace("w0", "w1")) == 0.0


def test_a_snapshot_of_version_0_1_compares_as_it_did() -> None:
    label = ValueComparison.of(Field(name="label", is_text=False, is_categorical=True))
    words = ValueComparison.of(Field(name="words", is_text=False))
    assert (label.agreement("very happy", "very sad"), words.agreement("very happy", "very sad")) == (0.0, 0.5)


def test_same_text_minds_neither_case_nor_white_space() -> None:
    assert (same_text("A  b", "a B"), same_text("a b", "b a")) == (1.0, 0.0)
