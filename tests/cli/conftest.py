"""`call` runs the `teleprompt` command as a process would: status, standard output, one line of error."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from teleprompt import cli
from teleprompt.config.settings import Settings
from tests.support import local_signer, write_program


class Result:
    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def call(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Result]:
    """Calls `teleprompt …` in an environment of its own."""
    signer = local_signer()
    write_program(tmp_path / "programs")
    monkeypatch.setenv("TELEPROMPT_TRACKING_URI", settings.tracking_uri.get_secret_value())
    monkeypatch.setenv("TELEPROMPT_STORAGE_URI", settings.storage_uri)
    monkeypatch.setenv("TELEPROMPT_PROGRAMS_DIR", str(tmp_path / "programs"))
    monkeypatch.setenv("TELEPROMPT_SIGNER__KEYSTORE", json.dumps(signer.keystore))
    monkeypatch.setenv("TELEPROMPT_SIGNER__PASSWORD", "secret")

    def run(*arguments: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["teleprompt", *arguments])
        status = 0
        try:
            cli.main()
        except SystemExit as end:
            status = end.code or 0
        output = capsys.readouterr()
        return Result(status, output.out, output.err)

    return run
