"""The attestation of a version that production proved."""

from teleprompt.attest.bundle_calls import KEPT, KeptCalls
from teleprompt.attest.document import Attestation
from teleprompt.attest.issue import AttestationRecord, compose_attestation, issue_attestation, that_holds
from teleprompt.attest.public_log import log_attestation
from teleprompt.attest.published import check_may_sign
from teleprompt.attest.stored import keep_attestation
from teleprompt.attribution.attribute import Attribution
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.deltaone.online_report import OnlineDecision
from teleprompt.errors import TelepromptError
from teleprompt.gate.comparison import Comparison
from teleprompt.gate.trial_ledger import opening_run
from teleprompt.optimize.select import Selection
from teleprompt.pipeline.promotion import attribute_selection
from teleprompt.registry.published import tag_version
from teleprompt.registry.versions import VERSION_ID, ProgramVersion, read_version
from teleprompt.signing.signer import addresses_of
from teleprompt.traces.snapshot import SnapshotRecord, read_snapshot
from teleprompt.tracking.pipeline_run import PipelineRun


def attest_online(
    run: PipelineRun, *, config: ProgramConfig, settings: Settings, number: int, decision: OnlineDecision
) -> AttestationRecord:
    """The attestation of version `number`, which `run` made and production proved; issued once.

    Raises:
        TelepromptError: the run's records are not there any more.
    """
    record = run.read("attestation", AttestationRecord)
    if record is None:
        attestation = _proven_in_production(run, config, number, decision)
        check_may_sign(settings, run.client, at=attestation.decided_at)
        record = issue_attestation(attestation, signers=settings.signers, storage_uri=settings.storage_uri)
        run.write("attestation", record)
    tag_version(run.client, config.name, number, "attestation_id", record.attestation_id)
    attestation = keep_attestation(run, record, addresses_of(settings))
    log_attestation(settings, run.client, attestation)
    return record


def _proven_in_production(
    run: PipelineRun, config: ProgramConfig, number: int, decision: OnlineDecision
) -> Attestation:
    comparison = run.read("gate", Comparison)
    opened = opening_run(run, comparison.trial) if comparison else run
    baseline, selection = opened.read("baseline", ProgramVersion), opened.read("selection", Selection)
    snapshot = opened.read("snapshot", SnapshotRecord)
    if comparison is None or baseline is None or selection is None or snapshot is None:
        raise TelepromptError(
            f"The MLflow run {run.run_id} lacks records of version {number} of {config.name}; restore its artifacts."
        )
    attribution = run.read("attribution", Attribution)
    if attribution is None:  # registered before credit had a record of its own
        attribution = attribute_selection(run, config, snapshot, selection, comparison)
        run.write("attribution", attribution)
    entity = run.client.get_model_version(config.name, str(number))
    attestation = compose_attestation(
        program=config.name,
        strategy=entity.tags["strategy"],
        outcome_metric=config.outcome.metric,
        snapshot=read_snapshot(snapshot),
        selection=selection,
        attribution=attribution,
        comparison=comparison,
        baseline_version=baseline.version_id,
        optimized_version=entity.tags[VERSION_ID],
        code_digest=read_version(run.client, entity).code_digest or "",
        online=decision,
        online_metric=config.outcome.score_name,
        online_calls=run.read(KEPT, KeptCalls),
    )
    return that_holds(attestation)
