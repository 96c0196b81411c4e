"""`teleprompt init`: a stranger's Airflow project, to the first attestation and back."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from teleprompt.config.settings import Settings
from teleprompt.example.calls import CALLS, sample_calls
from teleprompt.traces.submission.row import SubmittedTrace

WRITTEN = ["dags/teleprompt.py", "include/programs/support_queue.py", "include/programs/support_queue.yaml"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A team's own project, with an `include` package of its own."""
    folder = tmp_path / "project"
    (folder / "dags").mkdir(parents=True)
    (folder / "dags/ours.py").write_text("print('ours')\n")
    (folder / "include").mkdir()
    (folder / "include/__init__.py").write_text("NAME = 'ours'\n")
    monkeypatch.chdir(folder)
    return folder


def below(project: Path) -> dict[str, bytes]:
    return {str(f.relative_to(project)): f.read_bytes() for f in sorted(project.rglob("*")) if f.is_file()}


def test_it_adds_and_takes_back_without_touching_what_is_there(call, project: Path) -> None:
    before = below(project)
    assert call("init", "--json").json["written"] == WRITTEN
    assert {name: below(project)[name] for name in before} == before
    assert call("init", "--json").json == {"project": str(project), "written": [], "kept": WRITTEN, "removed": []}
    assert call("init", "--undo", "--json").json["removed"] == WRITTEN
    assert below(project) == before
    assert not (project / "include/programs").exists()


def test_what_was_changed_since_is_kept(call, project: Path) -> None:
    call("init")
    (project / "include/programs/support_queue.yaml").write_text("name: Mine\n")
    undone = call("init", "--undo")
    assert "kept     include/programs/support_queue.yaml, which was changed since" in undone.out
    assert (project / "include/programs/support_queue.yaml").read_text() == "name: Mine\n"
    assert not (project / "dags/teleprompt.py").exists()


def test_a_file_of_the_same_name_is_left_as_it_is(call, project: Path) -> None:
    (project / "dags/teleprompt.py").write_text("print('theirs')\n")
    assert "kept     dags/teleprompt.py, which was there" in call("init").out
    call("init", "--undo")
    assert (project / "dags/teleprompt.py").read_text() == "print('theirs')\n"


def test_undo_where_nothing_was_written_says_so(call, project: Path) -> None:
    undone = call("init", "--undo")
    assert undone.status == 2
    assert f"Nothing was written into {project}" in undone.err


def test_an_astro_project_gets_its_local_connections(call, project: Path) -> None:
    (project / ".astro").mkdir()
    call("init")
    entries = yaml.safe_load((project / "airflow_settings.yaml").read_text())["airflow"]
    assert [entry["conn_id"] for entry in entries["connections"]] == [
        "mlflow_default", "teleprompt_storage", "teleprompt_lm"
    ]  # fmt: skip


def test_the_sample_calls_name_what_comes_next(call, project: Path) -> None:
    _, submit, run = call("traces", "example", "calls.jsonl").out.splitlines()
    assert submit.split() == ["teleprompt", "traces", "submit", "support_queue", "calls.jsonl"]
    start, end = (datetime.fromisoformat(f"{run.split()[at]}T00:00Z") for at in (4, 6))
    calls = [json.loads(line)["started_at"] for line in (project / "calls.jsonl").read_text().splitlines()]
    assert all(start <= datetime.fromisoformat(started) < end for started in calls)


def test_the_sample_calls_can_be_submitted() -> None:
    until = datetime(2026, 11, 16, tzinfo=UTC)
    calls = [SubmittedTrace.model_validate(json.loads(line)) for line in sample_calls(until)]
    assert len({call.trace_id for call in calls}) == CALLS
    assert all(until - timedelta(days=7) <= call.started_at < until for call in calls if call.started_at)


@pytest.mark.slow
def test_what_it_prints_leads_to_an_attestation(
    call, project: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELEPROMPT_PROJECT_DIR", str(project))
    monkeypatch.setenv("TELEPROMPT_PROGRAMS_DIR", "include/programs")
    printed = [line.strip() for line in call("init").out.splitlines() if line.startswith("  teleprompt ")]
    *_, last = [call(*line.split()[1:]) for line in printed]
    assert "verdict      promote" in last.out
    assert [line["program"] for line in call("attest", "list", "--json").json] == ["SupportQueue"]
