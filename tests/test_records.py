"""Stored records carry the number of their schema, and later versions of the package read earlier ones."""

import json
from typing import Any, ClassVar

import pytest

from teleprompt.records import Record


class Cup(Record):
    volume: int


class LaterCup(Record):
    schema_number: ClassVar[int] = 2
    millilitres: int

    @classmethod
    def upgrade(cls, data: dict[str, Any], schema: int) -> dict[str, Any]:
        assert schema == 1
        return {"millilitres": 10 * data["volume"]}


def test_the_number_stands_beside_the_records_own_keys() -> None:
    stored = Cup(volume=3).to_stored()
    assert json.loads(stored) == {"schema_version": 1, "volume": 3}
    assert Cup.from_stored(stored) == Cup(volume=3)


@pytest.mark.parametrize("stored", ['{"schema_version":1,"volume":3}', '{"volume":3}'], ids=["1", "of version 0.1"])
def test_an_earlier_schema_is_upgraded(stored: str) -> None:
    assert LaterCup.from_stored(stored) == LaterCup(millilitres=30)
    assert LaterCup.from_stored(LaterCup(millilitres=5).to_stored()) == LaterCup(millilitres=5)


@pytest.mark.parametrize("schema", [2, "1", None, 1.5])
def test_a_schema_that_is_not_known_is_refused(schema: object) -> None:
    with pytest.raises(ValueError, match=r"Cup of schema .* is later than 1"):
        Cup.from_stored(json.dumps({"schema_version": schema, "volume": 3}))


def test_what_is_nested_too_deeply_is_refused() -> None:
    with pytest.raises(ValueError, match="recursion limit"):
        Cup.from_stored("[" * 100_000)


@pytest.mark.parametrize("text", ["", "[]", "null", '{"volume": 3, "more": 1}', '{"schema_version": 1}'])
def test_what_is_no_such_record_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"EOF|validation error"):
        Cup.from_stored(text)
