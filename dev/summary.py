"""What `make run` leaves and shows: `.local/run/summary.json`, the attestation files, the table."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dev import REPOSITORY
from dev.local import RUN
from dev.signer import signer_address
from teleprompt.attest.stored import AttestationStore
from teleprompt.config.files import find_program_file, load_program_file
from teleprompt.config.settings import Settings
from teleprompt.program.code import code_of
from teleprompt.program.fingerprint import run_key
from teleprompt.queries.history import list_runs
from teleprompt.tracking.connection import mlflow_client
from teleprompt.window import Window


@dataclass(frozen=True)
class ProgramSummary:
    """One program's run; scores and changes are fractions of 1, `attestation` is a path."""

    program: str
    dag_id: str
    dag_run_id: str
    state: str
    verdict: str | None
    delta: float | None
    ci_low: float | None
    ci_high: float | None
    n_gate: int | None
    model_version: int | None
    attestation: str | None
    reason: str | None
    """Why nothing was compared, where that is so."""
    online: "OnlineSummary | None" = None
    """What came of both versions' calls, where the attestation claims that."""


@dataclass(frozen=True)
class OnlineSummary:
    """An outcome before and after, as an attestation says it; fractions of 1."""

    metric: str
    before: float
    after: float
    ci_low: float
    ci_high: float
    calls: int


def summarize(program: str, dag_id: str, dag_run_id: str, state: str, window: Window) -> ProgramSummary:
    """What MLflow holds of the program's run over `window`; copies its attestation to `.local/run`."""
    settings = Settings()
    file = find_program_file(settings.programs_dir, program)
    config = load_program_file(file)
    code = code_of(file, config.entry_point).digest
    key = run_key(config, code_digest=code, settings=settings, window=window).digest
    with mlflow_client(settings.tracking_uri) as client:
        run = next((r for r in list_runs(client, program=config.name) if r.key == key), None)
        attestation = online = None
        if run is not None and run.attestation_id is not None:
            file = RUN / f"{program}.attestation.json"
            file.write_bytes(AttestationStore(client).find(run.attestation_id).data)
            attestation = str(file.relative_to(REPOSITORY))
            online = _online(json.loads(file.read_bytes()))
    return ProgramSummary(
        program=program,
        dag_id=dag_id,
        dag_run_id=dag_run_id,
        state=state,
        verdict=run.verdict if run else None,
        delta=_fraction(run.delta_e6 if run else None),
        ci_low=_fraction(run.ci_low_e6 if run else None),
        ci_high=_fraction(run.ci_high_e6 if run else None),
        n_gate=run.n_gate if run else None,
        model_version=run.model_version if run else None,
        attestation=attestation,
        reason=run.skipped if run else None,
        online=online,
    )


def _online(document: dict[str, Any]) -> OnlineSummary | None:
    evidence, said = document["evidence"], document["performance"]
    if evidence["kind"] != "online":
        return None
    metric = document["optimization_metadata"]["outcome_metric"]
    return OnlineSummary(
        metric=metric,
        before=said["baseline_metrics"][metric],
        after=said["optimized_metrics"][metric],
        ci_low=evidence["ci_low_e6"] / 1e6,
        ci_high=evidence["ci_high_e6"] / 1e6,
        calls=evidence["n_baseline"] + evidence["n_optimized"],
    )


def write_summary(summaries: list[ProgramSummary]) -> Path:
    """Write `summary.json`; returns its path."""
    file = RUN / "summary.json"
    file.write_text(json.dumps([asdict(s) for s in summaries], indent=2) + "\n", encoding="utf-8")
    return file


def print_summary(summaries: list[ProgramSummary], file: Path) -> None:
    """The table, the command that verifies, and where to look next."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(
        "program", "verdict", "change (points)", "interval", "gate", "version", "attestation",
        box=box.SIMPLE_HEAD, pad_edge=False,
    )  # fmt: skip
    for s in summaries:
        table.add_row(
            s.program,
            s.verdict or s.state,
            _points(s.delta),
            f"[{_points(s.ci_low)}, {_points(s.ci_high)}]".replace("[", r"\[") if s.delta is not None else "-",
            str(s.n_gate or "-"),
            str(s.model_version or "-"),
            s.attestation or "-",
        )
    console = Console()
    if not console.is_terminal:
        console.width = 140
    console.print(table)
    for summary in summaries:
        if summary.reason:
            print(f"{summary.program}: {summary.reason}")
        if summary.online:
            print(f"{summary.program}: {_in_words(summary.online)}")
        if summary.attestation:
            print(f"Verify it:   .venv/bin/teleprompt attest verify {summary.attestation} "
                  f"--trusted-signer {signer_address()}")  # fmt: skip
    print("Look closer: .venv/bin/teleprompt status       all runs")
    print("             .venv/bin/teleprompt traces inspect email_draft       what was used and dropped")
    print("             make up       Airflow and MLflow in the browser")
    print(f"For scripts: {file.relative_to(REPOSITORY)}")


def _in_words(said: OnlineSummary) -> str:
    return (
        f"half of a simulated week's customers got the new version; {said.metric} rose from {said.before:.1%} to "
        f"{said.after:.1%}, by at least {_points(said.ci_low)} points ({said.calls} calls)"
    )


def _fraction(value_e6: int | None) -> float | None:
    return None if value_e6 is None else value_e6 / 1e6


def _points(value: float | None) -> str:
    return "-" if value is None else f"{value * 100:+.2f}"
