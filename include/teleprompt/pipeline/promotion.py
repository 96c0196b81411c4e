"""From a comparison that promotes to a version that runs and a document that says so."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from teleprompt.attest.document import Attestation
from teleprompt.attest.issue import AttestationRecord, compose_attestation, issue_attestation, that_holds
from teleprompt.attest.public_log import log_attestation
from teleprompt.attest.published import check_may_sign, read_trust
from teleprompt.attest.stored import AttestationStore, keep_attestation
from teleprompt.attribution.attribute import Attribution, attribute
from teleprompt.attribution.first_uses import first_uses, first_uses_before
from teleprompt.attribution.wallets import standing_wallets
from teleprompt.chain.receipt import Receipt
from teleprompt.chain.submit import submit_attestation
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.deltaone.report import Verdict
from teleprompt.gate.comparison import Comparison, later_snapshots, traces_compared
from teleprompt.gate.trial_ledger import opening_run
from teleprompt.optimize.optimizer_parameters import optimizer_json
from teleprompt.optimize.select import Selection
from teleprompt.pipeline.borrowed import borrowed_rows, offer_of
from teleprompt.program.code import ProgramCode
from teleprompt.records import Digest, Record, from_millionths
from teleprompt.registry.aliases import CHALLENGER, CHAMPION, SHARE, aliases_of
from teleprompt.registry.changes import challenge, promote
from teleprompt.registry.published import tag_version
from teleprompt.registry.version_files import VersionFiles
from teleprompt.registry.versions import ProgramVersion, register_version
from teleprompt.signing.signer import addresses_of
from teleprompt.storage.blobs import get_blob
from teleprompt.strategies import strategy_of
from teleprompt.traces.snapshot import SnapshotRecord, read_snapshot
from teleprompt.tracking.pipeline_run import PipelineRun
from teleprompt.tracking.run_key import RunKey
from teleprompt.tracking.stage_records import StageRecords

if TYPE_CHECKING:
    from mlflow import MlflowClient


MOST_TAG_CHARACTERS = 5000
"""Of a model version's tag, in MLflow."""


class ComparedCandidate(Record):
    """What a run found until its verdict: the traces, the candidate, the version to beat, and how they compare."""

    snapshot: SnapshotRecord
    selection: Selection
    baseline: ProgramVersion
    comparison: Comparison


