"""Nothing that a person typed, or a trace holds, reaches a terminal raw: not in tables, sentences, errors or logs."""

import io
import json
import logging
import os
import pty
import subprocess
import sys
import unicodedata
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from teleprompt.cli import output
from teleprompt.cli.stage_bar import stage_bar
from teleprompt.config.settings import Settings
from teleprompt.errors import TelepromptError
from teleprompt.registry.changes import promote, set_baseline
from teleprompt.tracking.connection import mlflow_client

NASTY = "bad\x1b[31m\r\nError: none\t\x9b2J\u202egnp.exe\u200b\u2028[red]x[/red][link=http://evil.test]y[/link]\x7f"
SHOWN = r"bad\x1b[31m\r\nError: none\t\x9b2J\u202egnp.exe\u200b\u2028[red]x[/red][link=http://evil.test]y[/link]\x7f"


def is_clean(text: str) -> bool:
    """Whether lines end and nothing else happens."""
    return {unicodedata.category(c) for c in text if c != "\n"}.isdisjoint({"Cc", "Cf", "Cs", "Zl", "Zp"})


@pytest.fixture
def log(settings: Settings) -> None:
    """A log of changes whose reason and author are somebody's."""
    with mlflow_client(settings.tracking_uri) as client:
        client.create_registered_model("Shelves")
        for _ in range(2):
            client.create_model_version("Shelves", "file:///nowhere")
        set_baseline(client, "Shelves", 1, who="test", why="first")
        promote(client, "Shelves", 2, instead_of=1, who=NASTY, why=NASTY)


@pytest.mark.usefixtures("log")
def test_a_table_shows_a_reason_as_it_was_typed(call) -> None:
    found = call("versions", "log", "shelves")
    assert r"bad\x1b[31m\r\nError:" in found.out
    assert "[red]x[/red]" in found.out
    assert is_clean(found.out)
    assert is_clean(call("audit", "list", "shelves").out)


@pytest.mark.usefixtures("log")
def test_json_says_the_same_in_escapes(call) -> None:
    found = call("versions", "log", "shelves", "--json")
    assert found.json[0]["why"] == NASTY
    assert is_clean(found.out)


@pytest.mark.usefixtures("log")
def test_what_the_command_logs_of_a_reason_is_one_line(call, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        assert call("versions", "rollback", "shelves", "--why", NASTY).status == 0
    assert SHOWN in caplog.messages[-1]
    assert all(map(is_clean, caplog.messages))


@pytest.mark.parametrize(
    "arguments",
    [
        ("programs", "show", NASTY),
        ("versions", "log", NASTY),
        ("versions", "rollback", "shelves", "--to", NASTY),
        ("status", NASTY),
        ("run", "shelves", "--start", NASTY, "--end", "2026-11-16"),
        ("traces", "count", "shelves", "--end", NASTY),
        ("attest", "show", NASTY),
        ("attest", "verify", NASTY),
        ("rewards", NASTY, "--total", "1"),
        ("deltaone", "recompute", NASTY),
        ("restore", NASTY),
        (NASTY,),
        ("versions", NASTY),
        ("versions", "log"),
        ("versions", "log", "shelves", NASTY),
        ("versions", "log", "shelves", "--limit", NASTY),
        ("versions", "log", "shelves", f"--{NASTY}"),
        ("audit", "verify", "shelves", "--against", NASTY),
        ("attest", "export", "x", "--as", NASTY),
    ],
    ids=lambda arguments: " ".join(arguments).replace(NASTY, "NASTY"),
)
def test_an_error_is_one_line_and_its_status_says_that_nothing_was_done(call, arguments: tuple[str, ...]) -> None:
    found = call(*arguments)
    assert found.status in {1, 2}
    assert found.out == ""
    assert found.err.startswith("Error: ")
    assert found.err.count("\n") == 1
    assert is_clean(found.err)


def test_a_group_without_a_command_shows_its_help(call) -> None:
    found = call("versions")
    assert found.status == 2
    assert "rollback" in found.out + found.err


def test_what_a_submitted_file_says_is_quoted_clean(call, tmp_path: Path) -> None:
    row = {"trace_id": "t", "outcomes": {NASTY: "x"}, NASTY: NASTY}
    file = tmp_path / "rows.ndjson"
    file.write_text(json.dumps(row) + "\n" + NASTY.replace("\n", " ") + "\n")
    found = call("traces", "submit", "shelves", str(file))
    assert (found.status, found.err.count("\n")) == (1, 2)
    assert is_clean(found.out + found.err)


def test_a_program_file_is_shown_clean(call, tmp_path: Path) -> None:
    file = tmp_path / "programs" / "nasty.yaml"
    file.write_text(json.dumps({"name": "N", "module": NASTY}))
    for arguments in (("programs", "list"), ("programs", "validate", str(file)), ("programs", "show", "nasty")):
        found = call(*arguments)
        assert is_clean(found.out + found.err)


def test_a_message_of_an_error_is_one_line_wherever_it_is_printed() -> None:
    assert str(TelepromptError(f"It says {NASTY}.")) == f"It says {SHOWN}."


def test_a_log_record_is_one_line_and_a_traceback_keeps_its_lines() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(output.LogFormatter())
    error = ValueError(NASTY)
    handler.emit(logging.LogRecord("x", logging.ERROR, "f", 1, "%s", (NASTY,), (ValueError, error, None)))
    assert stream.getvalue().splitlines()[0] == SHOWN
    assert is_clean(stream.getvalue())


def test_the_bar_takes_no_markup() -> None:
    stream = io.StringIO()
    pipeline = SimpleNamespace(watch=None)
    with stage_bar(pipeline, Console(file=stream, force_terminal=True, color_system=None, width=300)) as on_stage:
        on_stage("compile", 3)
        pipeline.watch(NASTY)
    assert "\u202e" not in stream.getvalue()
    assert "[red]x[/red]" in stream.getvalue()


@pytest.mark.parametrize("on_terminal", [True, False], ids=["terminal", "pipe"])
def test_exact_bytes_go_to_a_pipe_and_escapes_to_a_terminal(on_terminal: bool) -> None:
    document = '{"name":"a\u202eb"}'.encode()
    code = f"from teleprompt.cli.output import print_document\nprint_document({document!r})"
    seen, out = pty.openpty() if on_terminal else os.pipe()
    subprocess.run([sys.executable, "-c", code], stdout=out, check=True, timeout=60)
    os.close(out)
    assert os.read(seen, 1000) == (rb'{"name":"a\u202eb"}' if on_terminal else document)
    os.close(seen)
