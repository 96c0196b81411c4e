"""Auditing a stored attestation: which traces it stands on, proofs of them, and everything recomputed."""

from collections.abc import Iterator
from typing import Any, Literal, TypeVar

from include.teleprompt.attest.issue import contributor_section, evidence_section, online_evidence_section
from include.teleprompt.attest.load import load_attestation
from include.teleprompt.attest.proofs import TraceProof, prove_trace
from include.teleprompt.attest.verify import check_content
from include.teleprompt.attribution.attribute import Attribution, attribute
from include.teleprompt.attribution.usage import demo_traces
from include.teleprompt.config.attribution import AttributionConfig
from include.teleprompt.deltaone.compare import Comparison, recompute
from include.teleprompt.deltaone.online import OnlineDecision
from include.teleprompt.errors import ConfigurationError, TelepromptError
from include.teleprompt.history import find_attestation
from include.teleprompt.optimize.select import Selection
from include.teleprompt.production.challenger import DECISION
from include.teleprompt.records import Record, from_millionths
from include.teleprompt.storage import get_blob
from include.teleprompt.traces.snapshot import Snapshot, SnapshotRecord, read_for_credit, read_snapshot
from include.teleprompt.traces.split import Part
from include.teleprompt.tracking.pipeline_run import PipelineRun

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


class DeepCheck(Record):
    """One thing that was recomputed from the stored run."""

    name: str
    holds: bool
    detail: str


class AttestedRun:
    """The run behind one stored attestation, with what it keeps.

    Raises:
        ConfigurationError: there is no such attestation.
        InvalidAttestationError: the stored document is damaged.
    """

    def __init__(self, client: Any, attestation_id: str) -> None:
        self.stored, data = find_attestation(client, attestation_id)
        self.attestation, self._document = load_attestation(data)
        check_content(self.attestation, self._document)
        self.run = PipelineRun(client, self.stored.run_id)

    def prove(self, trace_id: str) -> TraceProof:
        """The proof that a trace was used.

        Raises:
            ConfigurationError: it was not.
            TelepromptError: the run's records are not there any more.
        """
        rows = [row for part in read_for_credit(self._snapshot).values() for row in part]
        return prove_trace(self.attestation, rows, self._attribution.secret, trace_id)

    def trail(self) -> Iterator[TrailEntry]:
        """Each trace that was used, by contributor, part and trace.

        Raises:
            TelepromptError: the run's records are not there any more.
        """
        parts = read_for_credit(self._snapshot)
        holder_of = {own_id: credit.contributor_id for credit in self._attribution.credits for own_id in credit.ids}
        demos = set(demo_traces(get_blob(self._selection.state), parts[Part.TRAIN], self._snapshot.fields))
        entries = [
            TrailEntry(
                contributor_id=holder_of[row.contributor_id],
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

    def verify_deep(self) -> list[DeepCheck]:
        """Recompute verdict, tree, weights and digests from the stored run, and compare with the document.

        Raises:
            TelepromptError: the run's records are not there any more, or are damaged.
        """
        return [*self._check_snapshot(), self._check_verdict(), *self._check_credit()]

    def _check_snapshot(self) -> list[DeepCheck]:
        data, program, snapshot = self.attestation.data, self.attestation.program, self._snapshot
        if data is None or program is None:
            raise ConfigurationError("The attestation names no data; there is nothing to recompute it from.")
        comparison = self._comparison
        return [
            _compared("snapshot", snapshot.digest, data.snapshot_digest),
            _compared("split", snapshot.split_digest, data.split_digest),
            _compared("baseline program", _stored_digest(comparison.baseline_state), program.baseline_digest),
            _compared("optimized program", _stored_digest(comparison.optimized_state), program.optimized_digest),
        ]

    def _check_verdict(self) -> DeepCheck:
        evidence, comparison = self.attestation.evidence, self._comparison
        if evidence is not None and evidence.kind == "online":
            decision = self._read(DECISION, OnlineDecision)
            made = online_evidence_section(decision.report, evidence.metric, decision.observed)
        else:
            made = evidence_section(comparison.model_copy(update={"report": recompute(comparison)}))
        stated = evidence.model_dump(mode="json") if evidence else None
        differs = sorted(key for key, value in made.items() if (stated or {}).get(key) != value)
        how = (
            "kept of production's outcomes" if evidence and evidence.kind == "online" else "recomputed from the answers"
        )
        detail = f"{how}: {', '.join(differs)} differ" if differs else how
        return DeepCheck(name="verdict", holds=not differs, detail=detail)

    def _check_credit(self) -> list[DeepCheck]:
        kept, data = self._attribution, self.attestation.data
        again = attribute(
            self._snapshot,
            program=self._selection.state,
            config=AttributionConfig(
                method=kept.instead_of or kept.method,
                cap=None if kept.cap_e6 is None else from_millionths(kept.cap_e6),
                unpayable=kept.unpayable,
            ),
            min_quality_score=kept.min_quality_score,
            secret=kept.secret,
        )
        credited = {credit.contributor_id: contributor_section(credit) for credit in again.credits}
        stated = {person["contributor_id"]: person for person in self.attestation.to_dict()["contributors"]}
        wrong = [name for name in credited | stated if credited.get(name) != stated.get(name)]
        return [
            _compared("traces", again.traces_root, (data and data.traces_root) or "none"),
            DeepCheck(
                name="weights",
                holds=not wrong and again.method.value == self.attestation.weighting_method,
                detail=f"recomputed: other for {', '.join(wrong)}" if wrong else f"recomputed by {again.method.value}",
            ),
        ]

    @property
    def _snapshot(self) -> Snapshot:
        return read_snapshot(self._read("snapshot", SnapshotRecord))

    @property
    def _selection(self) -> Selection:
        return self._read("selection", Selection)

    @property
    def _comparison(self) -> Comparison:
        return self._read("gate", Comparison)

    @property
    def _attribution(self) -> Attribution:
        return self._read("attribution", Attribution)

    def _read(self, name: str, model: type[R]) -> R:
        record = self.run.read(name, model)
        if record is None:
            raise TelepromptError(
                f"The MLflow run {self.run.run_id} lacks its record {name}; restore its artifacts from their backup."
            )
        return record


def _compared(name: str, found: str, stated: str) -> DeepCheck:
    same = found == stated
    detail = found[:16] if same else f"{found[:16]} is stored, {stated[:16]} is stated"
    return DeepCheck(name=name, holds=same, detail=detail)


def _stored_digest(blob: Any) -> str:
    """The digest of what is really stored: reading it fails where it was changed."""
    get_blob(blob)
    return str(blob.digest)
