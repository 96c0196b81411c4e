"""From a comparison that promotes to a version that runs and a document that says so."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from teleprompt.attest.document import Attestation
from teleprompt.attest.issue import AttestationRecord, compose_attestation, issue_attestation
from teleprompt.attest.stored import keep_attestation
from teleprompt.attribution.attribute import Attribution, attribute
from teleprompt.attribution.wallets import earlier_wallets
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.deltaone.online import OnlineDecision
from teleprompt.encoding.canonical_json import sha256_hex
from teleprompt.errors import TelepromptError
from teleprompt.gate.comparison import Comparison, traces_compared
from teleprompt.optimize.select import Selection
from teleprompt.program.fields import ProgramFields
from teleprompt.records import Digest
from teleprompt.registry.aliases import CHALLENGER, CHAMPION, aliases_of
from teleprompt.registry.changes import challenge, promote
from teleprompt.registry.serving import SHARE
from teleprompt.registry.versions import (
    VERSION_ID,
    ProgramCode,
    ProgramVersion,
    read_artifacts,
    register_version,
)
from teleprompt.signing.signer import addresses_of
from teleprompt.strategies import strategy_of
from teleprompt.traces.snapshot import SnapshotRecord, read_snapshot
from teleprompt.tracking.pipeline_run import PipelineRun
from teleprompt.tracking.run_key import RunKey

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class Promotion:
    """One run whose comparison promotes."""

    config: ProgramConfig
    settings: Settings
    code: ProgramCode
    code_digest: Digest
    fields: ProgramFields
    key: RunKey
    actor: str
    """Who promotes, for the log of changes."""

    def version_id(self, comparison: Comparison) -> str:
        """The id of the version that `comparison` promotes, in the documents' form."""
        abbreviation = strategy_of(self.config.optimization.strategy).abbreviation
        return f"{self.config.baseline_version}-opt-{abbreviation}-{comparison.decided_at:%Y%m%d%H%M%S}"

    def attribution(
        self, client: "MlflowClient", snapshot: SnapshotRecord, selection: Selection, comparison: Comparison | None
    ) -> Attribution:
        """Who is credited for the selected program; before its comparison only for what it was made from."""
        return attribute_selection(client, self.config, snapshot, selection, comparison)

    def attestation(
        self,
        snapshot: SnapshotRecord,
        selection: Selection,
        attribution: Attribution,
        comparison: Comparison,
        baseline: ProgramVersion,
        *,
        version_id: str | None = None,
    ) -> Attestation:
        """The unsigned attestation; of the version that `comparison` would get unless another id is named."""
        return compose_attestation(
            program=self.config.name,
            strategy=self.config.optimization.strategy.value,
            outcome_metric=self.config.outcome.metric,
            snapshot=read_snapshot(snapshot),
            selection=selection,
            attribution=attribution,
            comparison=comparison,
            baseline_version=baseline.version_id,
            optimized_version=version_id or self.version_id(comparison),
            code_digest=self.code_digest,
        )

    def register(
        self,
        run: PipelineRun,
        *,
        name: str,
        snapshot: SnapshotRecord,
        selection: Selection,
        attribution: Attribution,
        comparison: Comparison,
        baseline: ProgramVersion,
    ) -> ProgramVersion:
        """Register the candidate as a version of the model `name`; not unless it can be attested."""
        self.attestation(snapshot, selection, attribution, comparison, baseline)
        report = comparison.report
        return register_version(
            run.client,
            name=name,
            run_id=run.run_id,
            run_key=self.key.digest,
            version_id=self.version_id(comparison),
            parent=baseline if name == baseline.program else None,
            code=self.code,
            fields=self.fields,
            state=comparison.optimized_state,
            tags={
                "deltaone": "true",
                "delta_e6": str(report.delta_e6),
                "metric": comparison.metric,
                "strategy": self.config.optimization.strategy.value,
                "trace_count": str(snapshot.trace_count),
                "snapshot_digest": snapshot.digest,
                "parent_version_id": baseline.version_id,
            },
        )

    def let_in(
        self, client: "MlflowClient", version: ProgramVersion, comparison: Comparison, *, instead_of: int | None
    ) -> ProgramVersion:
        """Make a registered version champion, or with a rollout challenger; the version with the alias that it got.

        It gets none where another version became champion since it was compared.
        """
        share = self.config.rollout.share
        move = promote if share is None else challenge
        if share is not None:
            client.set_model_version_tag(version.program, str(version.number), SHARE, str(share))
        change = move(
            client,
            version.program,
            version.number,
            instead_of=instead_of,
            who=self.actor,
            why=comparison.report.reason,
        )
        aliases = aliases_of(client, version.program) if change is None else change.after
        held = [alias for alias in (CHAMPION, CHALLENGER) if aliases.get(alias) == version.number]
        return version.model_copy(update={"alias": held[0] if held else None})

    def attest(self, client: "MlflowClient", attestation: Attestation, version: ProgramVersion) -> AttestationRecord:
        """Sign and store the attestation of a version, and name it on the version."""
        record = issue_attestation(attestation, signers=self.settings.signers, storage_uri=self.settings.storage_uri)
        client.set_model_version_tag(version.program, str(version.number), "attestation_id", record.attestation_id)
        return record


