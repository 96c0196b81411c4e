"""Every command, file and snippet of the README and docs/ is run, and every link leads somewhere."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dspy
import pytest
import yaml
from airflow.cli.cli_parser import get_parser

from teleprompt import cli
from teleprompt.attest.codes import Code
from teleprompt.config.alerts import shared_rules
from teleprompt.config.files import load_program_file
from teleprompt.config.optimization import OptimizationStrategy
from teleprompt.config.program import ProgramConfig
from teleprompt.config.program_process import ProgramProcessConfig
from teleprompt.config.settings import Settings
from teleprompt.deltaone.paired import examples_needed
from teleprompt.pipeline.pipeline import Pipeline
from teleprompt.pipeline.whole_run import run_all_stages
from teleprompt.queries.catalog import check_program
from teleprompt.queries.history import list_runs
from teleprompt.serving.choose import forget_versions
from teleprompt.traces._validate import Reason
from teleprompt.traces.submission.row import SubmittedTrace, read_row
from teleprompt.tracking.connection import mlflow_client
from teleprompt.window import Window
from tests import REPOSITORY
from tests.stock_tools import needs
from tests.support import fenced_blocks, local_signer

PAGES = sorted([REPOSITORY / "README.md", *(REPOSITORY / "docs").rglob("*.md")])


def page_blocks(page: Path, language: str) -> list[str]:
    return fenced_blocks(str(page.relative_to(REPOSITORY)), language)


def shell_lines() -> list[str]:
    lines = []
    for page in PAGES:
        for block in page_blocks(page, "sh"):
            lines += [line.partition("  #")[0].strip() for line in block.splitlines() if line.strip()]
    return list(dict.fromkeys(lines))


@pytest.fixture(scope="module")
def attested(email_store: Settings, email_week: Window) -> tuple[Settings, Path, str, str]:
    """The e-mail program was run, and its attestation lies in a file; also the ids of attestation and run."""
    settings = email_store.model_copy(update={"signer": local_signer()})
    file = REPOSITORY / "include/programs/email_draft.yaml"
    pipeline = Pipeline.of_file(file, settings=settings, window=email_week)
    record = run_all_stages(pipeline).attestation
    assert record is not None
    with mlflow_client(settings.tracking_uri) as client:
        (run,) = list_runs(client, program="EmailDraft")
    return settings, Path(record.blob.uri), record.attestation_id, run.run_id


@pytest.fixture
def documented(attested, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str, str]:
    """An environment in which the documented commands work; with the README's own program added."""
    settings, attestation, attestation_id, run_id = attested
    programs = tmp_path / "programs"
    shutil.copytree(REPOSITORY / "include/programs", programs, ignore=shutil.ignore_patterns("__pycache__"))
    (programs / "support_reply.py").write_text(fenced_blocks("README.md", "python")[0])
    (programs / "support_reply.yaml").write_text(fenced_blocks("README.md", "yaml")[0])
    monkeypatch.setenv("TELEPROMPT_TRACKING_URI", settings.tracking_uri.get_secret_value())
    monkeypatch.setenv("TELEPROMPT_STORAGE_URI", settings.storage_uri)
    monkeypatch.setenv("TELEPROMPT_PROGRAMS_DIR", str(programs))
    monkeypatch.setenv("TELEPROMPT_SPOOL_DIR", str(tmp_path / "spool"))
    (tmp_path / "traces.ndjson").write_text(fenced_blocks("docs/traces.md", "json")[0])
    monkeypatch.chdir(tmp_path)
    signer = local_signer()
    monkeypatch.setenv("TELEPROMPT_SIGNER__KEYSTORE", json.dumps(signer.keystore))
    monkeypatch.setenv("TELEPROMPT_SIGNER__PASSWORD", signer.password.get_secret_value())
    return attestation, attestation_id, run_id


