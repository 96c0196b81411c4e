"""All stages of the pipeline, one after the other, outside of Airflow."""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from teleprompt.attest.issue import AttestationRecord
from teleprompt.chain.receipt import Receipt
from teleprompt.deltaone.report import Verdict
from teleprompt.errors import TransientError
from teleprompt.gate.comparison import Comparison
from teleprompt.optimize.candidate import Candidate
from teleprompt.optimize.select import Selection
from teleprompt.pipeline.pipeline import Pipeline
from teleprompt.pipeline.promotion import ComparedCandidate
from teleprompt.program.process import end_all
from teleprompt.records import Record
from teleprompt.registry.aliases import CHAMPION
from teleprompt.registry.versions import ProgramVersion
from teleprompt.traces.snapshot import SnapshotRecord

log = logging.getLogger(__name__)

T = TypeVar("T")

FIRST_WAIT, LONGEST_WAIT = 30.0, 900.0
"""Seconds before a stage is tried again; as the DAGs' tasks."""

OnStage = Callable[[str, int], None]


class Outcome(Record):
    """What a run of the pipeline came to."""

    comparison: Comparison | None = None
    """None when the program switched the DeltaOne check off."""
    version: ProgramVersion | None = None
    """None unless one was registered."""
    attestation: AttestationRecord | None = None
    """None unless the version became champion."""
    receipt: Receipt | None = None
    """None where the program names no contract."""


class SelectedCandidate(Record):
    """What a run found until its best candidate."""

    snapshot: SnapshotRecord
    baseline: ProgramVersion
    selection: Selection
    on_trial: bool = False
    """Whether that is the candidate of another run, which is on trial."""


def run_all_stages(
    pipeline: Pipeline,
    *,
    on_stage: OnStage = lambda _name, _of: None,
    approve: Callable[[Comparison], bool] = lambda _comparison: False,
) -> Outcome:
    """Run all stages; `on_stage` is told of each that begins, and how many there are at most.

    `approve` is asked before a promotion if the program wants that; without it nothing is promoted then. An approval is
    an entry of the audit trail, under the name of who runs the pipeline.
    """
    config = pipeline.config
    compared = compare_candidate(pipeline, on_stage=on_stage)
    if compared is None:
        return Outcome()
    of, comparison = _stages(pipeline), compared.comparison
    if comparison.report.verdict is not Verdict.PROMOTE:
        return Outcome(comparison=comparison)
    if config.approval is not None:
        if not approve(comparison):
            return Outcome(comparison=comparison)
        patiently(pipeline, pipeline.note_approval)
    on_stage("register", of)
    version = patiently(pipeline, lambda: pipeline.promotion.promote(compared))
    if version.alias != CHAMPION:
        return Outcome(comparison=comparison, version=version)
    on_stage("attest", of)
    attestation = patiently(pipeline, lambda: pipeline.promotion.attest(compared, version))
    if config.chain is None:
        return Outcome(comparison=comparison, version=version, attestation=attestation)
    on_stage("submit", of)
    receipt = patiently(pipeline, lambda: pipeline.promotion.submit(attestation))
    return Outcome(comparison=comparison, version=version, attestation=attestation, receipt=receipt)


def compare_candidate(pipeline: Pipeline, *, on_stage: OnStage = lambda _name, _of: None) -> ComparedCandidate | None:
    """All stages up to the verdict, those that were done before read back; None where the program has no gate."""
    found = select_candidate(pipeline, on_stage=on_stage)
    if not pipeline.config.optimization.enable_deltaone_check:
        return None
    on_stage("gate", _stages(pipeline))
    return gate_candidate(pipeline, found)


def gate_candidate(pipeline: Pipeline, found: SelectedCandidate) -> ComparedCandidate:
    """Compare the best candidate with the champion.

    Raises:
        NothingBetterError: it is the champion, or answers as that does; nothing was opened.
    """
    selection = None if found.on_trial else found.selection
    patiently(pipeline, lambda: pipeline.comparing.gate(found.snapshot, selection, found.baseline))
    compared = pipeline.comparing.compared()
    assert compared is not None  # noqa: S101 - it was made just now
    return compared


