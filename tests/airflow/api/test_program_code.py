"""Whatever a program's code does, the API server lives on and shows none of its secrets."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import REPOSITORY
from tests.airflow.api.conftest import World
from tests.support import PROGRAM_CODE, write_program

WEEK = "start=2026-11-09T00:00:00Z&end=2026-11-16T00:00:00Z"
SHOWS_ALL = 'import os\nraise RuntimeError(str(dict(os.environ)) + open("/proc/self/environ").read())\n'


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys\nsys.exit(3)\n", "Building the program failed in shelves.py (SystemExit)"),
        ("import os\nos._exit(3)\n", "ended by the program's own code (exit code 3)"),
        ("class Odd(BaseException): ...\nraise Odd\n", "failed in shelves.py (Odd)"),
        ("while True: pass\n", "ended after 8 seconds without a result"),
        ("x = b'x' * (8 << 30)\n", "needs more than 4 GiB of memory"),
        (SHOWS_ALL, "cannot be imported (RuntimeError"),
    ],
    ids=["exit", "os exit", "base exception", "endless", "memory", "environment"],
)
def test_program_code_neither_ends_the_server_nor_reads_its_environment(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str, said: str
) -> None:
    write_program(tmp_path, code=PROGRAM_CODE + code)
    monkeypatch.setenv("TELEPROMPT_PROGRAMS_DIR", str(tmp_path))
    monkeypatch.setenv("TELEPROMPT_PROGRAM_PROCESS__START_SECONDS", "8")
    for name in ("AIRFLOW__API__SECRET_KEY", "AIRFLOW_CONN_TELEPROMPT_SIGNER", "POSTGRES_PASSWORD"):
        monkeypatch.setenv(name, "s3cret")
    validated = world.call("POST", "/programs/shelves/validation")
    assert said in validated.json()["problem"]["error"]
    inspected = world.call("GET", f"/programs/shelves/traces/inspection?{WEEK}")
    assert inspected.status_code >= 400
    assert said in inspected.json()["detail"]
    assert "s3cret" not in validated.text + inspected.text
    assert world.get("/programs/shelves")["program"] == "shelves"
    for page in ("/", "/programs/shelves"):
        token = {"Authorization": f"Bearer {world.tokens['admin']}"}
        assert world.http.get(f"/teleprompt/ui{page}", headers=token).status_code == 200
    assert len(validated.json()["problem"]["error"].splitlines()) == 1


def test_a_notifier_among_the_program_files_is_refused_unread(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rules = json.dumps({"rules": [{"events": ["failure"], "notifier": "shelves.Notifier"}]})
    went = tmp_path / "it-was-imported"
    code = f"{PROGRAM_CODE}\nimport os\nif 'PROGRAM_TEST' in os.environ: open({str(went)!r}, 'w')\n"
    write_program(tmp_path, yaml=f"name: Shelves\nalerts: {rules}\n", code=code)
    monkeypatch.setenv("TELEPROMPT_PROGRAMS_DIR", str(tmp_path))
    monkeypatch.setenv("PROGRAM_TEST", "in the server")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = world.call("POST", "/programs/shelves/validation").json()
    assert "lies among the program files" in found["problem"]["error"]
    assert not went.exists()


def test_the_server_hides_from_other_processes_of_its_user() -> None:
    code = (
        "import ctypes; from teleprompt_airflow.api._program_code import program_code\n"
        "with program_code(): print(ctypes.CDLL(None).prctl(3))"
    )
    path = f"{REPOSITORY}:{REPOSITORY / 'plugins'}"
    found = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": path}, capture_output=True, check=True)
    assert found.stdout.decode().split()[-1] == "0"
