"""Auditing a stored attestation: which traces it stands on, and proofs of them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from teleprompt.attest.bundle import bundle_of, scores_of
from teleprompt.attest.bundle_calls import KEPT, KeptCalls, calls_of
from teleprompt.attest.evidence import OnlineEvidence
from teleprompt.attest.proofs import TraceProof, prove_trace
from teleprompt.attest.stored import IssuedAttestation
from teleprompt.attribution.attribute import Attribution
from teleprompt.attribution.usage import demo_traces, rows_read, with_borrowed
from teleprompt.attribution.wallets import owner_of
from teleprompt.deltaone.online_report import OnlineDecision
from teleprompt.errors import TelepromptError
from teleprompt.gate.comparison import Comparison, later_snapshots, traces_compared
from teleprompt.gate.trial_ledger import opening_run
from teleprompt.optimize.select import Selection
from teleprompt.pipeline.borrowed import borrowed_rows, offer_of
from teleprompt.production.challenger import DECISION
from teleprompt.records import Record
from teleprompt.registry.versions import ProgramVersion
from teleprompt.storage.blobs import get_blob
from teleprompt.traces.row import TraceRow
from teleprompt.traces.snapshot import Snapshot, SnapshotRecord, read_for_credit, read_snapshot
from teleprompt.traces.split import Part
from teleprompt.tracking.pipeline_run import PipelineRun

if TYPE_CHECKING:
    from mlflow import MlflowClient

R = TypeVar("R", bound=Record)


class TrailEntry(Record):
    """One trace in an attestation's audit trail."""

    contributor_id: str
    """The contributor it is counted for, under the id that the attestation names."""
    trace_id: str
    logged_by: str
    """The id in the trace itself, where several name one address."""
    part: Literal["train", "select", "gate"]
    score_e6: int
    is_demo: bool
    """Whether it stands in the program as a demonstration."""


class AttestedRun:
    """The run behind one stored attestation, with what it keeps."""

    def __init__(self, client: "MlflowClient", issued: IssuedAttestation) -> None:
        self.stored, self.attestation = issued.stored, issued.attestation
        self.run = PipelineRun(client, self.stored.run_id)

    def prove(self, trace_id: str) -> TraceProof:
        """The proof that a trace was used.

        Raises:
            ConfigurationError: it was not.
            TelepromptError: the run's records are not there any more.
        """
        rows = [row for part in self._credited().values() for row in part]
        return prove_trace(self.attestation, rows, self.attribution.secret, trace_id)

    def bundle(self) -> dict[str, Any]:
        """The document with the scores that its verdict rests on, as JSON values.

        Raises:
            ConfigurationError: the document signs no scores.
            TelepromptError: the run's records or the scores are not there any more, or were changed.
        """
        evidence, secret = self.attestation.evidence, self.attribution.secret
        if isinstance(evidence, OnlineEvidence) and evidence.scores_digest is not None:
            kept, decision = self.read(KEPT, KeptCalls), self.read(DECISION, OnlineDecision)
            return bundle_of(self.attestation, calls_of(kept, decision, secret))
        return bundle_of(self.attestation, scores_of(self.comparison, secret))

    def trail(self) -> Iterator[TrailEntry]:
        """Each trace that was used, by contributor, part and trace.

        Raises:
            TelepromptError: the run's records are not there any more.
        """
        parts, attribution = self._credited(), self.attribution
        holders, wallets = attribution.holders(), attribution.wallets
        demos = set(demo_traces(get_blob(self.selection.state), parts[Part.TRAIN], self.snapshot.fields))
        entries = [
            TrailEntry(
                contributor_id=holders[owner_of(row, wallets)],
                trace_id=row.trace_id,
                logged_by=row.contributor_id,
                part=part.value,
                score_e6=row.score_e6,
                is_demo=part is Part.TRAIN and row.trace_id in demos,
            )
            for part, rows in parts.items()
            for row in rows
        ]
        order = {part.value: i for i, part in enumerate(Part)}
        yield from sorted(entries, key=lambda entry: (entry.contributor_id, order[entry.part], entry.trace_id))

    def _credited(self) -> dict[Part, list[TraceRow]]:
        """The traces that the document credits."""
        collected = read_for_credit(self.snapshot, later=later_snapshots(self.comparison))
        if self.attribution.rule == 1:  # it covered what was collected
            return collected
        read = rows_read(
            collected,
            min_quality_score=self.attribution.min_quality_score,
            compared=traces_compared(self.comparison),
        )
        return with_borrowed(read, self.borrowed)

    @property
    def borrowed(self) -> list[TraceRow]:
        """The traces of another program that stand in this one as demonstrations."""
        return borrowed_rows(offer_of(self._opened, self.selection))

    @property
    def snapshot(self) -> Snapshot:
        """The manifest of what was collected for the candidate."""
        return read_snapshot(self.read("snapshot", SnapshotRecord, run=self._opened))

    @property
    def selection(self) -> Selection:
        """The candidate that was compared."""
        return self.read("selection", Selection, run=self._opened)

    @property
    def compared_with(self) -> ProgramVersion:
        """The version that it was compared with."""
        return self.read("baseline", ProgramVersion, run=self._opened)

    @property
    def _opened(self) -> PipelineRun:
        """The run that has the candidate: of a trial the one that opened it."""
        return opening_run(self.run, self.comparison.trial)

    @property
    def comparison(self) -> Comparison:
        """The comparison on the sealed examples."""
        return self.read("gate", Comparison)

    @property
    def attribution(self) -> Attribution:
        """The credit, as it was frozen before it was attested."""
        return self.read("attribution", Attribution)

    def read(self, name: str, model: type[R], *, run: PipelineRun | None = None) -> R:
        """A record of the attested run, or of `run`.

        Raises:
            TelepromptError: it is not there any more.
        """
        run = run or self.run
        record = run.read(name, model)
        if record is None:
            raise TelepromptError(
                f"The MLflow run {run.run_id} lacks its record {name}; restore its artifacts from their backup."
            )
        return record
