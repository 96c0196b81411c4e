"""The stages that follow a comparison that promotes. Each is done once per idempotency key and read back after."""

from dataclasses import dataclass

from teleprompt.attest.issue import AttestationRecord
from teleprompt.attest.stored import AttestationStore, keep_attestation
from teleprompt.attribution.attribute import Attribution
from teleprompt.chain.receipt import Receipt
from teleprompt.chain.submit import submit_attestation
from teleprompt.deltaone.report import Verdict
from teleprompt.gate.comparison import Comparison
from teleprompt.optimize.select import Selection
from teleprompt.pipeline.promotion import Promotion
from teleprompt.registry.aliases import CHAMPION
from teleprompt.registry.versions import ProgramVersion
from teleprompt.signing.signer import addresses_of
from teleprompt.traces.snapshot import SnapshotRecord
from teleprompt.tracking.pipeline_run import PipelineRun
from teleprompt.tracking.stage_records import StageRecords


@dataclass(frozen=True)
class PromotingStages:
    """Who is credited, the version, its attestation, its place on the chain."""

    promotion: Promotion
    records: StageRecords

    def attribution(self, snapshot: SnapshotRecord, selection: Selection, comparison: Comparison) -> Attribution:
        """Who is credited for the selected program; frozen, with the salts of its tree, before anything is attested."""

        def stage(run: PipelineRun) -> Attribution:
            return self.promotion.attribution(run.client, snapshot, selection, comparison)

        return self.records.once("attribution", Attribution, stage)

    def register(
        self, snapshot: SnapshotRecord, selection: Selection, comparison: Comparison, baseline: ProgramVersion
    ) -> ProgramVersion:
        """Register the candidate of a promoting comparison and let it in; not unless it can be attested."""
        if comparison.report.verdict is not Verdict.PROMOTE:
            raise ValueError(f"a comparison that says {comparison.report.verdict} registers nothing")
        attribution = self.attribution(snapshot, selection, comparison)

        def stage(run: PipelineRun) -> ProgramVersion:
            version = self.promotion.register(
                run,
                name=self.promotion.config.name,
                snapshot=snapshot,
                selection=selection,
                attribution=attribution,
                comparison=comparison,
                baseline=baseline,
            )
            return self.promotion.let_in(run.client, version, comparison, instead_of=baseline.number)

        version = self.records.once("version", ProgramVersion, stage)
        if version.alias != CHAMPION:  # attested when it becomes that, if ever
            with self.records.open() as run:
                run.end()
        return version

    def attest(
        self,
        snapshot: SnapshotRecord,
        selection: Selection,
        comparison: Comparison,
        baseline: ProgramVersion,
        version: ProgramVersion,
    ) -> AttestationRecord:
        """Issue the attestation of a version that became champion and keep its exact bytes with the run."""
        attribution = self.attribution(snapshot, selection, comparison)

        def stage(run: PipelineRun) -> AttestationRecord:
            attestation = self.promotion.attestation(
                snapshot, selection, attribution, comparison, baseline, version_id=version.version_id
            )
            return self.promotion.attest(run.client, attestation, version)

        record = self.records.once("attestation", AttestationRecord, stage)
        with self.records.open() as run:
            keep_attestation(run, record, addresses_of(self.promotion.settings))
        return record

    def submit(self, record: AttestationRecord) -> Receipt:
        """Hand an attestation in at the program's contract; a dry run unless the program file says `send`."""
        assert self.promotion.config.chain is not None  # noqa: S101 - nobody asks otherwise
        with self.records.open() as run:
            store = AttestationStore(run.client, addresses_of(self.promotion.settings))
            return submit_attestation(
                run,
                store.find(record.attestation_hash).attestation,
                self.promotion.config,
                self.promotion.settings,
                send=self.promotion.config.chain.send,
                who=self.promotion.actor,
            )
