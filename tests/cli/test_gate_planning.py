"""`teleprompt gate power` and `aa`: before a comparison costs anything, and whether it can be trusted."""

from pathlib import Path

import pytest

from teleprompt.deltaone.paired import examples_needed
from tests.cli.conftest import IDS, Gate, changed, write


def test_how_many_examples_by_an_assumption(gate: Gate) -> None:
    needs = gate("power", "--json").json["needs"]
    assert [(need["gain_e6"], need["examples"]) for need in needs] == [
        (10_000, 15_898), (20_000, 4_024), (50_000, 668), (100_000, 177),
    ]  # fmt: skip
    assert "5 points    668" in gate("power").out
    (need,) = gate("power", "--sd", "0.3", "--gain", "0.03", "--alpha", "0.1", "--json").json["needs"]
    assert need["examples"] == examples_needed(sd=0.3, difference=0.03, alpha=0.1)


def test_how_many_by_the_scores_of_two_files(gate: Gate) -> None:
    write("b.csv", changed(better=10, worse=10))
    found = gate("power", "base.csv", "b.csv", "--json").json
    assert (round(found["sd"], 3), found["per_group"]) == (0.317, 1.0)
    assert "The 200 examples could see a gain of" in gate("power", "base.csv", "b.csv").out


def test_groups_need_more(gate: Gate) -> None:
    rows = (f"{name},{score},customer {i // 5}" for i, (name, score) in enumerate(zip(IDS, changed(20), strict=True)))
    Path("grouped.csv").write_text("\n".join(["id,score,group", *rows]))
    found = gate("power", "base.csv", "grouped.csv", "--gain", "1%", "--json").json
    assert found["per_group"] == 5
    assert found["needs"][0]["groups"] == -(-found["needs"][0]["examples"] // 5)
    assert "of groups" in gate("power", "base.csv", "grouped.csv").out


def test_two_runs_of_one_program_are_promoted_as_seldom_as_alpha_says(gate: Gate) -> None:
    write("again.csv", changed(better=12, worse=11))
    found = gate("aa", "base.csv", "again.csv", "--rounds", "200")
    assert found.status == 0
    assert "of 200 comparisons of 200 examples without a gain were promoted" in found.out
    assert found.out.endswith("no sign of a difference.\n")
    report = gate("aa", "base.csv", "--rounds", "200", "--json").json
    assert (report["n"], report["rounds"], report["holds"], report["runs"]) == (100, 200, True, None)
    assert gate("aa", "base.csv", "--rounds", "200", "--json").json == report


def test_runs_that_differ_are_not_of_one_program(gate: Gate) -> None:
    write("b.csv", changed(better=30))
    found = gate("aa", "base.csv", "b.csv", "--rounds", "200")
    assert found.status == 1
    assert "THEY DIFFER" in found.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("power", "base.csv"), "Two files of scores are needed, and 1 is given"),
        (("power", "base.csv", "b.csv", "--sd", "0.2"), "are for lack of files"),
        (("power", "--sd", "0.2", "--differing", "10%"), "say the same"),
        (("power", "--sd", "2"), "--sd 2 is not between 0 and 1"),
        (("power", "--gain", "200%"), "--gain 200% is not between 0 and 1"),
        (("power", "--alpha", "2"), "--alpha 2 is not between"),
        (("aa", "base.csv", "base.csv"), "is given as baseline and as candidate"),
        (("aa", "base.csv", "b.csv", "b.csv"), "and 3 are given"),
        (("aa",), "Missing argument"),
        (("aa", "few.csv"), "There are only 2 pairs"),
    ],
)
def test_wrong_input_ends_with_2(gate: Gate, arguments: tuple[str, ...], told: str) -> None:
    write("b.csv", changed(better=30))
    write("few.csv", [1, 0, 1, 0], IDS[:4])
    found = gate(*arguments)
    assert (found.status, found.out) == (2, "")
    assert told in found.err
