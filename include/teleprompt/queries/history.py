"""Reading finished and running pipeline runs back from MLflow."""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar

from teleprompt.attest.issue import AttestationRecord
from teleprompt.deltaone.report import Verdict
from teleprompt.errors import ConfigurationError
from teleprompt.gate.comparison import Comparison
from teleprompt.lm.stage_spend import StageSpend, spend_by_stage
from teleprompt.optimize.select import Selection
from teleprompt.records import Digest, Millionths, Record
from teleprompt.registry.versions import ProgramVersion
from teleprompt.traces.snapshot import SnapshotRecord
from teleprompt.tracking.connection import quoted
from teleprompt.tracking.pipeline_run import FIRST_DAG_RUN, KEY_TAG, WINDOW_END_TAG, PipelineRun, RecordUnreadableError
from teleprompt.tracking.progress_tags import PROGRESS
from teleprompt.tracking.search import NEWEST_WINDOW_FIRST, search_own_runs
from teleprompt.window import Window

if TYPE_CHECKING:
    from mlflow import MlflowClient


log = logging.getLogger(__name__)

R = TypeVar("R", bound=Record)


class RunSummary(Record):
    """One pipeline run in a line."""

    run_id: str
    key: Digest
    """Its idempotency key."""
    program: str
    window_start: str
    window_end: str
    state: str
    """`running`, `failed` or `finished`."""
    error: str | None
    """Why it failed."""
    stage: str
    """The last stage that is done: `none`, `snapshot`, `selection`, `gate`, `version` or `attestation`."""
    progress: str | None
    """How far a running one is: candidates that are compiled, and what each part of it says."""
    verdict: str | None
    reason: str | None
    """The verdict in one sentence: what was shown, or why nothing is decided yet."""
    trial_id: Digest | None
    """The trial that its window is one of."""
    delta_e6: Millionths | None
    ci_low_e6: Millionths | None
    ci_high_e6: Millionths | None
    n_gate: int | None
    baseline_e6: Millionths | None
    optimized_e6: Millionths | None
    """Scores of both programs on the sealed examples."""
    model_version: int | None
    attestation_id: str | None
    lm_calls: int | None
    """Requests to language models, of all stages until now."""
    cost_usd: float | None
    """Their price, as far as it is known."""
    spend: dict[str, StageSpend]
    """By stage; empty for a run of a version of the package before 0.3, which counted compiling and selecting only."""
    skipped: str | None
    """Why nothing was compared, where the run ended before that; its verdict is `inconclusive` then."""
    low_power: str | None
    """Why the comparison could not have seen the threshold, if so."""
    rewritten: str | None
    """What of the program's text changed since its baseline was registered, and what that means for the run."""
    cut_short: str | None
    """Which limits cut the work short, if any."""
    dag_run_id: str | None
    """Airflow's run that did it, or did it last; None for a run without Airflow."""
    first_dag_run_id: str | None = None
    """Airflow's run that did it first; None of before 0.3, too."""

    @property
    def found_too_few(self) -> bool:
        """Whether it ended with its first stage; of the runs that Airflow does not call failed, for lack of traces."""
        return self.state == "failed" and self.stage == "none"


def list_runs(client: "MlflowClient", *, program: str | None = None, limit: int = 100) -> list[RunSummary]:
    """The pipeline runs, newest first; of one program (its `name`) if given."""
    condition = f"tags.`{KEY_TAG}` != ''"
    if program is not None:
        condition += f" AND tags.`teleprompt.program` = {quoted(program)}"
    return [_summary(client, run) for run in search_own_runs(client, condition, limit=limit)]


def runs_ended(client: "MlflowClient", *, program: str, period: Window) -> list[RunSummary]:
    """The runs of a program that ended in `period`, well or not, newest first."""
    condition = (
        f"tags.`{KEY_TAG}` != '' AND tags.`teleprompt.program` = {quoted(program)} AND "
        f"attributes.end_time >= {period.start_ms} AND attributes.end_time < {period.end_ms}"
    )
    return [_summary(client, run) for run in search_own_runs(client, condition)]


