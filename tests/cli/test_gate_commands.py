"""`teleprompt gate`: two files in, a verdict out, as a stranger and a CI system use it."""

import json
import os
import random
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.cli.conftest import IDS, Gate, changed, write


def test_a_gain_is_promoted(gate: Gate) -> None:
    write("better.csv", reversed(changed(better=30, worse=5)), reversed(IDS))
    found = gate("base.csv", "better.csv")
    assert found.status == 0
    assert found.out.startswith(
        "promote: +12.50 points [+6.73, +18.03] on 200 examples: a gain of at least 1 point, proven.\n"
    )
    assert "examples   200: 30 better, 5 worse, 165 alike" in found.out
    assert "sealed" not in found.out
    report = gate("base.csv", "better.csv", "--json").json
    assert (report["verdict"], report["report"]["wins"], report["candidate"]) == ("promote", 30, "better.csv")
    assert gate("compare", "--json", "base.csv", "better.csv").json == report


def test_a_loss_is_rejected_and_little_is_inconclusive(gate: Gate) -> None:
    write("worse.csv", changed(worse=20))
    write("alike.csv", changed(better=10, worse=9))
    assert (gate("base.csv", "worse.csv").status, gate("base.csv", "alike.csv").status) == (1, 3)
    assert "more examples would be needed" in gate("base.csv", "alike.csv").out


def test_low_scores_may_be_the_good_ones(gate: Gate) -> None:
    write("fewer.csv", changed(worse=30))
    found = gate("base.csv", "fewer.csv", "--lower-is-better")
    assert (found.status, found.out[:22]) == (0, "promote: +15.00 points")
    assert "lower scores are better" in found.out


def test_what_has_to_be_shown_is_said_as_in_a_program_file(gate: Gate) -> None:
    write("better.csv", changed(better=30, worse=5))
    assert gate("base.csv", "better.csv", "--threshold", "10%").status == 0
    assert gate("base.csv", "better.csv", "--threshold", "0.1", "--claim", "proven").status == 3
    assert gate("base.csv", "better.csv", "--threshold", "0.3").status == 1
    assert gate("base.csv", "better.csv", "--alpha", "0.0000001").status == 3


def test_scores_that_are_all_alike_decide_nothing(gate: Gate) -> None:
    write("copy.csv", changed())
    found = gate("base.csv", "copy.csv")
    assert (found.status, found.err) == (3, "")
    assert "both programs scored alike on every example" in found.out


def test_groups_are_one_observation_each(gate: Gate) -> None:
    write("better.csv", changed(better=30, worse=5))
    text = Path("better.csv").read_text().splitlines()
    grouped = ["id,score,group", *(f"{line},customer {i // 20}" for i, line in enumerate(text[1:]))]
    Path("grouped.csv").write_text("\n".join(grouped))
    found = gate("base.csv", "grouped.csv")
    assert "examples   200 in 10 groups" in found.out
    assert "permutation test" in found.out


def test_a_guardrail_that_does_not_hold_rejects(gate: Gate) -> None:
    for name, scores, seconds in (("a.jsonl", changed(), 1.0), ("b.jsonl", changed(better=30), 1.15)):
        rows = [{"id": i, "score": s, "latency": seconds, "a:b": 1} for i, s in zip(IDS, scores, strict=True)]
        Path(name).write_text("\n".join(map(json.dumps, rows)))
    held = gate("a.jsonl", "b.jsonl", "--guardrail", "latency:20%", "--guardrail", "a:b:higher:0.5")
    assert (held.status, held.out.count(" yes ")) == (0, 2)
    broken = gate("a.jsonl", "b.jsonl", "--guardrail", "latency:lower:0.1")
    assert broken.status == 1
    assert "latency 1 -> 1.15, at most 1.1 is tolerated" in broken.out


