"""Logs as the tools themselves wrote them, on twelve sums of which the baseline knows six and the candidate ten.

Written by inspect_ai 0.3.285, lm_eval 0.4.13, promptfoo 0.121.20 and evals 3.0.1 (oaieval), with models that cost
nothing; what nobody reads here, the transcripts, is cut out. The output items of OpenAI's API are as its reference
shows them: it was not asked.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from teleprompt.errors import ConfigurationError
from teleprompt.score_files.columns import Columns
from teleprompt.score_files.pairing import Pairs, pair
from teleprompt.score_files.scores import read_scores

LOGS = Path(__file__).with_name("logs")
ANY, MATCH, RIGHT = Columns(), Columns(score="match"), Columns(score="right")


def pairs_of(name: str, columns: Columns = ANY, *, folder: Path = LOGS) -> Pairs:
    """Of the two files whose names have `baseline` and `candidate` at the star."""
    sources = (folder / name.replace("*", program) for program in ("baseline", "candidate"))
    return pair(*(read_scores(source, columns) for source in sources))


@pytest.mark.parametrize(
    ("name", "columns", "first"),
    [
        ("inspect-*.json", ANY, "1"),
        ("inspect-*-zstd.eval", ANY, "1"),
        ("inspect-*-two.json", MATCH, "sum-00"),
        ("inspect-*-two.json", Columns(score="two.right"), "sum-00"),
        ("lm_eval-*-sums.jsonl", ANY, "0"),
        ("lm_eval-*-filtered.jsonl", Columns(score="exact_match,strict"), "0"),
        ("oaieval-*-match.jsonl", ANY, "sums.dev.0"),
        ("oaieval-*-f1.jsonl", Columns(score="accuracy"), "sums-f1.dev.0"),
    ],
)
def test_two_logs_pair_by_the_ids_of_their_tool(name: str, columns: Columns, first: str) -> None:
    pairs = pairs_of(name, columns)
    assert (len(pairs.ids), pairs.ids[0], pairs.groups) == (12, first, None)
    assert (sum(pairs.baseline_e6), sum(pairs.candidate_e6)) == (6_000_000, 10_000_000)


@pytest.mark.parametrize("name", ["promptfoo-both.json", "promptfoo-both.jsonl"])
def test_prompts_side_by_side_in_one_output_pair_by_the_variables_of_their_tests(name: str) -> None:
    pairs = pair(*(read_scores(LOGS / f"{name}#{prompt}", RIGHT) for prompt in (0, 1)))
    assert {json.loads(name)["question"] for name in pairs.ids} == {f"{i} + {i} ?" for i in range(12)}
    assert sum(pairs.candidate_e6) > sum(pairs.baseline_e6)
    by_name = read_scores(LOGS / f"{name}#plain: plain.txt: Answer: {{{{question}}}}", RIGHT)
    assert sorted(by_name.scores_e6) == sorted(pairs.baseline_e6)


def test_an_output_of_several_prompts_asks_which(tmp_path: Path) -> None:
    for source, told in (
        ("promptfoo-both.json", r"holds several programs \('0', 'echo', 'plain: .*; name one after a #, as .*json#0"),
        ("promptfoo-both.json#2", r"holds no program '2' \('0', 'echo'"),
        ("inspect-baseline.json#2", r"holds no program '2' \(only one, without a name\)"),
    ):
        with pytest.raises(ConfigurationError, match=told):
            read_scores(LOGS / source, RIGHT)
    with pytest.raises(ConfigurationError, match="is given as baseline and as candidate"):
        pair(*(read_scores(LOGS / "promptfoo-both.json#0", RIGHT) for _ in range(2)))


def test_several_answers_to_one_example_are_a_group() -> None:
    pairs = pairs_of("inspect-*-epochs.eval")
    assert (len(pairs.ids), pairs.units, pairs.ids[0]) == (36, 12, "1 (answer 1)")
    assert (sum(pairs.baseline_e6), sum(pairs.candidate_e6)) == (18_000_000, 30_000_000)


def test_repeated_tests_are_a_group_and_what_a_provider_failed_at_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"has no right for '.*3 \+ 3.*', and so 3 of 9 examples"):
        read_scores(LOGS / "promptfoo-repeat.json#0", RIGHT)
    output = json.loads((LOGS / "promptfoo-repeat.json").read_text())
    results = output["results"]
    results["results"] = [row for row in results["results"] if row["failureReason"] != 2]
    (tmp_path / "a.json").write_text(json.dumps(output))
    scores = read_scores(tmp_path / "a.json#1", Columns(score="success", metrics=("cost", "latencyMs")))
    assert (len(scores.ids), len(set(scores.groups or ()))) == (6, 2)
    assert set(scores.metrics_e6["cost"]) == {1_000}


def test_output_items_pair_by_what_they_are_of(tmp_path: Path) -> None:
    grader = "String check-a2486074-d803-4445-b431-ad2262e85d47"
    for name, known in (("baseline", 6), ("candidate", 2)):
        items = [
            {
                "object": "eval.run.output_item",
                "id": f"outputitem_{name}{i}",
                "status": "pass" if i >= known else "fail",
                "datasource_item_id": i,
                "datasource_item": {"input": f"{i} + {i} ?", "ground_truth": str(2 * i)},
                "results": [{"name": grader, "sample": None, "passed": i >= known, "score": float(i >= known)}],
            }
            for i in range(12)
        ]
        page = {"object": "list", "data": items, "has_more": False}
        (tmp_path / f"{name}-page.json").write_text(json.dumps(page))
        (tmp_path / f"{name}-items.json").write_text(json.dumps(items, indent=1))
        (tmp_path / f"{name}-lines.jsonl").write_text("\n".join(map(json.dumps, items)))
        (tmp_path / f"{name}-part.json").write_text(json.dumps({**page, "has_more": True}))
    for form in ("page.json", "items.json", "lines.jsonl"):
        pairs = pairs_of(f"*-{form}", Columns(score="String check"), folder=tmp_path)
        assert (sum(pairs.baseline_e6), sum(pairs.candidate_e6)) == (6_000_000, 10_000_000)
    with pytest.raises(ConfigurationError, match="ends with a page of output items that has more after it"):
        pairs_of("*-part.json", folder=tmp_path)


@pytest.mark.parametrize("name", ["inspect-baseline-zstd.eval", "lm_eval-baseline-sums.jsonl", "promptfoo-both.json#1"])
def test_a_log_is_known_by_what_it_holds_whatever_its_name(name: str, tmp_path: Path) -> None:
    file, mark, program = name.partition("#")
    shutil.copy(LOGS / file, tmp_path / "yesterday")
    columns = RIGHT if mark else ANY
    assert (
        read_scores(tmp_path / f"yesterday{mark}{program}", columns).scores_e6
        == read_scores(LOGS / name, columns).scores_e6
    )


def test_whoever_names_the_column_of_ids_means_a_table() -> None:
    scores = read_scores(LOGS / "lm_eval-baseline-sums.jsonl", Columns(id="doc_hash", score="exact_match"))
    assert (len(scores.ids[0]), sum(scores.scores_e6)) == (64, 6_000_000)


def test_further_figures_are_guardrails_and_what_is_known_of_an_example_groups_it() -> None:
    scores = read_scores(LOGS / "inspect-baseline.json", Columns(group="customer", metrics=("total_tokens", "match")))
    assert set(scores.metrics_e6["total_tokens"]) == {7_000_000}
    assert scores.groups == ["c0", "c1", "c2", "c3"] * 3
    assert read_scores(LOGS / "promptfoo-both.json#0", Columns(group="kind")).groups == ["k0", "k1"] * 6
    assert read_scores(LOGS / "lm_eval-baseline-sums.jsonl", Columns(group="answer")).groups[-1:] == ["22"]


@pytest.mark.parametrize(
    ("name", "columns", "told"),
    [
        (
            "inspect-baseline-two.json",
            ANY,
            "has the scores 'match', 'two.right', 'two.short'; name one by --score",
        ),
        ("oaieval-baseline-f1.jsonl", ANY, "has the scores 'correct', 'accuracy', 'f1_score'; name one"),
        ("lm_eval-baseline-sums.jsonl", MATCH, "has no score 'match'; it has 'exact_match': name"),
        ("lm_eval-baseline-sums.jsonl", Columns(group="customer"), "line 1 has no 'customer'; of its example the log"),
    ],
)
def test_what_is_meant_has_to_be_named(name: str, columns: Columns, told: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        read_scores(LOGS / name, columns)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        ("inspect-candidate.json", [('"status": "success"', '"status": "error"')], "with the status 'error'"),
        ("inspect-candidate.json", [('"invalidated": false', '"invalidated": true')], "is marked as invalid"),
        ("inspect-candidate.json", [('"epoch": 1', '"round": 1')], "looks like a log of Inspect, but not like those"),
        ("inspect-candidate.json", [("3 + 3 ?", "3 + 4 ?")], "1 of 12 ids stand for another input or right answer"),
        ("lm_eval-candidate-sums.jsonl", [('"target": "4"', '"target": "5"')], "1 of 12 ids stand for another input"),
        ("oaieval-candidate-match.jsonl", [("final_report", "report")], "without a final report"),
        ("oaieval-candidate-match.jsonl", [('"type": "match"', '"type": "error"')], "holds answers and no score"),
        ("oaieval-candidate-match.jsonl", [('"correct": true', '"correct": null')], "has no correct for 'sums.dev."),
    ],
)
def test_logs_that_would_mislead_are_refused(
    name: str, changes: list[tuple[str, str]], told: str, tmp_path: Path
) -> None:
    text = (LOGS / name).read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigurationError) as error:
        pair(
            read_scores(LOGS / name.replace("candidate", "baseline"), ANY),
            read_scores(tmp_path / name, ANY),
        )
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_what_was_asked_and_not_scored_is_missing_even_in_both_logs(tmp_path: Path) -> None:
    lines = (LOGS / "oaieval-baseline-match.jsonl").read_text().splitlines()
    kept = [line for line in lines if '"sums.dev.3", "type": "match"' not in line]
    assert len(kept) == len(lines) - 1
    (tmp_path / "a.jsonl").write_text("\n".join(kept))
    with pytest.raises(ConfigurationError, match=r"has no correct for 'sums\.dev\.3', and so 1 of 12 examples"):
        read_scores(tmp_path / "a.jsonl", ANY)


def test_the_messages_of_a_conversation_are_the_same_whatever_ids_a_run_gave_them() -> None:
    first, second = ((LOGS / f"inspect-{name}-two.json").read_text() for name in ("baseline", "candidate"))
    assert json.loads(first)["samples"][0]["input"] != json.loads(second)["samples"][0]["input"]
    assert len(pairs_of("inspect-*-two.json", MATCH).ids) == 12


def test_an_archive_that_this_python_cannot_read_says_what_to_do() -> None:
    code = f"""
import sys
sys.modules["zipfile_zstd"] = None  # importing it fails
from pathlib import Path
from teleprompt.errors import ConfigurationError
from teleprompt.score_files.columns import Columns
from teleprompt.score_files.scores import read_scores
print(len(read_scores(Path({str(LOGS)!r}, "inspect-baseline-epochs.eval"), Columns()).ids))
try:
    read_scores(Path({str(LOGS)!r}, "inspect-baseline-zstd.eval"), Columns())
except ConfigurationError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    deflated, zstandard = done.stdout.splitlines()
    assert deflated == "36"
    assert "install zipfile-zstd, or convert it by `inspect log convert" in zstandard
