"""The `teleprompt` command, as a process would call it: status, standard output, one line of error."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from teleprompt import cli
from teleprompt.config.settings import Settings
from tests.support import log_own_answers, log_shelf_calls, write_program

WINDOW = ("--start", "2026-11-09", "--end", "2026-11-16")


def test_labels_that_are_mostly_the_champions_own_decide_nothing(call, settings: Settings) -> None:
    """The candidate answers all of them rightly and the champion two thirds; who agrees with itself cannot tell."""
    log_own_answers(settings)
    outcome = call("run", "shelves", *WINDOW, "--json")
    comparison = outcome.json["comparison"]
    report, labels = comparison["report"], comparison["labels"]
    assert (outcome.status, report["verdict"], outcome.json["version"]) == (0, "inconclusive", None)
    assert report["delta_e6"] > 200_000
    assert labels["champion_agrees_e6"] == 1_000_000
    assert labels["written_by"]["champion"] > labels["written_by"]["others"]
    said = call("run", "shelves", *WINDOW).out
    assert "labels are the champion's own answers, with which it agrees to 100 %" in " ".join(said.split())
    assert [version["number"] for version in call("versions", "list", "shelves", "--json").json] == [1]


def test_from_traces_to_rewards(call, settings: Settings, tmp_path: Path) -> None:
    log_shelf_calls(settings, count=160)
    assert call("traces", "count", "shelves", *WINDOW, "--json").json["count"] == 160
    checked = call("traces", "check-source", "shelves", *WINDOW, "--json")
    assert (checked.status, checked.json["runs"]["calls"], checked.json["runs"]["problems"]) == (0, 160, [])
    of_nothing = call("traces", "check-source", "shelves", "--start", "2025-11-09", "--end", "2025-11-16", "--json")
    assert (of_nothing.status, of_nothing.json["runs"]["calls"]) == (1, 0)
    inspected = call("traces", "inspect", "shelves", *WINDOW, "--json").json
    assert (inspected["usable"], inspected["good"]) == (160, 80)
    assert "160 usable (enough), 80 with a good outcome" in call("traces", "inspect", "shelves", *WINDOW).out

    outcome = call("run", "shelves", *WINDOW, "--json")
    assert outcome.status == 0
    assert outcome.json["comparison"]["report"]["verdict"] == "promote"
    looked_at = call("traces", "inspect", "shelves")
    assert "160 usable (enough)" in looked_at.out
    assert "the window of the last run" in looked_at.err
    again = call("run", "Shelves", *WINDOW)
    assert "verdict      promote" in again.out
    assert "teleprompt attest verify" in again.out

    (run,) = call("status", "shelves", "--json").json
    assert (run["stage"], run["model_version"]) == ("attestation", 2)
    assert "promote" in call("status").out
    assert [v["number"] for v in call("versions", "list", "shelves", "--json").json] == [2, 1]
    assert "champion" in call("versions", "list", "shelves").out
    changes = call("versions", "diff", "shelves").out.splitlines()
    assert changes[:3] == ["self", "  demonstrations added", "  + 1. shelf: left"]
    assert changes[-1].endswith("characters, 0 -> 16 demonstrations")
    back = call("versions", "diff", "shelves", "2", "1.0.0", "--json").json
    assert (len(back["predictors"][0]["removed"]), back["demos"]) == (16, [16, 0])

    (listed,) = call("attest", "list", "--json").json
    assert listed["attestation_id"] in call("attest", "list").out
    shown = call("attest", "show", listed["attestation_id"])
    assert call("attest", "show", listed["attestation_hash"]).out == shown.out
    file = tmp_path / "a.json"
    file.write_text(shown.out)
    assert call("attest", "verify", str(file), "--require-signature").status == 0
    verified = call("attest", "verify", str(file), "--json").json
    assert (verified["valid"], verified["level"], verified["code"]) == (True, "signed", "OK")
    signer = verified["signers"][0]
    assert call("attest", "verify", str(file), "--trusted-signer", signer).status == 0

    file.write_text(shown.out.replace("Shelves", "Selves"))
    changed = call("attest", "verify", str(file), "--json")
    assert (changed.status, changed.json["valid"], changed.json["code"]) == (1, False, "HASH_MISMATCH")

    rewards = call("rewards", listed["attestation_id"], "--total", "1000.5", "--json").json
    assert sum(int(r["base_units"]) for r in rewards["rewards"]) == int(rewards["total"]) == 10005 * 10**17
    assert "alice" in call("rewards", listed["attestation_id"], "--total", "1000.5").out
    assert call("rewards", listed["attestation_id"], "--total", "much").status == 2


def test_programs_are_listed_shown_and_validated(call, tmp_path: Path) -> None:
    write_program(tmp_path / "programs", "typo", yaml="name: T\nschedul: daily\n")
    write_program(tmp_path / "programs", "crash", yaml="name: C\n", code="from dspy import Nope\ndef build(): ...\n")
    listed = {entry["program"]: entry for entry in call("programs", "list", "--json").json}
    assert listed["shelves"]["problem"] is None
    assert "did you mean `schedule`" in listed["typo"]["problem"]
    assert call("programs", "show", "shelves", "--json").json["optimization"]["min_traces"] == 20
    assert "min_traces: 20" in call("programs", "show", "shelves").out
    validated = call("programs", "validate")
    assert validated.status == 2
    assert validated.out.splitlines() == [
        "shelves.yaml: ok",
        "  inputs   thing: str",
        "  outputs  shelf: Literal['left', 'right']",
    ]
    crash, typo = validated.err.splitlines()
    assert crash.startswith("Error: crash.py: cannot be imported (ImportError: cannot import name 'Nope' from 'dspy'")
    assert typo == "Error: typo.yaml:2: `schedul`: unknown key; did you mean `schedule`?"
    write_program(tmp_path / "programs", "twin", yaml="name: Shelves\n")
    write_program(tmp_path / "programs", "metric", yaml='name: M\ngate: {metric: "metric:none"}\n')
    errors = call("programs", "validate").err
    assert "twin.yaml: `name`: shelves.yaml has the same name 'Shelves'" in errors
    assert "metric.py defines no function 'none'" in errors
    (tmp_path / "programs/twin.yaml").unlink()
    machine = call("programs", "validate", "--json")
    assert {entry["valid"] for entry in machine.json} == {True, False}
    (sound,) = [entry for entry in machine.json if entry["valid"]]
    assert sound["inputs"] == [{"name": "thing", "type": "str", "required": True}]
    assert (sound["outputs"][0]["name"], sound["outputs_open"]) == ("shelf", False)
    assert call("programs", "validate", str(tmp_path / "programs/shelves.yaml")).status == 0


def test_an_answer_is_scored_field_by_field(call) -> None:
    same = call(
        "programs", "score", "shelves", "--logged", '{"shelf": "left"}', "--given", '{"shelf": "Left"}', "--json"
    )
    assert (same.status, same.json) == (0, {"score": 1.0, "fields": {"shelf": 1.0}})
    mixed = call("programs", "score", "shelves", "--logged", '{"shelf": "left"}', "--given", '"left"', "--json")
    assert mixed.json["score"] == 1.0
    other = call("programs", "score", "shelves", "--logged", '"left"', "--given", '"right"')
    assert other.out.splitlines()[-1] == "score 0.0000 (agreement_with_high_outcome)"
    assert "Literal['left', 'right']" in other.out


@pytest.mark.parametrize(
    ("logged", "given", "problem"),
    [
        ('{"shelf": "top"}', "{}", "The logged `shelf` is no Literal['left', 'right']"),
        ("left", "{}", "--logged is no JSON"),
        ('{"other": "left"}', "{}", "holds none of the program's outputs (`shelf`)"),
    ],
)
def test_an_answer_that_cannot_be_scored_says_why(call, logged: str, given: str, problem: str) -> None:
    refused = call("programs", "score", "shelves", "--logged", logged, "--given", given)
    assert refused.status == 2
    assert problem in refused.err


def test_the_schema_is_the_published_one(call) -> None:
    root = Path(cli.__file__).parents[3]
    assert call("programs", "schema").out == (root / "docs/schemas/program.schema.json").read_text()


def test_the_doctor_finds_what_is_wrong(call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEPROMPT_DEFAULT_ALERTS__TO", "ops@example.org")
    healthy = call("doctor", "--json")
    assert (healthy.status, [f["ok"] for f in healthy.json]) == (0, [True] * 12)
    monkeypatch.setenv("TELEPROMPT_SIGNER__PASSWORD", "wrong")
    monkeypatch.setenv("TELEPROMPT_STORAGE_URI", "/proc/nowhere")
    monkeypatch.setenv("TELEPROMPT_STORGE_URI", "/somewhere")
    sick = call("doctor")
    assert sick.status == 1
    assert [line.split()[1] for line in sick.out.splitlines() if line.startswith("FAIL")] == [
        "environment",
        "storage",
        "signer",
    ]
    assert "TELEPROMPT_STORGE_URI is no setting; did you mean TELEPROMPT_STORAGE_URI?" in sick.out
    assert "make it writable, or correct TELEPROMPT_STORAGE_URI" in sick.out


def test_the_doctor_says_that_nobody_is_told_until_somebody_is(call, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = call("doctor")
    assert silent.status == 1
    (line,) = (line for line in silent.out.splitlines() if line.startswith("FAIL"))
    assert "told" in line.split()
    assert "Nobody is told of failure, insufficient_traces, deltaone, rollback, regression of shelves." in line
    assert "-> set TELEPROMPT_DEFAULT_ALERTS__TO" in silent.out
    for variable, value, said in (
        ("TELEPROMPT_DEFAULT_ALERTS__TO", "ops@example.org", "goes to ops@example.org by mail"),
        ("TELEPROMPT_DEFAULT_ALERTS__NOTIFIER", "none", "nobody is told of what no rule names, as"),
        ("AIRFLOW_CONN_TELEPROMPT_WEBHOOK", '{"conn_type": "http", "password": "MARK"}', "the webhook of the"),
        ("AIRFLOW_CONN_SMTP_DEFAULT", "smtp://u:MARK@mail?from_email=a%40example.org", "a@example.org by mail"),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(variable, value)
            told = call("doctor")
        assert (told.status, said in told.out, "MARK" in told.out) == (0, True, False), variable


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("run", "nobody", *WINDOW), 2, "There is no program 'nobody'"),
        (("run", "shelves", "--start", "then", "--end", "2026-01-01"), 2, "--start 'then' is not an ISO 8601 time"),
        (("run", "shelves", "--start", "2026-01-02", "--end", "2026-01-01"), 2, "must be before --end"),
        (("run", "shelves", "--start", "2026-01-02", "--end", "2999-01-01"), 2, "is in the future"),
        (("run", "shelves", *WINDOW), 1, "Insufficient traces: 0 < 20"),
        (("attest", "show", "0123"), 2, "There is no attestation '0123'"),
        (("attest", "verify", "/nowhere.json"), 2, "/nowhere.json cannot be read"),
        (("attest", "verify", "/dev/null", "--trusted-signer", "0x1"), 2, "Trusted signer"),
        (("attest", "verify", "/dev/null", "--state", "/nowhere.json"), 2, "/nowhere.json cannot be read"),
        (("attest", "verify", "/dev/null", "--after", "then"), 2, "--after 'then' is not an ISO 8601 time"),
        (("rewards", "0123", "--total", "1"), 2, "There is no attestation '0123'"),
        (("versions", "list", "nobody"), 2, "There is no program"),
    ],
)
def test_errors_are_one_line_and_a_status(call, arguments: tuple, status: int, message: str) -> None:
    result = call(*arguments)
    assert result.status == status
    assert message in result.err
    lines = [line for line in result.err.splitlines() if line.startswith("Error")]
    assert len(lines) == 1
    assert "Traceback" not in result.err


def test_an_unreachable_mlflow_is_named(call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEPROMPT_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    result = call("status")
    assert (result.status, result.err.count("\n")) == (1, 1)
    assert "MLflow at http://127.0.0.1:9 does not answer" in result.err


def test_every_command_explains_itself() -> None:
    runner = CliRunner()
    for command in (
        [],
        ["programs"],
        ["traces"],
        ["attest"],
        ["versions"],
        ["run"],
        ["status"],
        ["rewards"],
        ["doctor"],
    ):
        assert runner.invoke(cli.app, [*command, "--help"]).exit_code == 0


def test_the_console_script_runs_without_airflow_or_heavy_imports() -> None:
    """`--help` must not cost the seconds that DSPy, MLflow or Airflow take to import."""
    code = (
        "import sys, teleprompt.cli; "
        "print([m for m in ('airflow', 'dspy', 'mlflow', 'web3', 'pandas', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_each_command_is_imported_before_all_others() -> None:
    """In a process of its own, as a user types it: no module relies on what another command has imported."""
    code = """
import os, sys
from importlib import import_module
import typer
for name in sys.argv[1:]:
    child = os.fork()
    if not child:
        import_module(name)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, name
"""
    modules = {place.partition(":")[0] for place in cli._Commands.places.values()}
    assert len(modules) > 15
    done = subprocess.run([sys.executable, "-c", code, *sorted(modules)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_looking_at_traces_says_what_was_found_instead(call, settings: Settings) -> None:
    log_shelf_calls(settings, count=160)
    file = Path(Settings().programs_dir) / "shelves.yaml"
    file.write_text(file.read_text() + "outcome: {metric: outcome_scor}\n")  # one letter short
    looked = call("traces", "inspect", "shelves", *WINDOW)
    said = "0 of 160 calls hold the outcome `outcome_scor`, they hold `outcome_score` (160)"
    assert (looked.status, said in looked.out) == (0, True)
    assert said in call("traces", "inspect", "shelves", *WINDOW, "--json").json["instead"]
    file.write_text("name: Shelf\n")
    counted = call("traces", "count", "shelves", *WINDOW)
    assert "calls there name `Shelves` (160), none names `Shelf`" in counted.out
    assert call("traces", "count", "shelves", *WINDOW, "--json").json["instead"] in counted.out.replace("\n", " ")
