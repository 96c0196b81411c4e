"""Reading a period back from MLflow."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from teleprompt.attribution.attribute import Attribution
from teleprompt.config.files import ProgramFileError, known_program, slug_of
from teleprompt.config.program import ProgramConfig
from teleprompt.gate.comparison import Comparison
from teleprompt.queries.history import RunSummary, runs_ended
from teleprompt.registry.change_log import Action, ChangeState, list_changes
from teleprompt.registry.listing import list_versions
from teleprompt.registry.scoreboard import scoreboard_of
from teleprompt.report.records import Decision, Failure, Improvement, ProgramReport, Report
from teleprompt.traces.snapshot import SnapshotRecord
from teleprompt.tracking.pipeline_run import PipelineRun, RecordUnreadableError
from teleprompt.tracking.skipped_windows import list_skipped
from teleprompt.window import Window

if TYPE_CHECKING:
    from mlflow import MlflowClient

SAID_ELSEWHERE = frozenset({Action.BASELINE, Action.PROMOTE, Action.REJECT, Action.INCONCLUSIVE})
"""Changes that say again what a run's verdict or production says, and that there is a program."""

MOST_SKIPPED = 1000
"""Windows without enough traces that are looked at."""


def read_report(client: "MlflowClient", files: Iterable[Path], period: Window) -> Report:
    """What ended in `period`, of the programs of these files."""
    reports, unreadable = [], {}
    for file in files:
        try:
            reports.append(_program(client, known_program(file), period))
        except ProgramFileError as error:
            unreadable[slug_of(file)] = str(error)
    return Report(since=period.start, until=period.end, programs=tuple(reports), unreadable=unreadable)


def _program(client: "MlflowClient", config: ProgramConfig, period: Window) -> ProgramReport:
    runs = runs_ended(client, program=config.name, period=period)
    versions = list_versions(client, config.name)
    snapshots = [found for run in runs if (found := _snapshot(client, run)) is not None]
    return ProgramReport(
        program=config.slug,
        name=config.name,
        champion=next((version.version_id for version in versions if "champion" in version.aliases), None),
        improvements=tuple(_improvement(client, run) for run in runs if run.verdict == "promote"),
        decisions=tuple(_decision(run) for run in runs if run.verdict in {"reject", "inconclusive"}),
        failures=tuple(_failure(run) for run in runs if run.error is not None),
        online=tuple(line for line in scoreboard_of(versions) if _is_in(period, line.online.at)),
        changes=tuple(
            change
            for change in list_changes(client, config.name)
            if change.action not in SAID_ELSEWHERE and change.state is ChangeState.DONE and _is_in(period, change.at)
        ),
        skipped_windows=sum(
            _is_in(period, datetime.fromisoformat(skipped.window_end))
            for skipped in list_skipped(client, config.name, limit=MOST_SKIPPED)
        ),
        traces=sum(found.trace_count for found in snapshots),
        quarantined=sum(found.quarantined for found in snapshots),
        lm_calls=sum(run.lm_calls or 0 for run in runs),
        cost_usd=sum(run.cost_usd or 0 for run in runs),
    )


def _is_in(period: Window, at: datetime) -> bool:
    return period.start <= at < period.end


def _snapshot(client: "MlflowClient", run: RunSummary) -> SnapshotRecord | None:
    try:
        return PipelineRun(client, run.run_id).read("snapshot", SnapshotRecord)
    except RecordUnreadableError:  # of another version of the package; `list_runs` has said so
        return None


def _improvement(client: "MlflowClient", run: RunSummary) -> Improvement:
    kept = PipelineRun(client, run.run_id)
    comparison, attribution = kept.read("gate", Comparison), kept.read("attribution", Attribution)
    return Improvement(
        run_id=run.run_id,
        window=_window(run),
        version=run.model_version,
        delta_e6=run.delta_e6 or 0,
        ci_low_e6=run.ci_low_e6 or 0,
        ci_high_e6=run.ci_high_e6 or 0,
        n=run.n_gate or 0,
        compared=comparison.labels.compared if comparison and comparison.labels else None,
        attestation_id=run.attestation_id,
        credits_e6={
            credit.contributor_id: credit.weight_e6
            for credit in sorted(attribution.credits, key=lambda credit: -credit.weight_e6)
        }
        if attribution is not None and run.attestation_id is not None
        else {},
    )


def _decision(run: RunSummary) -> Decision:
    return Decision(run_id=run.run_id, window=_window(run), verdict=run.verdict or "", reason=run.reason or "")


def _failure(run: RunSummary) -> Failure:
    return Failure(run_id=run.run_id, window=_window(run), error=run.error or "")


def _window(run: RunSummary) -> Window:
    return Window.model_validate({"start": run.window_start, "end": run.window_end})
