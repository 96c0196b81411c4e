"""What there is to tell when a run is over."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from teleprompt.alerts._traffic import in_words, traffic_of, unusual
from teleprompt.alerts.alert import PAGES, Alert
from teleprompt.config.alerts import AlertEvent
from teleprompt.config.program import ProgramConfig
from teleprompt.deltaone.report import Verdict
from teleprompt.errors import InsufficientTracesError, TelepromptError
from teleprompt.queries.history import RunSummary, runs_until
from teleprompt.records import Record
from teleprompt.traces.snapshot import Snapshot, SnapshotRecord, read_snapshot
from teleprompt.tracking.pipeline_run import PipelineRun

if TYPE_CHECKING:
    from mlflow import MlflowClient


log = logging.getLogger(__name__)

EARLIER_RUNS = 12
OF_THE_FINDING = frozenset({AlertEvent.DELTAONE, AlertEvent.REJECTION})


def run_page(slug: str, run_id: str) -> str:
    """Where a run's page shows what changes in the prompt, below Airflow's address."""
    return f"{PAGES}/programs/{slug}/runs/{run_id}#prompt"


class RunEnd(Record):
    """How a run ended."""

    dag_run_id: str
    window: str
    run: RunSummary | None
    """None where there were too few calls to begin."""
    insufficient_in_a_row: int
    """Runs, this one included, that had too few usable traces."""


def alerts_of_run(client: "MlflowClient", config: ProgramConfig, end: RunEnd) -> list[Alert]:
    """The alerts of a run that did not fail."""
    return list(_alerts(client, config, end))


def _alerts(client: "MlflowClient", config: ProgramConfig, end: RunEnd) -> Iterator[Alert]:
    def alert(event: AlertEvent, text: str, *, page: str | None = None, **facts: float | int | str | None) -> Alert:
        about = {"window": end.window, "dag_run_id": end.dag_run_id, **facts}
        return Alert(
            event=event,
            program=config.slug,
            text=text,
            # Of one window two of Airflow's runs may conclude, and they found the same.
            cause=end.run.key if end.run is not None and event in OF_THE_FINDING else end.dag_run_id,
            at=datetime.now(UTC),
            page=page,
            facts=about,
        )

    if end.run is None or end.run.found_too_few:
        if end.insufficient_in_a_row and end.insufficient_in_a_row % config.alerts.insufficient_runs == 0:
            runs = end.insufficient_in_a_row
            least = config.optimization.min_traces
            text = f"The last {runs} runs had fewer than {least} usable traces, the last one over "
            yield alert(
                AlertEvent.INSUFFICIENT_TRACES,
                f"{text}{end.window}; see `teleprompt traces inspect {config.slug}`.",
                runs=runs,
            )
        return
    run = end.run
    if run.low_power:
        yield alert(AlertEvent.LOW_POWER, run.low_power)
    if run.cut_short:
        yield alert(AlertEvent.BUDGET, f"The work was cut short: {run.cut_short}.", lm_calls=run.lm_calls)
    found = _unusual_traffic(client, config, run)
    if found:
        figures: dict[str, Any] = {name: value for name, (value, _) in found.items()}
        yield alert(AlertEvent.TRAFFIC, in_words(found), **figures)
    if run.verdict is not None and run.delta_e6 is not None:
        is_better = run.verdict == Verdict.PROMOTE.value
        yield alert(
            AlertEvent.DELTAONE if is_better else AlertEvent.REJECTION,
            _verdict_in_words(run),
            page=run_page(config.slug, run.run_id),
            verdict=run.verdict,
            delta_points=run.delta_e6 / 1e4,
            model_version=run.model_version,
            attestation_id=run.attestation_id,
        )


def alerts_of_quarantine(error: InsufficientTracesError, *, program: str, dag_run_id: str, window: str) -> list[Alert]:
    """The alert of a run for which enough traces were logged, but too few that can be used."""
    if not error.is_for_quarantine:
        return []
    about = {"window": window, "dag_run_id": dag_run_id, "usable": error.found, "needed": error.needed}
    return [
        Alert(
            event=AlertEvent.QUARANTINE,
            program=program,
            text=str(error),
            cause=dag_run_id,
            at=datetime.now(UTC),
            facts={**about, **error.quarantined},
        )
    ]


def _verdict_in_words(run: RunSummary) -> str:
    assert run.delta_e6 is not None  # noqa: S101 - a verdict has its figures
    interval = f"[{(run.ci_low_e6 or 0) / 1e4:+.2f}, {(run.ci_high_e6 or 0) / 1e4:+.2f}]"
    measured = f"{run.delta_e6 / 1e4:+.2f} points {interval} on {run.n_gate} sealed examples"
    if run.verdict != Verdict.PROMOTE.value:
        return f"The gate says {run.verdict}, and the champion stays: {run.reason}"
    version = f"version {run.model_version} was registered" if run.model_version else "nothing is registered yet"
    return f"DeltaOne: {measured}; {version}."


def _unusual_traffic(client: "MlflowClient", config: ProgramConfig, run: RunSummary) -> dict[str, tuple[float, float]]:
    own = _snapshot(client, run.run_id)
    if own is None:
        return {}
    others = (i for i in runs_until(client, program=config.name, end=run.window_end) if i != run.run_id)
    snapshots = (_snapshot(client, run_id) for run_id in islice(others, EARLIER_RUNS))
    before = [traffic_of(other) for other in snapshots if other is not None]
    return unusual(traffic_of(own), before, sensitivity=config.alerts.sensitivity)


def _snapshot(client: "MlflowClient", run_id: str) -> Snapshot | None:
    """What a run collected; None where that is gone, or was written by another version of the package."""
    try:
        record = PipelineRun(client, run_id).read("snapshot", SnapshotRecord)
        return None if record is None else read_snapshot(record)
    except (TelepromptError, ValidationError) as error:
        log.warning("The traffic is compared without the run %s: %s", run_id, error)
        return None
