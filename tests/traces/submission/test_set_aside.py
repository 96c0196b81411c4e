"""What could not be written to MLflow: it is listed, taken up again, and taken out as lines."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from teleprompt.config.program import ProgramConfig
from teleprompt.traces.submission._events import microseconds
from teleprompt.traces.submission.set_aside import as_lines
from teleprompt.traces.submission.spool import Spool
from teleprompt.traces.submission.submit import accept

SHELVES = ProgramConfig(name="Shelves", slug="shelves")
OTHER = ProgramConfig(name="Other", slug="other")


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path)


def put_aside(
    spool: Spool, config: ProgramConfig, *rows: dict[str, Any], problem: str = "its call is not known"
) -> None:
    assert accept(spool, config, list(rows))[0] == len(rows)
    found = spool.oldest(100)
    assert found is not None
    spool.set_aside([row.number for row in found[1]], problem)


def late(trace_id: str = "c1", value: float | None = 1, **more: Any) -> dict[str, Any]:
    return {"trace_id": trace_id, "outcomes": {"resolved": value}, **more}


def test_rows_are_listed_by_program_with_their_reason(spool: Spool) -> None:
    put_aside(spool, SHELVES, late("a"), late("b"))
    put_aside(spool, OTHER, late("c"), problem="too strange")
    listed = [(row.program, row.trace_id, row.problem) for row in spool.list_aside()]
    assert listed == [
        ("shelves", "a", "its call is not known"), ("shelves", "b", "its call is not known"),
        ("other", "c", "too strange"),
    ]  # fmt: skip
    assert [row.trace_id for row in spool.list_aside("other")] == ["c"]


@pytest.mark.parametrize("said", ["bad\n[SQL: INSERT 'a customer']", "bad\x1b[31m\u202e", "bad" + "!" * 10_000])
def test_a_reason_is_one_short_line_that_a_terminal_may_show(spool: Spool, said: str) -> None:
    """MLflow's own words may quote anything."""
    put_aside(spool, SHELVES, late(), problem=said)
    (row,) = spool.list_aside()
    assert row.problem.startswith("bad")
    assert row.problem.isprintable()
    assert len(row.problem) <= 300
    assert "customer" not in row.problem


def test_what_is_taken_up_again_waits_as_it_was_accepted(spool: Spool) -> None:
    """So that an outcome that was set aside for a week is not younger than one of yesterday."""
    accept(spool, SHELVES, [late("a"), late("b")])
    before = spool.oldest(100)
    put_aside(spool, OTHER, late("c")) if before is None else spool.set_aside([r.number for r in before[1]], "away")
    assert (spool.take_up("other"), spool.take_up("shelves"), spool.aside()) == (0, 2, 0)
    assert spool.oldest(100) == before


def test_of_all_programs_at_once(spool: Spool) -> None:
    put_aside(spool, SHELVES, late("a"))
    put_aside(spool, OTHER, late("b"))
    assert (spool.take_up(), len(spool), spool.aside()) == (2, 2, 0)


def test_exported_lines_say_when_their_outcomes_were_seen(spool: Spool) -> None:
    """Handed in again after a correction, they are not taken for the last word."""
    put_aside(spool, SHELVES, late("undated"), late("dated", outcome_at="2026-01-01T00:00:00Z"), late("gone", None))
    rows = spool.list_aside("shelves")
    lines = [json.loads(line) for line in as_lines(spool, rows)]
    assert [line["trace_id"] for line in lines] == ["undated", "dated", "gone"]
    assert abs(microseconds(datetime.fromisoformat(lines[0]["outcome_at"])) - microseconds(datetime.now(UTC))) < 60e6
    assert lines[1]["outcome_at"] == "2026-01-01T00:00:00Z"
    assert lines[2]["outcomes"] == {"resolved": None}
    assert accept(spool, SHELVES, lines)[0] == 3
    assert spool.aside() == 3


def test_a_row_is_told_of_once(spool: Spool) -> None:
    put_aside(spool, SHELVES, late("a"))
    (row,) = spool.untold_aside()
    assert spool.untold_aside() == [row]
    spool.mark_told([row.number])
    assert spool.untold_aside() == []
    put_aside(spool, SHELVES, late("b"))
    assert [row.trace_id for row in spool.untold_aside()] == ["b"]
    spool.take_up()
    found = spool.oldest(100)
    assert found is not None
    spool.set_aside([row.number for row in found[1]], "still")
    assert [row.trace_id for row in spool.untold_aside()] == ["a", "b"]  # somebody thought it was mended
