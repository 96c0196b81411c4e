"""`call` and `gate` run the `teleprompt` command as a process would: status, standard output, one line of error."""

import json
import sys
from collections.abc import Callable, Iterable
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


Gate = Callable[..., Result]
IDS = [f"q{i:03}" for i in range(200)]


def write(file: str, scores: Iterable[object], ids: Iterable[str] = IDS) -> None:
    Path(file).write_text("id,score\n" + "".join(f"{name},{score}\n" for name, score in zip(ids, scores, strict=True)))


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Gate:
    """`teleprompt gate …` in a folder with `base.csv`, in which half of 200 answers are right."""
    monkeypatch.chdir(tmp_path)
    write("base.csv", [i % 2 for i in range(200)])

    def run(*arguments: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["teleprompt", "gate", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        output = capsys.readouterr()
        return Result(end.value.code or 0, output.out, output.err)

    return run


def changed(better: int = 0, worse: int = 0) -> list[int]:
    """Scores of a candidate that answers so many of base.csv's wrong answers right, and right ones wrong."""
    return [int(i < 2 * better) if i % 2 == 0 else int(i >= 2 * worse) for i in range(200)]
