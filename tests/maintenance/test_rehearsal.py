"""The e-mail program's week, backed up, restored and verified by the commands that the documentation names."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from teleprompt.config.settings import Settings
from tests import REPOSITORY
from tests.conftest import store_in
from tests.support import local_signer


@pytest.fixture
def teleprompt(teleprompt_command: Path) -> Callable[..., str]:
    return partial(call, teleprompt_command)


def call(command: Path, settings: Settings, programs: Path, *arguments: str) -> str:
    signer = local_signer()
    own = {
        "TELEPROMPT_TRACKING_URI": settings.tracking_uri.get_secret_value(),
        "TELEPROMPT_STORAGE_URI": settings.storage_uri,
        "TELEPROMPT_PROGRAMS_DIR": str(programs),
        "TELEPROMPT_SIGNER__KEYSTORE": json.dumps(signer.keystore),
        "TELEPROMPT_SIGNER__PASSWORD": "secret",
        "TELEPROMPT_DEFAULT_ALERTS__TO": "ops@example.org",
    }
    done = subprocess.run(
        [command, *arguments], cwd=REPOSITORY, env={**os.environ, **own}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    print(f"$ teleprompt {' '.join(arguments)}\n{done.stdout}")
    return done.stdout


@pytest.fixture
def new(_empty_store: Path, tmp_path: Path) -> Settings:
    """An empty place."""
    (tmp_path / "new").mkdir()
    return store_in(tmp_path / "new", _empty_store)


@pytest.mark.slow
def test_the_rehearsal(teleprompt: Callable[..., str], email_store: Settings, new: Settings, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    shutil.copytree(REPOSITORY / "include/programs", programs, ignore=shutil.ignore_patterns("__pycache__"))
    end = datetime.now(UTC).replace(microsecond=0)
    window = ("--start", (end - timedelta(days=8)).isoformat(), "--end", end.isoformat())
    teleprompt(email_store, programs, "run", "email_draft", *window)
    teleprompt(email_store, programs, "maintenance", "plan")
    teleprompt(email_store, programs, "backup", str(tmp_path / "backup"))
    restored = tmp_path / "restored"
    teleprompt(new, restored, "restore", str(tmp_path / "backup"))
    kept = Path(email_store.storage_uri).rename(tmp_path / "gone")
    try:
        (stored,) = json.loads(teleprompt(new, restored, "attest", "list", "--json"))
        document = tmp_path / "a.json"
        document.write_text(teleprompt(new, restored, "attest", "show", stored["attestation_id"]))
        found = json.loads(teleprompt(new, restored, "attest", "verify", str(document), "--deep", "--json"))
        assert found["valid"]
        assert all(check["holds"] for check in found["deep"])
        teleprompt(new, restored, "status")
        teleprompt(new, restored, "run", "email_draft", *window)
        listed = json.loads(teleprompt(new, restored, "versions", "list", "email_draft", "--json"))
        assert [(version["number"], version["aliases"]) for version in listed] == [(2, ["champion"]), (1, ["previous"])]
        teleprompt(new, restored, "versions", "rollback", "email_draft")
        teleprompt(new, restored, "doctor")
    finally:
        kept.rename(email_store.storage_uri)