def attribute_selection(
    client: "MlflowClient",
    config: ProgramConfig,
    record: SnapshotRecord,
    selection: Selection,
    comparison: Comparison | None,
) -> Attribution:
    """Who is credited for the selected program, by the program file's method."""
    snapshot = read_snapshot(record)
    ids = {share.contributor_id for share in snapshot.contributors}
    return attribute(
        snapshot,
        program=selection.state,
        config=config.attribution,
        min_quality_score=config.optimization.min_quality_score,
        compared=traces_compared(comparison) if comparison else (),
        earlier=earlier_wallets(client, config.name, before=snapshot.window, ids=ids),
    )


def attest_online(
    run: PipelineRun, *, config: ProgramConfig, settings: Settings, number: int, decision: OnlineDecision
) -> AttestationRecord:
    """The attestation of version `number`, which `run` made and production proved; issued once.

    Raises:
        TelepromptError: the run's records are not there any more.
    """
    record = run.read("attestation", AttestationRecord)
    if record is None:
        record = issue_attestation(
            _proven_in_production(run, config, number, decision),
            signers=settings.signers,
            storage_uri=settings.storage_uri,
        )
        run.write("attestation", record)
    run.client.set_model_version_tag(config.name, str(number), "attestation_id", record.attestation_id)
    keep_attestation(run, record, addresses_of(settings))
    return record


def _proven_in_production(
    run: PipelineRun, config: ProgramConfig, number: int, decision: OnlineDecision
) -> Attestation:
    comparison, baseline = run.read("gate", Comparison), run.read("baseline", ProgramVersion)
    selection, snapshot = run.read("selection", Selection), run.read("snapshot", SnapshotRecord)
    if comparison is None or baseline is None or selection is None or snapshot is None:
        raise TelepromptError(
            f"The MLflow run {run.run_id} lacks records of version {number} of {config.name}; restore its artifacts."
        )
    attribution = run.read("attribution", Attribution)
    if attribution is None:  # registered before credit had a record of its own
        attribution = attribute_selection(run.client, config, snapshot, selection, comparison)
        run.write("attribution", attribution)
    entity = run.client.get_model_version(config.name, str(number))
    return compose_attestation(
        program=config.name,
        strategy=entity.tags["strategy"],
        outcome_metric=config.outcome.metric,
        snapshot=read_snapshot(snapshot),
        selection=selection,
        attribution=attribution,
        comparison=comparison,
        baseline_version=baseline.version_id,
        optimized_version=entity.tags[VERSION_ID],
        code_digest=sha256_hex(read_artifacts(run.client, entity)["code.py"]),
        online=decision,
        online_metric=config.outcome.score_name,
    )
