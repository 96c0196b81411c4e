"""All stages of the pipeline, one after the other, in one process."""

from collections.abc import Callable

from teleprompt.attest.issue import AttestationRecord
from teleprompt.chain.receipt import Receipt
from teleprompt.deltaone.report import Verdict
from teleprompt.gate.comparison import Comparison
from teleprompt.pipeline.pipeline import Pipeline
from teleprompt.pipeline.promotion import ComparedCandidate
from teleprompt.records import Record
from teleprompt.registry.aliases import CHAMPION
from teleprompt.registry.versions import ProgramVersion


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


def run_all_stages(
    pipeline: Pipeline,
    *,
    on_stage: Callable[[str, int], None] = lambda _name, _of: None,
    approve: Callable[[Comparison], bool] = lambda _comparison: False,
) -> Outcome:
    """Run all stages; `on_stage` is told of each that begins, and how many there are at most.

    `approve` is asked before a promotion if the program wants that; without it nothing is promoted then.
    """
    config = pipeline.config
    compared = compare_candidate(pipeline, on_stage=on_stage)
    if compared is None:
        return Outcome()
    of, comparison = _stages(pipeline), compared.comparison
    if comparison.report.verdict is not Verdict.PROMOTE or (config.approval is not None and not approve(comparison)):
        return Outcome(comparison=comparison)
    on_stage("register", of)
    version = pipeline.promotion.promote(compared)
    if version.alias != CHAMPION:
        return Outcome(comparison=comparison, version=version)
    on_stage("attest", of)
    attestation = pipeline.promotion.attest(compared, version)
    if config.chain is None:
        return Outcome(comparison=comparison, version=version, attestation=attestation)
    on_stage("submit", of)
    receipt = pipeline.promotion.submit(attestation)
    return Outcome(comparison=comparison, version=version, attestation=attestation, receipt=receipt)


def compare_candidate(
    pipeline: Pipeline, *, on_stage: Callable[[str, int], None] = lambda _name, _of: None
) -> ComparedCandidate | None:
    """All stages up to the verdict, those that were done before read back; None where the program has no gate."""
    check, of = pipeline.config.optimization.enable_deltaone_check, _stages(pipeline)
    on_stage("collect", of)
    snapshot = pipeline.collect()
    on_stage("baseline", of)
    baseline = pipeline.baseline()
    if check:
        on_stage("power", of)
        pipeline.power(snapshot)
    candidates = []
    for seed in pipeline.seeds:
        on_stage(f"compile seed {seed}", of)
        candidates.append(pipeline.compile(snapshot, baseline, seed=seed))
    on_stage("select", of)
    selection = pipeline.select(snapshot, candidates)
    if not check:
        return None
    on_stage("gate", of)
    comparison = pipeline.gate(snapshot, selection, baseline)
    return ComparedCandidate(snapshot=snapshot, selection=selection, baseline=baseline, comparison=comparison)


def _stages(pipeline: Pipeline) -> int:
    config = pipeline.config
    return len(pipeline.seeds) + (7 if config.optimization.enable_deltaone_check else 3) + (config.chain is not None)
