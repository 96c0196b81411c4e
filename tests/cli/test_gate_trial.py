"""`teleprompt gate … --trial FILE`: evidence that adds up over calls of the command."""

import json
from pathlib import Path

import pytest

from teleprompt.deltaone import Trial, TrialPolicy
from tests.cli.conftest import IDS, Gate, changed, write


def fresh(week: int) -> list[str]:
    return [f"week {week} {name}" for name in IDS]


def write_week(week: int, better: int, worse: int) -> tuple[str, str]:
    write(f"a{week}.csv", changed(), fresh(week))
    write(f"b{week}.csv", changed(better=better, worse=worse), fresh(week))
    return f"a{week}.csv", f"b{week}.csv"


def test_windows_add_up_to_the_report_of_a_trial(gate: Gate) -> None:
    trial = Trial(TrialPolicy())
    statuses = []
    for week in range(1, 6):
        found = gate(*write_week(week, better=14, worse=6), "--trial", "t.json", "--window", f"week {week}", "--json")
        before, after = ([int(s) * 1_000_000 for s in scores] for scores in (changed(), changed(14, 6)))
        trial = trial.add(before, after, fresh(week), window=f"week {week}")
        assert found.json["report"] == trial.report.model_dump(mode="json")
        statuses.append(found.status)
    assert statuses == [3, 3, 3, 0, 0]
    assert found.json["note"] == "The window week 5 was kept, but changes nothing: the trial was decided before."


def test_a_window_comes_once(gate: Gate) -> None:
    files = write_week(1, better=14, worse=6)
    once = gate(*files, "--trial", "t.json", "--window", "2026-01-05/2026-01-12", "--json")
    kept = Path("t.json").read_bytes()
    again = gate(*files, "--trial", "t.json", "--window", "2026-01-05T00:00:00Z/2026-01-12")
    assert "Nothing was changed: the trial has the window" in again.out
    assert "these are others" not in again.out
    other = gate(*write_week(2, better=0, worse=20), "--trial", "t.json", "--window", "2026-01-05/2026-01-12", "--json")
    assert other.json["note"].endswith("whose first scores stand, though these are others.")
    assert (other.json["report"], Path("t.json").read_bytes()) == (once.json["report"], kept)


def test_examples_that_come_again_count_once(gate: Gate) -> None:
    write("b.csv", changed(better=14, worse=6))
    gate("base.csv", "b.csv", "--trial", "t.json", "--window", "1")
    again = gate("base.csv", "b.csv", "--trial", "t.json", "--window", "2")
    assert "counts for nothing: all its examples were there in an earlier one" in again.out
    assert "left out   200 seen in an earlier window" in again.out


def test_the_policy_is_that_with_which_the_trial_began(gate: Gate) -> None:
    trial = ("--trial", "t.json", "--window")
    options = ("--threshold", "2%", "--claim", "proven", "--alpha", "0.1", "--horizon", "9")
    policy = gate(*write_week(1, 14, 6), *trial, "1", *options, "--json").json["report"]["policy"]
    assert (policy["threshold"], policy["claim"], policy["level"], policy["horizon"]) == (0.02, "proven", 0.05, 9)
    assert gate(*write_week(2, 14, 6), *trial, "2", "--json").json["report"]["policy"] == policy
    assert gate(*write_week(3, 14, 6), *trial, "3", "--threshold", "0.02").status == 3
    changed_policy = gate(*write_week(4, 14, 6), *trial, "4", "--threshold", "3%")
    assert changed_policy.status == 2
    assert "(threshold 0.02, not 0.03)" in changed_policy.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--trial", "t.json"), "--trial needs to know what the scores are of"),
        (("--window", "1"), "--window is for a trial"),
        (("--horizon", "5"), "--horizon is for a trial"),
        (("--trial", "t.json", "--window", "1", "--guardrail", "score"), "A trial keeps the scores alone"),
        (("--trial", "t.json", "--window", ""), "--window '' cannot be used"),
        (("--trial", "t.json", "--window", "2026-01-12/2026-01-05"), "does not start before it ends"),
        (("--trial", "base.csv", "--window", "1"), "base.csv holds no trial"),
        (("--trial", "later.json", "--window", "1"), "TrialFile of schema 9 is later than 1"),
        (("--trial", "wrong.json", "--window", "1"), "wrong.json holds no trial (a key is missing or wrong)"),
        (("--trial", "no/t.json", "--window", "1"), "no/t.json cannot be written"),
    ],
)
def test_wrong_input_ends_with_2_and_changes_nothing(gate: Gate, arguments: tuple[str, ...], told: str) -> None:
    write("b.csv", changed(better=14))
    Path("later.json").write_text(json.dumps({"schema_version": 9}))
    Path("wrong.json").write_text(json.dumps({"windows": []}))
    before = sorted(Path().iterdir())
    found = gate("base.csv", "b.csv", *arguments)
    assert (found.status, found.out) == (2, "")
    assert told in found.err
    assert sorted(Path().iterdir()) == before


def test_windows_with_and_without_groups_do_not_mix(gate: Gate) -> None:
    gate(*write_week(1, 14, 6), "--trial", "t.json", "--window", "1")
    write_week(2, 14, 6)
    rows = Path("b2.csv").read_text().splitlines()
    Path("b2.csv").write_text("\n".join(["id,score,group", *(f"{row},ann" for row in rows[1:])]))
    found = gate("a2.csv", "b2.csv", "--trial", "t.json", "--window", "2")
    assert found.status == 2
    assert "one observation per id, and 2 has one per group" in found.err
