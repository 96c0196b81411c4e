"""The gate alone in a DAG of one's own, that of docs/gate.md: over two score sources by their URIs."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from teleprompt.errors import ConfigurationError
from teleprompt_airflow.operators import DeltaOneBranchOperator, ScoreGateOperator, ScoreTrialOperator
from tests import REPOSITORY
from tests.score_files.test_tool_logs import LOGS
from tests.support import fenced_blocks

pytestmark = pytest.mark.usefixtures("airflow")

BEFORE = [i % 2 for i in range(200)]
BETTER = [int(i % 2 or i < 60) for i in range(200)]


def write(file: Path, scores: list[int], names: Sequence[str] | None = None) -> str:
    names = [f"q{i}" for i in range(len(scores))] if names is None else names
    file.write_text("\n".join(["id,score", *(f"{name},{score}" for name, score in zip(names, scores, strict=True))]))
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


def test_an_option_out_of_range_is_told_while_the_dag_is_read(files: tuple[str, str]) -> None:
    for wrong in ({"threshold": 0}, {"alpha": 0.7}, {"claim": "surely"}):
        with pytest.raises(ConfigurationError, match="No comparison asks for"):
            ScoreGateOperator(task_id="gate", baseline=files[0], candidate=files[1], **wrong)


def test_a_trial_adds_up_over_runs_and_a_run_that_comes_again_changes_nothing(tmp_path: Path) -> None:
    def look(week: int) -> dict[str, Any]:
        names = [f"week {week} {i}" for i in range(200)]
        sources = [write(tmp_path / f"{name}{week}.csv", scores, names) for name, scores in candidates.items()]
        operator = ScoreTrialOperator(
            task_id="gate",
            baseline=sources[0],
            candidate=sources[1],
            trial=str(tmp_path / "t.json"),
            window=f"week {week}",
            horizon=20,
        )
        return operator.execute({})

    better = [int((i % 2 and i > 12) or (i % 2 == 0 and i < 28)) for i in range(200)]
    candidates = {"a": BEFORE, "b": better}
    found = [look(week) for week in (1, 2, 2, 3, 4, 5)]
    assert [each["verdict"] for each in found] == ["inconclusive"] * 4 + ["promote"] * 2
    assert [each["report"]["windows"] for each in found] == [1, 2, 2, 3, 4, 4]
    branch = DeltaOneBranchOperator(task_id="b", on_promote="deploy", otherwise="keep", comparison=found[-1])
    assert branch.choose_branch({}) == "deploy"


def test_a_trial_is_looked_at_by_one_run_at_a_time_under_the_name_of_the_run() -> None:
    operator = ScoreTrialOperator(task_id="gate", baseline="a.csv", candidate="b.csv", trial="t.json")
    assert operator.max_active_tis_per_dag == 1
    assert (operator.window, "window" in operator.template_fields) == ("{{ run_id }}", True)


@pytest.mark.parametrize(
    ("candidate", "told"),
    [
        ("file://{folder}/none.csv", "There is no file://{folder}/none.csv; check what was to write it."),
        ("s3://b/a.csv", "Airflow does not read s3://b/a.csv (No filesystem registered for scheme s3); install"),
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
@pytest.mark.parametrize("name", ["promote_if_better", "trial_of_prompt_7"])
def test_the_dags_of_the_page_run_in_airflow(name: str, tmp_path: Path) -> None:
    (code,) = (code for code in fenced_blocks("docs/gate.md", "python") if f'"{name}"' in code)
    write(tmp_path / "baseline.csv", BEFORE)
    write(tmp_path / "candidate.csv", BETTER)
    (tmp_path / "dags").mkdir()
    file = tmp_path / f"dags/{name}.py"
    code = code.replace("s3://evaluations", f"file://{tmp_path}").replace("/opt/airflow/trials", str(tmp_path))
    file.write_text(code.replace("{{ ds }}/", "{{ '' }}"))
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
