"""The GitHub Action: its step, run as a runner would, with the verdict as output and status."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests import REPOSITORY

ACTION = yaml.safe_load((REPOSITORY / "deploy/github-action/action.yml").read_text())
INSTALL, GATE = ACTION["runs"]["steps"]


def run(folder: Path, **inputs: str) -> tuple[int, str, str]:
    """Status, outputs and summary of the gate's step."""
    given = {name: what.get("default", "") for name, what in ACTION["inputs"].items()} | inputs
    values = {
        name: re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda found: given[found[1]], value)
        for name, value in GATE["env"].items()
    }
    output, summary = folder / "output", folder / "summary.md"
    for file in (output, summary):
        file.write_text("")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, **values, "PATH": path, "GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary)}
    command = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", GATE["run"]]
    status = subprocess.run(command, cwd=folder, env=env, capture_output=True, check=False).returncode
    return status, output.read_text(), summary.read_text()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, scores in {
        "base": [i % 2 for i in range(200)],
        "better": [int(i % 2 or i < 60) for i in range(200)],
        "worse": [int(i % 2 and i > 60) for i in range(200)],
    }.items():
        lines = [f"q{i},{score}" for i, score in enumerate(scores)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["id,score", *lines]))
    (tmp_path / "copy.csv").write_text((tmp_path / "base.csv").read_text())
    return tmp_path


@pytest.mark.parametrize(
    ("candidate", "further", "status", "verdict"),
    [
        ("better", {}, 0, "promote"),
        ("better", {"options": "--threshold 60% --alpha 0.01"}, 1, "reject"),
        ("worse", {}, 1, "reject"),
        ("copy", {}, 3, "inconclusive"),
        ("copy", {"inconclusive": "pass"}, 0, "inconclusive"),
    ],
)
def test_the_verdict_is_an_output_and_the_status(
    folder: Path, candidate: str, further: dict[str, str], status: int, verdict: str
) -> None:
    found, output, summary = run(folder, baseline="base.csv", candidate=f"{candidate}.csv", **further)
    assert (found, output) == (status, f"verdict={verdict}\n")
    assert verdict in summary.splitlines()[0]


def test_wrong_input_has_no_verdict(folder: Path) -> None:
    assert run(folder, baseline="base.csv", candidate="none.csv") == (2, "", "")


def test_nothing_of_an_input_is_run(folder: Path) -> None:
    assert run(folder, baseline="base.csv", candidate="$(touch ran)`touch ran`", options="; touch ran")[0] == 2
    assert not (folder / "ran").exists()
    assert "inputs." not in GATE["run"] + INSTALL["run"]


def test_what_it_installs_is_the_gate() -> None:
    assert ACTION["inputs"]["package"]["default"].startswith("teleprompt-gate")
    assert ACTION["outputs"]["verdict"]["value"] == "${{ steps.gate.outputs.verdict }}"