@dataclass(frozen=True)
class Promotion:
    """What follows a comparison that promotes: credit, version, attestation, its place on the chain.

    `credit`, `promote`, `attest` and `submit` are stages: each is done once per idempotency key, and read back after.
    """

    config: ProgramConfig
    settings: Settings
    code: ProgramCode | None
    """None for a program that was defined in a notebook."""
    code_digest: Digest
    key: RunKey
    actor: str
    """Who promotes, for the log of changes."""
    records: StageRecords
    try_out: Callable[[SnapshotRecord, str], Callable[[VersionFiles], None]]
    """What tries the files of the version with that id."""

    def credit(self, compared: ComparedCandidate) -> Attribution:
        """Who is credited for the candidate; frozen, with the salts of its tree, before anything is attested."""

        def stage(run: PipelineRun) -> Attribution:
            return attribute_selection(run, self.config, compared.snapshot, compared.selection, compared.comparison)

        return self.records.once("attribution", Attribution, stage)

    def promote(self, compared: ComparedCandidate) -> ProgramVersion:
        """Register the candidate and make it champion, or challenger with a rollout; not unless it can be attested."""
        if compared.comparison.report.verdict is not Verdict.PROMOTE:
            raise ValueError(f"a comparison that says {compared.comparison.report.verdict} registers nothing")
        attribution = self.credit(compared)

        def stage(run: PipelineRun) -> ProgramVersion:
            version = self.register(run, compared, attribution, name=self.config.name)
            return self._assign_alias(run.client, version, compared)

        version = self.records.once("version", ProgramVersion, stage)
        if version.alias != CHAMPION:  # attested when it becomes that, if ever
            with self.records.open() as run:
                run.end()
        return version

    def attest(self, compared: ComparedCandidate, version: ProgramVersion) -> AttestationRecord:
        """Issue the attestation of a version that became champion and keep its exact bytes with the run."""
        attribution = self.credit(compared)

        def stage(run: PipelineRun) -> AttestationRecord:
            attestation = self.compose(compared, attribution, version_id=version.version_id)
            check_may_sign(self.settings, run.client, at=attestation.decided_at)
            record = issue_attestation(
                attestation, signers=self.settings.signers, storage_uri=self.settings.storage_uri
            )
            tag_version(run.client, version.program, version.number, "attestation_id", record.attestation_id)
            return record

        record = self.records.once("attestation", AttestationRecord, stage)
        with self.records.open() as run:
            attestation = keep_attestation(run, record, addresses_of(self.settings))
            log_attestation(self.settings, run.client, attestation)
        return record

    def submit(self, record: AttestationRecord) -> Receipt:
        """Hand an attestation in at the program's contract; a dry run unless the program file says `send`."""
        assert self.config.chain is not None  # noqa: S101 - nobody asks otherwise
        with self.records.open() as run:
            store = AttestationStore(run.client, read_trust(self.settings, run.client))
            attestation = store.find(record.attestation_hash).attestation
            return submit_attestation(
                run, attestation, self.config, self.settings, send=self.config.chain.send, who=self.actor
            )

    def version_id(self, comparison: Comparison) -> str:
        """The id of the version that `comparison` promotes, in the specification's form."""
        abbreviation = strategy_of(self.config.optimization.strategy).abbreviation
        return f"{self.config.baseline_version}-opt-{abbreviation}-{comparison.decided_at:%Y%m%d%H%M%S}"

    def compose(
        self, compared: ComparedCandidate, attribution: Attribution, *, version_id: str | None = None
    ) -> Attestation:
        """The unsigned attestation; of the version that the comparison would get unless another id is named."""
        attestation = compose_attestation(
            program=self.config.name,
            strategy=self.config.optimization.strategy.value,
            outcome_metric=self.config.outcome.metric,
            snapshot=read_snapshot(compared.snapshot),
            selection=compared.selection,
            attribution=attribution,
            comparison=compared.comparison,
            baseline_version=compared.baseline.version_id,
            optimized_version=version_id or self.version_id(compared.comparison),
            code_digest=self.code_digest,
        )
        return that_holds(attestation)

    def register(
        self, run: PipelineRun, compared: ComparedCandidate, attribution: Attribution, *, name: str
    ) -> ProgramVersion:
        """Register the candidate as a version of the model `name`, without an alias; not unless it can be attested."""
        self.compose(compared, attribution)
        comparison, baseline = compared.comparison, compared.baseline
        return register_version(
            run.client,
            name=name,
            run_id=run.run_id,
            run_key=self.key.digest,
            version_id=self.version_id(comparison),
            parent=baseline if name == baseline.program else None,
            files=VersionFiles.of(
                self.code,
                fields=read_snapshot(compared.snapshot).fields,
                state=get_blob(comparison.optimized_state),
                experiment=self.config.traces.written_to,
            ),
            try_out=self.try_out(compared.snapshot, self.version_id(comparison)),
            state=comparison.optimized_state,
            tags={
                "deltaone": "true",
                "delta_e6": str(comparison.report.delta_e6),
                "metric": comparison.metric,
                "strategy": self.config.optimization.strategy.value,
                "optimizer": optimizer_json(self.config.optimization),
                "seed": str(compared.selection.winner.seed),
                **_learnt_from(run, compared),
                **_contributors(attribution),
                "trace_count": str(compared.snapshot.trace_count),
                "snapshot_digest": compared.snapshot.digest,
                "parent_version_id": baseline.version_id,
            },
        )

    def _assign_alias(
        self, client: "MlflowClient", version: ProgramVersion, compared: ComparedCandidate
    ) -> ProgramVersion:
        """Make a registered version champion, or with a rollout challenger; the version with the alias that it got.

        It gets none where another version became champion since it was compared.
        """
        shares = self.config.rollout.steps
        move = challenge if shares else promote
        if shares:
            client.set_model_version_tag(version.program, str(version.number), SHARE, str(shares[0]))
        change = move(
            client,
            version.program,
            version.number,
            instead_of=compared.baseline.number,
            who=self.actor,
            why=compared.comparison.report.reason,
        )
        aliases = aliases_of(client, version.program) if change is None else change.after
        held = [alias for alias in (CHAMPION, CHALLENGER) if aliases.get(alias) == version.number]
        return version.model_copy(update={"alias": held[0] if held else None})


def _learnt_from(run: PipelineRun, compared: ComparedCandidate) -> dict[str, str]:
    """The lineage of a candidate that another program offered."""
    offer = offer_of(opening_run(run, compared.comparison.trial), compared.selection)
    return {} if offer is None else {"learnt_from": f"{offer.program} {offer.version_id}"}


def _contributors(attribution: Attribution) -> dict[str, str]:
    """Who is credited, by weight; by number alone where a tag could not hold them all."""
    weights = {credit.contributor_id: from_millionths(credit.weight_e6) for credit in attribution.credits}
    named = json.dumps(weights, ensure_ascii=False)
    number = {"contributor_count": str(len(weights))}
    return {**number, "contributors": named} if len(named) <= MOST_TAG_CHARACTERS else number


def attribute_selection(
    run: PipelineRun,
    config: ProgramConfig,
    record: SnapshotRecord,
    selection: Selection,
    comparison: Comparison | None,
) -> Attribution:
    """Who is credited for the program that was selected from the snapshot of `run`, by the program file's method."""
    later = later_snapshots(comparison) if comparison else ()
    offer = offer_of(opening_run(run, comparison.trial) if comparison else run, selection)
    uses = first_uses(run, config.name, record, later=later)
    lent: dict[str, tuple[str, ...]] = {}
    if offer is not None:  # the other program says who is paid for an id that nobody ever used here
        before = first_uses_before(run.client, config.name, read_snapshot(record).window)
        known = {use.contributor_id for use in before.uses} | set(uses)
        lent = {own: addresses for own, addresses in offer.wallets.items() if own not in known}
    return attribute(
        read_snapshot(record),
        program=selection.state,
        config=config.attribution,
        min_quality_score=config.optimization.min_quality_score,
        compared=traces_compared(comparison) if comparison else (),
        later=later,
        borrowed=borrowed_rows(offer),
        wallets={**lent, **standing_wallets(uses, named=config.attribution.wallets)},
    )