@pytest.mark.slow
@pytest.mark.parametrize("line", shell_lines())
def test_every_documented_command_works(
    line: str, documented, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    attestation, attestation_id, run_id = documented
    line = line.replace(".local/run/email_draft.attestation.json", str(attestation))
    line = line.replace("ATTESTATION_ID", attestation_id).replace("RUN_ID", run_id)
    line = line.replace("OLD_VERSION", "1").replace("NEW_VERSION", "2")
    command, *arguments = shlex.split(line)
    match command:
        case "make":
            dry = ["make", "--dry-run", *arguments]
            subprocess.run(dry, cwd=REPOSITORY, check=True, capture_output=True)
            if arguments[0] == "airflow":
                get_parser().parse_args(shlex.split(arguments[1].removeprefix("ARGS=")))
        case "jq":
            needs("jq")
            digest = subprocess.run(line, shell=True, capture_output=True, text=True, check=True).stdout.split()[0]
            assert digest == json.loads(attestation.read_text())["attestation_hash"]
        case "docker":  # not to be had here: its files are there, and tests/deploy tries what is in them
            assert all((REPOSITORY / path).is_file() for path in arguments if path.startswith("deploy/"))
        case ".venv/bin/python":
            assert arguments[:2] == ["-m", "pytest"]
            assert (REPOSITORY / arguments[-1]).exists()
        case _:
            assert command == ".venv/bin/teleprompt"
            run_teleprompt(arguments, monkeypatch, capsys)


def run_teleprompt(arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Run it; what asks a chain is only parsed, for the example's program names none."""
    if arguments[:2] in (["attest", "submit"], ["attest", "status"], ["attest", "revoke"]):
        arguments = [*arguments, "--help"]
    monkeypatch.setattr(sys, "argv", ["teleprompt", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    output = capsys.readouterr()
    # The README's new program has no traffic yet, and this is the documented answer to that.
    if arguments[:2] == ["run", "support_reply"]:
        assert "Insufficient traces: 0 < 1000" in output.err
    # On a machine where nobody is told yet, the documented answer is that nobody is.
    elif arguments == ["doctor"]:
        assert [line.split()[1] for line in output.out.splitlines() if line.startswith("FAIL")] == ["told"]
    else:
        assert (end.value.code or 0) == 0, output.err


@pytest.mark.slow
@pytest.mark.parametrize("script", [text for page in PAGES for text in page_blocks(page, "bash")])
def test_every_documented_script_works(script: str, documented, teleprompt_command: Path, tmp_path: Path) -> None:
    """Stock tools and the command, in a folder of their own that looks like the project's."""
    attestation, attestation_id, _ = documented
    for tool in {"jq", "openssl", "node", "ps"} & set(shlex.split(script.replace("(", " "), comments=True)):
        needs(tool)
    folder = tmp_path / "project"
    (folder / ".local/run").mkdir(parents=True)
    shutil.copy(attestation, folder / ".local/run/email_draft.attestation.json")
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / ".venv/bin/teleprompt").symlink_to(teleprompt_command)
    (folder / "docs").symlink_to(REPOSITORY / "docs")
    command = ["bash", "-euo", "pipefail", "-c", script.replace("ATTESTATION_ID", attestation_id)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_documented_keys_and_defaults_are_those_of_the_schema(tmp_path: Path) -> None:
    text, fields = fenced_blocks("docs/programs.md", "yaml")
    ProgramConfig.model_validate({"name": "P", "slug": "p", **yaml.safe_load(fields)})
    file = tmp_path / "email_draft.yaml"
    file.write_text(text)
    documented = yaml.safe_load(text)
    assert load_program_file(file) == ProgramConfig(name="EmailDraft", slug="email_draft")
    schema = ProgramConfig.model_json_schema()
    assert set(documented) == set(schema["properties"]) - {"slug"}
    assert documented["curation"] == [{"step": "duplicates"}]
    for section in (
        "traces",
        "outcome",
        "split",
        "optimization",
        "gate",
        "attribution",
        "rollout",
        "watch",
        "scheduling",
        "alerts",
    ):
        definition = schema["properties"][section]["$ref"].rpartition("/")[2]
        assert set(documented[section]) == set(schema["$defs"][definition]["properties"]), section


def test_the_documented_pieces_of_program_files_are_valid(tmp_path: Path) -> None:
    pages = ("traces", "deltaone", "rewards", "chain", "scheduling", "alerts")
    for i, text in enumerate(text for page in pages for text in fenced_blocks(f"docs/{page}.md", "yaml")):
        file = tmp_path / f"piece_{i}.yaml"
        if text.startswith("# include/alerts.yaml"):
            file.write_text(text)
            assert shared_rules(file)
            continue
        named = "" if text.startswith("name:") else "name: Piece\n"
        file.write_text(f"{named}entry_point: piece_{i}:build\n{text}")
        (tmp_path / f"piece_{i}.py").write_text("def build(): ...\n")
        load_program_file(file)


def test_the_program_of_the_quickstart_can_be_used(tmp_path: Path) -> None:
    (code,) = fenced_blocks("docs/quickstart.md", "python")
    program, budget = fenced_blocks("docs/quickstart.md", "yaml")
    (tmp_path / "sentiment.py").write_text(code)
    (tmp_path / "sentiment.yaml").write_text(program)
    assert check_program(tmp_path / "sentiment.yaml", process=ProgramProcessConfig()).problem is None
    (tmp_path / "sentiment.yaml").write_text(f"name: Sentiment\n{budget}")
    assert load_program_file(tmp_path / "sentiment.yaml").optimization.budget.max_calls == 2000


def test_the_documented_lines_of_traces_are_taken() -> None:
    lines = [line for text in fenced_blocks("docs/traces.md", "json") for line in text.splitlines()]
    assert len(lines) > 2
    assert all(isinstance(read_row(line.encode()), SubmittedTrace) for line in lines)


def test_each_strategy_is_documented_with_a_valid_file(tmp_path: Path) -> None:
    (tmp_path / "piece.py").write_text("def build(): ...\n")
    shown = set()
    for text in fenced_blocks("docs/strategies.md", "yaml"):
        (tmp_path / "piece.yaml").write_text(f"name: Piece\n{text}")
        shown.add(load_program_file(tmp_path / "piece.yaml").optimization.strategy)
    assert shown == set(OptimizationStrategy)


def test_the_documented_loader_loads(email_store: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEPROMPT_TRACKING_URI", email_store.tracking_uri.get_secret_value())
    block = next(text for text in fenced_blocks("docs/traces.md", "python") if "TraceLoader" in text)
    end = datetime.now(UTC)
    names: dict[str, object] = {}
    exec(
        block.replace("datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 8, tzinfo=UTC)", "START, END"),
        {"START": end - timedelta(days=8), "END": end},
        names,
    )
    assert names["table"].num_rows > 500
    assert names["loader"].truncated is None


def test_the_documented_serving_side_serves(documented, attested) -> None:
    (block,) = [code for code in fenced_blocks("docs/deltaone.md", "python") if "decide_o" not in code]
    names: dict[str, object] = {}
    forget_versions()
    exec(block, names)
    program = names["program"]
    assert isinstance(program, dspy.Module)
    assert hasattr(program, "logged_as")  # it logs its own calls


def test_the_documented_online_decision_finds_the_gain(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = [code for code in fenced_blocks("docs/deltaone.md", "python") if "decide_online" in code]
    exec(block, {})
    assert capsys.readouterr().out.startswith("promote +")


def test_the_documented_estimate_from_explored_calls_finds_the_gain(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = [code for code in fenced_blocks("docs/deltaone.md", "python") if "decide_off_policy" in code]
    exec(block, {})
    assert capsys.readouterr().out.startswith("promote +")


def test_the_documented_sample_sizes_are_those_of_the_gate() -> None:
    text = (REPOSITORY / "docs/deltaone.md").read_text()
    for gain, *numbers in re.findall(r"^\| (\d+) points? \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|", text, re.MULTILINE):
        needed = [examples_needed(sd=share**0.5, difference=int(gain) / 100, alpha=0.05) for share in (0.1, 0.2, 0.4)]
        assert [int(number.replace(",", "")) for number in numbers] == needed, gain


def test_all_reasons_and_codes_are_documented() -> None:
    traces, attestation = ((REPOSITORY / f"docs/{page}.md").read_text() for page in ("traces", "attestation"))
    assert [reason for reason in Reason if f"`{reason}`" not in traces] == []
    assert [code for code in Code if f"`{code}`" not in attestation] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target