def runs_until(client: "MlflowClient", *, program: str, end: str) -> Iterator[str]:
    """The ids of a program's runs whose windows end by `end`, newest window first; nothing else of them is read."""
    condition = f"tags.`{KEY_TAG}` != '' AND tags.`teleprompt.program` = {quoted(program)}"
    for run in search_own_runs(client, condition, page=100, order_by=NEWEST_WINDOW_FIRST):
        if run.data.tags[WINDOW_END_TAG] <= end:
            yield run.info.run_id


def page_of_runs(
    client: "MlflowClient", *, program: str, limit: int, cursor: str | None = None
) -> tuple[list[RunSummary], str | None]:
    """A page of a program's runs, newest first, and where the next page begins; None after the last.

    Raises:
        ConfigurationError: the cursor is none that this function gave.
    """
    condition = f"tags.`{KEY_TAG}` != '' AND tags.`teleprompt.program` = {quoted(program)}"
    if cursor is None:
        runs = search_own_runs(client, condition, limit=limit + 1)
    else:
        last = _Place.read(cursor)
        older = f"{condition} AND attributes.start_time <= {last.start_ms}"
        runs = (run for run in search_own_runs(client, older, page=limit + 2) if _Place.of(run) > last)
    found = list(islice(runs, limit + 1))
    page, more = found[:limit], len(found) > limit
    return [_summary(client, run) for run in page], str(_Place.of(page[-1])) if more else None


@dataclass(frozen=True)
class _Place:
    """Where a run stands among all, newest first. MLflow's own tokens break its stores if they are made up."""

    start_ms: int
    run_id: str

    @classmethod
    def of(cls, run: Any) -> Self:
        return cls(run.info.start_time, run.info.run_id)

    @classmethod
    def read(cls, cursor: str) -> Self:
        written = re.fullmatch(r"([0-9]{1,15})-([0-9a-f]{32})", cursor)
        if written is None:
            raise ConfigurationError("The cursor is none of ours; begin with the first page.")
        return cls(int(written[1]), written[2])

    def __str__(self) -> str:
        return f"{self.start_ms}-{self.run_id}"

    def __gt__(self, other: Self) -> bool:
        return (-self.start_ms, self.run_id) > (-other.start_ms, other.run_id)


def read_run(client: "MlflowClient", run_id: str) -> RunSummary | None:
    """The pipeline run with that id; None if there is none."""
    import mlflow

    try:
        run = client.get_run(run_id)
    except mlflow.MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return None
        raise
    return _summary(client, run) if KEY_TAG in run.data.tags else None


def find_summary(client: "MlflowClient", *, program: str, key: Digest) -> RunSummary | None:
    """The run of an idempotency key of a program (its `name`); None if there is none."""
    run = PipelineRun.find(client, program=program, key_digest=key)
    return None if run is None else read_run(client, run.run_id)


def find_run(client: "MlflowClient", run: str) -> str:
    """The id of the pipeline run with that id, or of the only one whose id begins so.

    Raises:
        ConfigurationError: there is none, or there are several.
    """
    ids = [known.info.run_id for known in search_own_runs(client, f"tags.`{KEY_TAG}` != ''")]
    found = [run_id for run_id in ids if run_id.startswith(run)]
    if len(found) != 1:
        some = f"{len(found)} runs begin with" if found else "There is no run"
        raise ConfigurationError(f"{some} {run!r}; `teleprompt status` shows their ids.")
    return str(found[0])


def read_comparison(client: "MlflowClient", run_id: str) -> Comparison:
    """What the gate of a run found.

    Raises:
        ConfigurationError: the run did not get to its gate.
    """
    comparison = PipelineRun(client, run_id).read("gate", Comparison)
    if comparison is None:
        raise ConfigurationError(f"The run {run_id} has compared nothing yet; wait for it, or name another one.")
    return comparison


@dataclass(frozen=True)
class _Ended:
    """A run that is over. Its records change no more unless it ends anew."""

    tracking_uri: str
    run_id: str
    end_time: int
    client: "MlflowClient" = field(compare=False)


