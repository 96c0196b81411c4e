"""docs/gate.md: what it writes is written, each command is run, and says what the page says."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from teleprompt import cli
from tests import REPOSITORY
from tests.support import fenced_blocks

PAGE = "docs/gate.md"


def commands() -> Iterator[tuple[str, str]]:
    """Each line after a `$ `, and what is shown below it."""
    for block in fenced_blocks(PAGE, "console"):
        for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, flags=re.MULTILINE):
            yield command, shown.strip("\n")


def write_files() -> None:
    """The two files of the page."""
    exec(fenced_blocks(PAGE, "python")[0], {})


def test_a_stranger_gets_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(REPOSITORY / "tests/score_files/logs", "logs")
    write_files()
    status = 0
    ran = 0
    for command, shown in commands():
        if command == "echo $?":
            assert str(status) == shown
            continue
        program, *arguments = shlex.split(command)
        if program == "pip":  # tests/cli/test_gate_is_light.py says what is needed
            continue
        assert program == "teleprompt", command
        monkeypatch.setattr(sys, "argv", [program, *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        status = end.value.code or 0
        output = capsys.readouterr()
        assert shown in output.out + output.err, command
        assert status != 2, output.err
        ran += 1
    assert ran


def test_the_recipe_for_ci_fails_and_passes_with_the_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_files()
    recipe, *_ = (yaml.safe_load(block) for block in fenced_blocks(PAGE, "yaml"))
    steps = [step["run"] for step in recipe["jobs"]["gate"]["steps"] if "run" in step]
    (step,) = (step for step in steps if step.startswith("teleprompt"))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    assert subprocess.run(["bash", "-e", "-c", step], env=environment, check=False).returncode == 0
    assert (tmp_path / "summary.md").read_text().startswith("### ✅ promote")
    assert {file.name for file in tmp_path.glob("gate.*")} == {"gate.xml", "gate.svg"}

    Path("candidate.csv").write_text(Path("baseline.csv").read_text())
    assert subprocess.run(["bash", "-e", "-c", step], env=environment, check=False).returncode == 3
    assert subprocess.run(["bash", "-e", "-c", f"{step} || test $? = 3"], env=environment, check=False).returncode == 0


def test_the_action_of_the_page_is_given_what_it_takes() -> None:
    _, recipe, _ = (yaml.safe_load(block) for block in fenced_blocks(PAGE, "yaml"))
    (step,) = recipe["steps"]
    action = yaml.safe_load((REPOSITORY / step["uses"] / "action.yml").read_text())
    assert set(step["with"]) <= set(action["inputs"])


def test_the_recipe_for_gitlab_writes_what_it_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_files()
    *_, recipe = (yaml.safe_load(block) for block in fenced_blocks(PAGE, "yaml"))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    *_, line = recipe["gate"]["script"]
    subprocess.run(["bash", "-e", "-c", line], env={**os.environ, "PATH": path}, check=True)
    assert Path(recipe["gate"]["artifacts"]["reports"]["junit"]).exists()


def test_the_test_of_the_page_passes_and_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_files()
    names: dict[str, Callable[[], None]] = {}
    exec(fenced_blocks(PAGE, "python")[1], names)
    names["test_the_candidate_is_better"]()
    Path("candidate.csv").write_text(Path("baseline.csv").read_text())
    with pytest.raises(AssertionError, match=r"^inconclusive"):
        names["test_the_candidate_is_better"]()
