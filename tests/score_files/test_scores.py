"""Files of scores as tools and spreadsheets write them, and what a stranger is told of wrong ones."""

import json
import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from teleprompt.errors import ConfigurationError
from teleprompt.score_files.columns import Columns
from teleprompt.score_files.scores import IdType, Scores, read_scores

PLAIN = b"id,score\nq1,1\nq2,0.25\n"


def read(folder: Path, data: bytes, name: str = "a.csv", scale: float = 1.0, **columns: object) -> Scores:
    (folder / name).write_bytes(data)
    return read_scores(folder / name, Columns(**columns), scale=scale)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(PLAIN, id="plain"),
        pytest.param(b"\xef\xbb\xbf" + PLAIN, id="BOM"),
        pytest.param(PLAIN.replace(b"\n", b"\r\n"), id="CRLF"),
        pytest.param(PLAIN.rstrip(), id="no line end"),
        pytest.param(PLAIN.decode().encode("utf-16"), id="UTF-16"),
        pytest.param(b'"id","score"\n"q1","1"\n"q2","0.25"\n', id="quoted"),
        pytest.param(b"id, score\nq1, 1\nq2, 0.25\n", id="blanks"),
        pytest.param(b"id;score\nq1;1\nq2;0,25\n", id="semicolons and decimal commas"),
        pytest.param(b"sep=;\r\nid;score\r\nq1;1\r\nq2;0,25\r\n", id="a spreadsheet's note"),
        pytest.param(b"id\tscore\nq1\t1\nq2\t0.25\n", id="tabs"),
        pytest.param(b"id,score\n\nq1,1\n\n,\nq2,0.25\n\n", id="empty lines"),
        pytest.param(b'score,answer,id\n1,"a\nb",q1\n.25,"c, d",q2\n', id="further columns"),
        pytest.param(b"id,score\nq1,true\nq2,2.5e-1\n", id="words"),
    ],
)
def test_csv_files_of_all_kinds_say_the_same(tmp_path: Path, data: bytes) -> None:
    scores = read(tmp_path, data)
    assert (scores.ids, scores.scores_e6, scores.groups) == (["q1", "q2"], [1_000_000, 250_000], None)


def test_json_lines_json_and_parquet_say_the_same(tmp_path: Path) -> None:
    rows = [{"id": 1, "score": True, "group": 7}, {"id": 2, "score": 0.25, "group": 7}]
    pq.write_table(pa.table({"id": [1, 2], "score": [1.0, 0.25], "group": [7, 7]}), tmp_path / "a.parquet")
    lines = b"".join(json.dumps(row).encode() + b"\r\n\n" for row in rows)
    for scores in (
        read(tmp_path, lines, "a.jsonl"),
        read(tmp_path, json.dumps(rows).encode(), "a.json"),
        read_scores(tmp_path / "a.parquet", Columns()),
    ):
        assert (scores.ids, scores.scores_e6, scores.groups) == (["1", "2"], [1_000_000, 250_000], ["7", "7"])
        assert scores.id_type is IdType.NUMBERS


def test_columns_have_the_names_one_says(tmp_path: Path) -> None:
    data = b"question,f1,customer,latency\nq1,80,ann,0.5\nq2,100,bob,\n"
    scores = read(tmp_path, data, scale=100, id="question", score="f1", group="customer", metrics=("latency",))
    assert scores.scores_e6 == [800_000, 1_000_000]
    assert (scores.groups, scores.metrics_e6) == (["ann", "bob"], {"latency": [500_000, None]})


def test_whole_numbers_that_a_table_with_gaps_made_floats_are_the_ids_they_were(tmp_path: Path) -> None:
    assert read(tmp_path, b'{"id": 7.0, "score": 1}\n', "a.jsonl").ids == ["7"]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "a.csv is empty: it has no row of scores"),
        (b"id,score\n", "a.csv is empty: it has no row of scores"),
        (b"q1,1\nq2,0\n", "has no column 'id', 'score'; it has 'q1', '1'"),
        (b"example,grade\nq1,1\n", "has no column 'id', 'score'; it has 'example', 'grade'"),
        (b"id,score,score\nq1,1,0\n", "has two columns 'score'"),
        (b"id,score\nq1,1\nq1,0\n", "1 id more than once, first 'q1' (lines 2, 3)"),
        (b"id,score\nq1,1\n,0\n", "a.csv, line 3 has no id"),
        (b"id,score\nq1,1\n\nq2,NaN\nq3,\n", "a.csv, line 4 has no score but 'NaN' for 'q2', and so 2 of 3"),
        (b"id,score\nq1,\n", "a.csv, line 2 has no score for 'q1', and so 1 of 1"),
        (b"id,score\nq1,good\n", "has no score but 'good'"),
        (b"id,score\nq1,0\nq2,inf\n", "line 3 has the score inf, which is no number"),
        (b"id,score\nq1,-inf\n", "line 2 has the score -inf, which is no number"),
        (b"id,score\nq1,-0.5\n", "line 2 has the score -0.5, and 0 has to be the worst"),
        (b"id,score\nq1,4\n", "if 5 is the best score, say --scale 5"),
        (b"id,score\nq1,0.2\nq2,87\n", "line 3 has the score 87, and scores are from 0 to 1; if 100 is the best"),
        (b"id,score\nq1,0.2,3\n", "line 2 has 3 fields and the first line 2"),
        (b'id,score\nq1,1\n"q2,0\n', "line 3 is no CSV"),
        (b"id,score\nq\xe4,1\n", "a.csv is not UTF-8 at line 2"),
        (b"id,score,group\nq1,1,\n", "line 2 has no group"),
    ],
)
def test_wrong_files_are_told_of_in_one_sentence(tmp_path: Path, data: bytes, told: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        read(tmp_path, data)
    assert told in str(error.value)
    assert str(error.value).count("\n") == 0


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("a.xlsx", b"PK", "a.xlsx is of no known format"),
        ("a.jsonl", b'{"id": 1, "score": 1}\n{"id"\n', "line 2 is no JSON"),
        ("a.jsonl", b"[1, 2]\n", "line 1 is no object"),
        ("a.jsonl", b'{"id": 1, "score": 1}\n{"id": 2}\n', "line 2 has no score for '2'"),
        ("a.json", b'{"id": 1}', "a.json is no list"),
        ("a.json", b'{"id": 1}\n{"id": 2}\n', "name it .jsonl"),
        ("a.parquet", b"id,score", "a.parquet is no Parquet file"),
    ],
)
def test_so_are_those_of_other_formats(tmp_path: Path, name: str, data: bytes, told: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        read(tmp_path, data, name)
    assert told in str(error.value)


def test_what_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_scores(tmp_path / "none.csv", Columns())


@pytest.mark.parametrize("scale", [0.0, -1.0, math.inf, math.nan])
def test_a_scale_is_a_number_above_0(tmp_path: Path, scale: float) -> None:
    with pytest.raises(ConfigurationError, match="is no best score"):
        read(tmp_path, PLAIN, scale=scale)
