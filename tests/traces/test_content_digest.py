import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teleprompt.traces._content_digest import ContentDigest
from tests.support import FIELDS, to_arrow, trace_row


def digest(*tables: pa.Table) -> str:
    content = ContentDigest()
    for table in tables:
        content.update(table)
    return content.hexdigest()


ROWS = [
    trace_row(trace_id="a", group="g", outcome_at_ms=5, outcomes={"x": 1.5, "y": -0.0}),
    trace_row(trace_id="b", contributor_address=None, outcomes={}),
    trace_row(trace_id="c", inputs={"question": "ünïcode, 3:abc,-"}),
]


@given(st.integers(0, 3), st.integers(0, 3))
def test_how_rows_are_cut_into_tables_does_not_matter(one: int, other: int) -> None:
    table = to_arrow(ROWS, FIELDS)
    low, high = sorted((one, other))
    assert digest(table.slice(0, low), table.slice(low, high - low), table.slice(high)) == digest(table)


@pytest.mark.parametrize(
    "change",
    [
        {"trace_id": "z"},
        {"group": None},
        {"group": ""},
        {"outcome_at_ms": 6},
        {"outcomes": {"x": 1.5}},
        {"outcomes": {"x": 1.5, "y": 0.0}},
        {"inputs": {"question": ""}},
        {"score_e6": 1},
        {"program_version": "-"},
    ],
)
def test_any_change_of_a_row_is_another_digest(change: dict) -> None:
    import dataclasses

    changed = [dataclasses.replace(ROWS[0], **change), *ROWS[1:]]
    assert digest(to_arrow(changed, FIELDS)) != digest(to_arrow(ROWS, FIELDS))


def test_values_cannot_run_into_each_other() -> None:
    def of(*values: str | None) -> str:
        return digest(
            pa.table({"a": [values[0]], "b": [values[1]]}, pa.schema([("a", pa.string()), ("b", pa.string())]))
        )

    texts = [("ab", "c"), ("a", "bc"), ("", "abc"), (None, "abc"), ("-", "abc"), ("1:a,", "bc")]
    assert len({of(*pair) for pair in texts}) == len(texts)


def test_the_digest_is_the_documented_one() -> None:
    """Netstrings, written by hand: a row of the integer 7, null, and the list [1.0]."""
    import hashlib
    import struct

    bits = str(struct.unpack("<q", struct.pack("<d", 1.0))[0])
    item = f"{len(bits)}:{bits}"
    row = "1:7" + "-" + f"{len(item)}:{item}"
    table = pa.table({"n": [7], "t": pa.array([None], pa.string()), "l": pa.array([[1.0]])})
    assert digest(table) == hashlib.sha256(f"{len(row)}:{row}".encode()).hexdigest()