def select_candidate(pipeline: Pipeline, *, on_stage: OnStage = lambda _name, _of: None) -> SelectedCandidate:
    """All stages up to the best candidate, those that were done before read back."""
    of = _stages(pipeline)
    pipeline.restart_clock()
    on_stage("collect", of)
    snapshot = pipeline.collect()  # what does not answer at the very start is said at once
    on_stage("baseline", of)
    baseline = patiently(pipeline, pipeline.baseline)
    if pipeline.config.optimization.enable_deltaone_check:
        trial = patiently(pipeline, lambda: pipeline.comparing.trial(snapshot, baseline))
        if trial is not None:  # nothing new is compiled while it goes on
            selection = pipeline.comparing.selection_of(trial)
            return SelectedCandidate(snapshot=snapshot, baseline=baseline, selection=selection, on_trial=True)
        on_stage("power", of)
        patiently(pipeline, lambda: pipeline.comparing.power(snapshot))
    candidates = _compile_all(pipeline, snapshot, baseline, on_stage)
    on_stage("select", of)
    selection = patiently(pipeline, lambda: pipeline.select(snapshot, candidates))
    return SelectedCandidate(snapshot=snapshot, baseline=baseline, selection=selection)


def _compile_all(
    pipeline: Pipeline, snapshot: SnapshotRecord, baseline: ProgramVersion, on_stage: OnStage
) -> Sequence[Candidate]:
    """The candidates of all seeds, some at a time; an outage that outlasts the tries of one costs that one alone."""
    of, stop = _stages(pipeline), threading.Event()

    def compiled(seed: int) -> Candidate:
        on_stage(f"compile seed {seed}", of)
        try:
            return patiently(pipeline, lambda: pipeline.compile(snapshot, baseline, seed=seed), stop=stop)
        except TransientError as error:
            if len(pipeline.seeds) == 1 or stop.is_set():
                raise
            return Candidate.failed(seed, str(error))

    if len(pipeline.seeds) == 1 or pipeline.settings.parallel_candidates == 1:
        return [compiled(seed) for seed in pipeline.seeds]
    pool = ThreadPoolExecutor(pipeline.settings.parallel_candidates)
    try:
        return list(pool.map(compiled, pipeline.seeds))
    except BaseException:  # an interrupt, too, reaches this thread alone
        stop.set()
        pool.shutdown(wait=False, cancel_futures=True)
        end_all()
        raise
    finally:
        pool.shutdown()


def patiently(pipeline: Pipeline, stage: Callable[[], T], *, stop: threading.Event | None = None) -> T:
    """Do a stage, again where something did not answer for a moment; in Airflow the task's retries do that.

    Once `stop` is set it is not tried again.

    Raises:
        TransientError: it did not answer for the last time.
    """
    from tenacity import (
        RetryCallState,
        Retrying,
        retry_if_exception_type,
        sleep_using_event,
        stop_after_attempt,
        stop_when_event_set,
        wait_exponential,
        wait_random,
    )

    stop = stop or threading.Event()
    tries = pipeline.settings.stage_retries + 1

    def tell(state: RetryCallState) -> None:
        error, seconds = state.outcome and state.outcome.exception(), state.upcoming_sleep
        log.warning("%s It is tried again in %.0f seconds (%d of %d).", error, seconds, state.attempt_number, tries - 1)

    return Retrying(
        retry=retry_if_exception_type(TransientError),
        stop=stop_after_attempt(tries) | stop_when_event_set(stop),
        wait=wait_exponential(multiplier=FIRST_WAIT, max=LONGEST_WAIT) + wait_random(0, FIRST_WAIT / 10),
        sleep=sleep_using_event(stop),
        before_sleep=tell,
        reraise=True,
    )(stage)


def _stages(pipeline: Pipeline) -> int:
    config = pipeline.config
    return len(pipeline.seeds) + (7 if config.optimization.enable_deltaone_check else 3) + (config.chain is not None)
