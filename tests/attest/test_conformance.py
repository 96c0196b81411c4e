"""The conformance suite: it is current, covers every code, and both verifiers pass it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dev.conformance.suite import FOLDER, suite
from teleprompt.attest.codes import Code
from tests import REPOSITORY
from tests.cli.conftest import Result, call  # noqa: F401 - a fixture
from tests.stock_tools import needs

RUNNER = REPOSITORY / "docs/scripts/conformance.py"
SCRIPT = REPOSITORY / "docs/scripts/verify.js"
CASES: list[dict[str, Any]] = json.loads((FOLDER / "cases.json").read_text())["cases"]


def run(*command: str, folder: Path = FOLDER) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(RUNNER), str(folder), *command], capture_output=True, text=True, check=False
    )


def test_the_suite_is_current() -> None:
    there = {str(file.relative_to(FOLDER)): file.read_bytes() for file in FOLDER.rglob("*") if file.is_file()}
    made = suite()
    assert there.keys() == made.keys(), "run `make reference`"
    assert [name for name in made if made[name] != there[name]] == [], "run `make reference`"


def test_every_code_has_a_case() -> None:
    assert set(Code) - {case["code"] for case in CASES} == set()


def test_ours_passes(
    call: Callable[..., Result],  # noqa: F811 - the fixture
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(FOLDER)
    said = {}
    for case in CASES:
        document = FOLDER / case["document"]
        if padding := case.get("spaces_before"):
            padded = tmp_path / "padded.json"
            padded.write_bytes(b" " * padding + document.read_bytes())
            document = padded
        result = call("attest", "verify", "--json", *case["arguments"], str(document))
        said[case["name"]] = result.json["code"]
        assert (result.status == 0) is (case["code"] == "OK"), case["name"]
    assert said == {case["name"]: case["code"] for case in CASES}


@pytest.mark.slow
def test_the_script_passes() -> None:
    needs("node")
    done = run("node", str(SCRIPT), "--unsigned", "--json")
    assert (done.returncode, done.stdout) == (0, f"{len(CASES)} of {len(CASES)} cases have their code\n")


def test_the_runner_names_what_differs(tmp_path: Path) -> None:
    case = {"name": "signed", "code": "OK", "document": "a.json", "arguments": ["--signer", "0x1"]}
    others = [{**case, "name": "changed", "code": "HASH_MISMATCH"}, {**case, "name": "large", "spaces_before": 5}]
    (tmp_path / "cases.json").write_text(json.dumps({"suite_version": "1.0", "cases": [case, *others]}))
    (tmp_path / "a.json").write_text("{}")
    mute = run(sys.executable, "-c", "print('hello')", folder=tmp_path)
    assert mute.returncode == 1
    assert "signed: OK expected, no JSON with a code: 'hello'" in mute.stdout
    says = (
        "import json, os, sys; *_, given, file = sys.argv;"
        "print(json.dumps({'code': 'OK' if os.path.getsize(file) in (2, 7) and given == '0x1' else 'BAD'}))"
    )
    done = run(sys.executable, "-c", says, folder=tmp_path)
    assert done.stdout == "changed: HASH_MISMATCH expected, OK\n2 of 3 cases have their code\n"
    assert run(folder=tmp_path).returncode == 2
