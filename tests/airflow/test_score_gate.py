"""The gate alone in a DAG of one's own, that of docs/gate.md: over two score sources by their URIs."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from teleprompt_airflow.operators import DeltaOneBranchOperator, ScoreGateOperator
from tests import REPOSITORY
from tests.score_files.test_tool_logs import LOGS
from tests.support import fenced_blocks

pytestmark = pytest.mark.usefixtures("airflow")

BEFORE = [i % 2 for i in range(200)]
BETTER = [int(i % 2 or i < 60) for i in range(200)]


def write(file: Path, scores: list[int]) -> str:
    file.write_text("\n".join(["id,score", *(f"q{i},{score}" for i, score in enumerate(scores))]))
    return str(file)


def gate(baseline: str, candidate: str, **asked: Any) -> dict[str, Any]:
    return ScoreGateOperator(task_id="gate", baseline=baseline, candidate=candidate, **asked).execute({})


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    return write(tmp_path / "a.csv", BEFORE), write(tmp_path / "b.csv", BETTER)


def test_the_verdict_of_two_files_leads_the_branch(files: tuple[str, str]) -> None:
    found, back = gate(*files), gate(*reversed(files))
    assert (found["verdict"], found["report"]["wins"], back["verdict"]) == ("promote", 30, "reject")
    assert json.loads(json.dumps(found)) == found
    for record, task in ((found, "deploy"), (back, "keep")):
        branch = DeltaOneBranchOperator(task_id="b", on_promote="deploy", otherwise="keep", comparison=record)
        assert branch.choose_branch({}) == task


def test_an_object_storage_is_read_by_its_uri(files: tuple[str, str]) -> None:
    uris = [f"file://{file}" for file in files]
    assert gate(*uris)["report"] == gate(*files)["report"]
    both = f"file://{LOGS}/promptfoo-both.json"
    assert gate(f"{both}#0", f"{both}#1", score="right")["verdict"] == "promote"


def test_options_are_those_of_the_command(files: tuple[str, str]) -> None:
    assert gate(*files, threshold=0.5)["verdict"] == "reject"
    assert gate(*reversed(files), lower_is_better=True)["verdict"] == "promote"
    logs = [str(LOGS / f"inspect-{program}.json") for program in ("baseline", "candidate")]
    guarded = gate(*logs, guardrails=[{"metric": "total_tokens", "tolerance": "5%"}], group="customer", alpha=0.4)
    assert (guarded["report"]["n_groups"], guarded["report"]["guardrails"][0]["holds"]) == (4, True)


@pytest.mark.parametrize(
    ("candidate", "told"),
    [
        ("file://{folder}/none.csv", "There is no file://{folder}/none.csv; check what was to write it."),
        ("{folder}/none.csv", "{folder}/none.csv cannot be read"),
        ("file://{folder}/short.csv", "150 of 200 in {folder}/a.csv only (first"),
        ("file://{folder}/text.csv", "file://{folder}/text.csv, line 2 has no score but 'good'"),
    ],
)
def test_what_is_wrong_fails_at_once_and_names_what_was_given(
    files: tuple[str, str], tmp_path: Path, candidate: str, told: str
) -> None:
    write(tmp_path / "short.csv", BEFORE[:50])
    (tmp_path / "text.csv").write_text("id,score\nq0,good\n")
    with pytest.raises(AirflowFailException) as failed:
        gate(files[0], candidate.format(folder=tmp_path))
    assert told.format(folder=tmp_path) in str(failed.value)


@pytest.mark.slow
def test_the_dag_of_the_page_runs_in_airflow(tmp_path: Path) -> None:
    code = fenced_blocks("docs/gate.md", "python")[2]
    write(tmp_path / "baseline.csv", BEFORE)
    write(tmp_path / "candidate.csv", BETTER)
    (tmp_path / "dags").mkdir()
    file = tmp_path / "dags/promote_if_better.py"
    file.write_text(code.replace("s3://evaluations", f"file://{tmp_path}"))
    places = {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags"),
        "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY}/include:{REPOSITORY}/plugins",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.airflow.score_gate_run", str(file)],
        cwd=REPOSITORY,
        env=os.environ | places,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["gate"]["verdict"] == "promote"
    assert found["tasks"] == {"gate": "success", "branch": "success", "deploy": "success", "keep": "skipped"}
