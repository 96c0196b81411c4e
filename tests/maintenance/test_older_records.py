"""A store that 0.1 wrote, read by this version: a promotion with its evidence, versions, ledger and audit trail."""

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from teleprompt import cli
from tests import REPOSITORY

BACKUP = Path(__file__).parent / "fixtures/store_0_1.tar.gz"
"""`teleprompt backup` of 0.1 after one run of the example `email_draft`."""

SIGNER = "0xCa1c31379AD5DebBe38bD24CAA768c7bB47F6c22"
"""Signed it there; its key is gone."""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, _empty_store: Path) -> dict[str, str]:
    """That of the restored store."""
    folder = tmp_path_factory.mktemp("older")
    with tarfile.open(BACKUP) as archive:
        archive.extractall(folder / "backup")  # ours, so without the `filter` that Python 3.11.2 lacks
    (folder / "mlflow.db").write_bytes(_empty_store.read_bytes())
    own = {
        "TELEPROMPT_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
        "TELEPROMPT_STORAGE_URI": str(folder / "storage"),
        "TELEPROMPT_PROGRAMS_DIR": str(folder / "programs"),
        "TELEPROMPT_TRUSTED_SIGNERS": SIGNER,
    }
    in_process_of_its_own(own, "restore", str(folder / "backup"))
    return own


def in_process_of_its_own(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "-c", "from teleprompt.cli import main; main()", *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, env={**os.environ, **environment}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def call(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Calls the command on the restored store, here: a process of its own would import for three seconds."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["teleprompt", *arguments])
        status: object = 0
        try:
            cli.main()
        except SystemExit as end:
            status = end.code or 0
        output = capsys.readouterr()
        assert status == 0, output.out + output.err
        return output.out

    return run


@pytest.mark.slow
def test_the_run_is_shown_with_its_verdict(call) -> None:
    (run,) = json.loads(call("status", "--json"))
    assert (run["program"], run["verdict"], run["delta_e6"]) == ("EmailDraft", "promote", 230438)


@pytest.mark.slow
def test_its_attestation_verifies_down_to_the_snapshot(call, tmp_path: Path) -> None:
    (stored,) = json.loads(call("attest", "list", "--json"))
    document = tmp_path / "attestation.json"
    document.write_text(call("attest", "show", stored["attestation_id"]))
    found = json.loads(call("attest", "verify", str(document), "--deep", "--trusted-signer", SIGNER, "--json"))
    assert (found["valid"], found["level"]) == (True, "signed")
    assert all(check["holds"] for check in found["deep"])


@pytest.mark.slow
def test_versions_ledger_and_trail_are_read(call, environment: dict[str, str]) -> None:
    versions = json.loads(call("versions", "list", "email_draft", "--json"))
    assert [(version["number"], version["aliases"]) for version in versions] == [(2, ["champion"]), (1, ["previous"])]
    looks = in_process_of_its_own(environment, "deltaone", "looks", "email_draft", "--json")
    assert len(json.loads(looks)) == 1
    (stored,) = json.loads(call("attest", "list", "--json"))
    assert in_process_of_its_own(environment, "deltaone", "recompute", stored["run_id"])
    assert call("rewards", stored["attestation_id"], "--total", "10")
    call("audit", "verify", "email_draft")
    call("audit", "list", "email_draft", "--json")


@pytest.mark.slow
def test_the_next_window_goes_on_from_it(call) -> None:
    """The champion of then is rolled back and put in place again by this version."""
    call("versions", "rollback", "email_draft")
    call("versions", "rollback", "email_draft", "--to", "2")
    versions = json.loads(call("versions", "list", "email_draft", "--json"))
    assert versions[0]["aliases"] == ["champion"]
