"""`teleprompt traces submit` says what was set aside, and `traces set-aside` what to do with it."""

import json
from pathlib import Path
from typing import Any

import pytest

CALL = {
    "trace_id": "c1",
    "started_at": "2026-11-09T12:00:00Z",
    "inputs": {"item": "cup"},
    "outputs": {"shelf": "left"},
    "contributor_id": "alice",
}
LATE = {"trace_id": "c1", "outcomes": {"outcome_score": 1}}


@pytest.fixture(autouse=True)
def _own_spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEPROMPT_SPOOL_DIR", str(tmp_path / "spool"))


def written(folder: Path, *lines: dict[str, Any]) -> str:
    file = folder / "lines.ndjson"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(file)


def test_what_is_set_aside_is_said_listed_and_taken_up_again(call: Any, tmp_path: Path) -> None:
    late = call("traces", "submit", "shelves", written(tmp_path, LATE))
    assert late.status == 1
    assert "1 set aside: `teleprompt traces set-aside list shelves` says why\n" in late.err
    assert call("traces", "submit", "shelves", written(tmp_path, LATE), "--json").json["set_aside"] == 1

    listed = call("traces", "set-aside", "list", "--json").json
    assert [(row["program"], row["trace_id"], row["problem"]) for row in listed] == [
        ("shelves", "c1", "its call is not known")
    ] * 2
    assert "its call is not known" in call("traces", "set-aside", "list", "shelves").out
    assert call("traces", "set-aside", "list", "other", "--json").json == []

    again = call("traces", "set-aside", "retry")
    assert (again.status, again.out) == (1, "2 taken up again, 0 written, 2 set aside again\n")
    assert call("traces", "submit", "shelves", written(tmp_path, CALL)).status == 0
    again = call("traces", "set-aside", "retry", "shelves", "--json")
    assert (again.status, again.json) == (0, {"taken_up": 2, "written": 2, "set_aside": 0, "waiting": 0})
    assert call("traces", "set-aside", "list").out == "Nothing is set aside.\n"


def test_what_is_set_aside_is_exported_corrected_and_handed_in(call: Any, tmp_path: Path) -> None:
    call("traces", "submit", "shelves", written(tmp_path, {**LATE, "trace_id": "c-1"}))
    out = tmp_path / "out.ndjson"
    assert call("traces", "set-aside", "export", "shelves", str(out)).out == f"1 lines in {out}\n"
    assert call("traces", "set-aside", "export", "shelves", str(out)).status == 2  # nothing is written over
    assert len(call("traces", "set-aside", "list", "--json").json) == 1
    out.unlink()
    assert call("traces", "set-aside", "export", "shelves", str(out), "--remove").status == 0
    assert call("traces", "set-aside", "list", "--json").json == []
    out.write_text(out.read_text().replace("c-1", "c1"))
    call("traces", "submit", "shelves", written(tmp_path, CALL))
    assert call("traces", "submit", "shelves", str(out)).status == 0


def test_a_line_that_mlflow_could_not_hold_is_named(call: Any, tmp_path: Path) -> None:
    lines = written(tmp_path, CALL, {**CALL, "trace_id": "c2", "started_at": "9999-12-31T00:00:00Z"})
    refused = call("traces", "submit", "shelves", lines)
    assert (refused.status, refused.out) == (1, "1 accepted, 1 rejected, 0 wait for MLflow\n")
    assert refused.err == "line 2: started_at: is in the future\n"