def test_ci_and_pull_requests_are_told(gate: Gate) -> None:
    write("better.csv", changed(better=30, worse=5))
    files = ("--markdown", "a.md", "--junit", "a.xml", "--picture", "a.svg")
    assert gate("base.csv", "better.csv", *files).status == 0
    assert Path("a.md").read_text().startswith("### ✅ promote: +12.50 points [+6.73, +18.03]\n")
    (suite,) = ET.parse("a.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), len(suite)) == ("1", "0", 1)
    picture = ET.parse("a.svg").getroot()
    assert picture[0].text == "promote: +12.50 points [+6.73, +18.03]"

    write("worse.csv", changed(worse=20))
    gate("base.csv", "worse.csv", *files)
    (suite,) = ET.parse("a.xml").getroot()
    assert suite[0].find("failure").get("message").endswith("the whole interval lies below 1 point.")
    write("alike.csv", changed(better=10, worse=9))
    gate("base.csv", "alike.csv", *files)
    assert ET.parse("a.xml").getroot()[0][0].find("skipped") is not None


def test_names_of_others_are_text_in_a_summary(gate: Gate) -> None:
    write("<b>@all|`x`.csv", changed(better=30, worse=5))
    assert gate("base.csv", "<b>@all|`x`.csv", "--markdown", "a.md").status == 0
    assert r"&lt;b&gt;\@all\|\`x\`.csv" in Path("a.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("base.csv", "base.csv"), "is given as baseline and as candidate"),
        (("base.csv", "none.csv"), "none.csv cannot be read"),
        (("base.csv",), "Missing argument 'candidate'"),
        (("few_a.csv", "few_b.csv"), "There are only 3 examples, and fewer than 6 show nothing"),
        (("base.csv", "better.csv", "--threshold", "2"), "--threshold 2 is not between 0 and 1"),
        (("base.csv", "better.csv", "--threshold", "much"), "--threshold 'much' is no share"),
        (("base.csv", "better.csv", "--alpha", "1"), "--alpha 1 is not between 0 and 0.5"),
        (
            ("base.csv", "better.csv", "--guardrail", "latency"),
            "base.csv has no column 'latency'; it has 'id', 'score'",
        ),
        (("base.csv", "better.csv", "--guardrail", "score:much"), "is not NAME[:higher|lower][:TOLERANCE]"),
        (("base.csv", "better.csv", "--guardrail", "score", "--guardrail", "score:1"), "may be named once"),
        (("base.csv", "better.csv", "--picture", "no/folder.svg"), "no/folder.svg cannot be written"),
    ],
)
def test_wrong_input_ends_with_2_and_one_line(gate: Gate, arguments: tuple[str, ...], told: str) -> None:
    write("better.csv", changed(better=30))
    for name in ("few_a.csv", "few_b.csv"):
        write(name, [1, 0, 1], IDS[:3])
    found = gate(*arguments)
    assert (found.status, found.out, found.err.count("\n")) == (2, "", 1)
    assert told in found.err


def test_the_help_says_what_is_short_for_what(gate: Gate) -> None:
    assert "gate BASELINE CANDIDATE` is short for" in " ".join(gate("--help").out.split())


def test_a_verdict_does_not_depend_on_the_order_of_lines(gate: Gate) -> None:
    draw = random.Random(1)
    graded = [draw.random() for _ in IDS]
    write("a.csv", graded)
    write("b.csv", [min(1.0, score + 0.05 * draw.random()) for score in graded])
    for file in ("a.csv", "b.csv"):
        Path(f"shuffled_{file}").write_text(_shuffled(Path(file).read_text(), draw))
    found = gate("a.csv", "b.csv", "--json").json["report"]
    assert gate("shuffled_a.csv", "shuffled_b.csv", "--json").json["report"] == found


def _shuffled(text: str, draw: random.Random) -> str:
    head, *rows = text.splitlines()
    draw.shuffle(rows)
    return "\n".join([head, *rows])


@pytest.mark.parametrize(("better", "worse", "status"), [(30, 5, 0), (0, 20, 1), (10, 9, 3)])
@pytest.mark.usefixtures("gate")
def test_the_status_is_the_verdict_though_nobody_reads_the_rest(better: int, worse: int, status: int) -> None:
    write("b.csv", changed(better=better, worse=worse))
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-c", "from teleprompt import cli; cli.main()", "gate", "base.csv", "b.csv"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (status, b"")