class _Kept(NamedTuple):
    """The records that a run's line is made of."""

    snapshot: SnapshotRecord | None
    selection: Selection | None
    gate: Comparison | None
    version: ProgramVersion | None
    attestation: AttestationRecord | None


def _kept(client: "MlflowClient", run: Any) -> _Kept:
    """A run's records; of one that is over read once, for each takes MLflow a twentieth of a second."""
    if run.info.status != "FINISHED" or run.info.end_time is None:
        return _read_all(PipelineRun(client, run.info.run_id))
    return _kept_of_ended(_Ended(client.tracking_uri, run.info.run_id, run.info.end_time, client))


@lru_cache(maxsize=2000)
def _kept_of_ended(run: _Ended) -> _Kept:
    return _read_all(PipelineRun(run.client, run.run_id))


def _read_all(run: PipelineRun) -> _Kept:
    return _Kept(
        snapshot=_read(run, "snapshot", SnapshotRecord),
        selection=_read(run, "selection", Selection),
        gate=_read(run, "gate", Comparison),
        version=_read(run, "version", ProgramVersion),
        attestation=_read(run, "attestation", AttestationRecord),
    )


def _summary(client: "MlflowClient", run: Any) -> RunSummary:
    kept = _kept(client, run)
    _, selection, comparison, version, attestation = kept
    report = comparison.report if comparison else None
    tags = run.data.tags
    skipped = tags.get("teleprompt.skipped") if report is None and run.info.status == "FINISHED" else None
    spend = spend_by_stage(run.data.metrics)
    before = None if "select" in spend else _spend_of_selection(selection)  # by a version before 0.3
    total = sum(spend.values(), before or StageSpend()) if spend else before
    return RunSummary(
        run_id=run.info.run_id,
        key=tags[KEY_TAG],
        program=tags["teleprompt.program"],
        window_start=tags["teleprompt.window_start"],
        window_end=tags["teleprompt.window_end"],
        state=run.info.status.lower(),
        error=tags.get("teleprompt.error") if run.info.status == "FAILED" else None,
        stage=next((name for name, record in reversed(kept._asdict().items()) if record is not None), "none"),
        progress=_progress(tags) if run.info.status == "RUNNING" and selection is None else None,
        verdict=report.verdict.value if report else skipped and Verdict.INCONCLUSIVE.value,
        reason=report.reason if report else skipped,
        trial_id=comparison.trial.opening.id if comparison and comparison.trial else None,
        delta_e6=report.delta_e6 if report else None,
        ci_low_e6=report.ci_low_e6 if report else None,
        ci_high_e6=report.ci_high_e6 if report else None,
        n_gate=report.n if report else None,
        baseline_e6=report.baseline_e6 if report else None,
        optimized_e6=report.optimized_e6 if report else None,
        model_version=version.number if version else None,
        attestation_id=attestation.attestation_id if attestation else None,
        lm_calls=total and total.calls,
        cost_usd=total and total.cost_usd,
        spend=spend,
        skipped=skipped,
        low_power=tags.get("teleprompt.low_power"),
        rewritten=tags.get("teleprompt.rewritten"),
        cut_short=tags.get("teleprompt.cut_short"),
        dag_run_id=tags.get("teleprompt.dag_run_id"),
        first_dag_run_id=tags.get(f"teleprompt.{FIRST_DAG_RUN}"),
    )


def _spend_of_selection(selection: Selection | None) -> StageSpend | None:
    if selection is None:
        return None
    known = selection.spend
    return StageSpend(calls=known.calls, tokens=known.tokens_in + known.tokens_out, cost_usd=known.cost_e6 / 1e6)


def _read(run: PipelineRun, name: str, model: type[R]) -> R | None:
    """The record; None also if another version of the package wrote it, which must not hide the other runs."""
    try:
        return run.read(name, model)
    except RecordUnreadableError as error:
        log.warning("%s", error)
        return None


def _progress(tags: dict[str, str]) -> str | None:
    prefix = f"teleprompt.{PROGRESS}"
    parts = [text for tag, text in sorted(tags.items()) if tag.startswith(prefix)]
    return "; ".join(parts) or None
