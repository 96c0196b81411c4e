"""Examples of two files are brought together by id, whatever the order; what does not pair is refused."""

from pathlib import Path

import pytest

from teleprompt.errors import ConfigurationError
from teleprompt.score_files.columns import Columns
from teleprompt.score_files.pairing import Pairs, pair
from teleprompt.score_files.scores import read_scores


def paired(folder: Path, baseline: str, candidate: str, names: tuple[str, str] = ("a.csv", "b.csv"), **more) -> Pairs:
    for name, text in zip(names, (baseline, candidate), strict=True):
        (folder / name).write_text(text)
    return pair(*(read_scores(folder / name, Columns(), **more) for name in names))


def test_order_does_not_matter(tmp_path: Path) -> None:
    one = paired(tmp_path, "id,score\na,1\nb,0\nc,0.5\n", "id,score\nc,0\na,1\nb,1\n")
    other = paired(tmp_path, "id,score\nb,0\nc,0.5\na,1\n", "id,score\na,1\nb,1\nc,0\n")
    assert one == other
    assert (one.baseline_e6, one.candidate_e6) == ([1_000_000, 0, 500_000], [1_000_000, 1_000_000, 0])


def test_the_file_that_names_groups_says_them_for_both(tmp_path: Path) -> None:
    pairs = paired(tmp_path, "id,score,group\na,1,x\nb,0,x\n", "id,score\nb,1\na,1\n")
    assert (pairs.groups, pairs.units) == (["x", "x"], 1)


@pytest.mark.parametrize(
    ("baseline", "candidate", "told"),
    [
        ("id,score\na,1\nb,1\n", "id,score\na,1\n", "1 of 2 in {a} only (first 'b'); both programs"),
        (
            "id,score\n1,1\n2,1\n",
            "id,score\nq1,1\n",
            "2 of 2 in {a} only (first '1', '2') and 1 of 1 in {b} only (first 'q1')",
        ),
        ("id,score\n1,1\n", "id,score\nq1,1\n", "(the ids of {a} are numbers, the others are not)"),
        ("id,score,group\na,1,x\n", "id,score,group\na,1,y\n", "'a' is of group 'x' in {a} and of 'y' in {b}"),
    ],
)
def test_what_does_not_pair_is_refused(tmp_path: Path, baseline: str, candidate: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        paired(tmp_path, baseline, candidate)
    assert told.format(a=tmp_path / "a.csv", b=tmp_path / "b.csv") in str(error.value)


def test_numbers_and_texts_are_no_ids_of_one_kind(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"has numbers as ids .* has texts .* write both alike"):
        paired(tmp_path, '{"id": 7, "score": 1}', '{"id": "7", "score": 1}', ("a.jsonl", "b.jsonl"))
    assert paired(tmp_path, '{"id": 7, "score": 1}', "id,score\n7,1\n", ("a.jsonl", "b.csv")).ids == ["7"]


def test_a_file_is_not_compared_with_itself(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is given as baseline and as candidate"):
        paired(tmp_path, "id,score\na,1\n", "id,score\na,1\n", ("a.csv", "a.csv"))


def test_scores_of_two_scales_are_noticed(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"a\.csv is 0\.9 % of the scale and that of .*b\.csv 87 %"):
        paired(tmp_path, "id,score\na,0.9\nb,0.2\n", "id,score\na,87\nb,12\n", scale=100)
