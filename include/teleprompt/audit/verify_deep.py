"""Deep verification: the document made anew from what its run kept, and compared section by section."""

from typing import Any

from teleprompt.attest.bundle_calls import KEPT, KeptCalls
from teleprompt.attest.document import HASH, ID, Attestation
from teleprompt.attest.issue import NotAttestableError, compose_attestation
from teleprompt.attribution.attribute import RULE, Attribution, attribute
from teleprompt.audit.attested_run import AttestedRun
from teleprompt.config.attribution import AttributionConfig
from teleprompt.deltaone.online_report import OnlineDecision
from teleprompt.gate.comparison import later_snapshots, recompute, traces_compared
from teleprompt.production.challenger import DECISION
from teleprompt.records import Record, from_millionths
from teleprompt.registry.versions import VERSION_ID, ProgramVersion, read_version
from teleprompt.storage.blobs import get_blob
from teleprompt.traces.recount import recount


class DeepCheck(Record):
    """One thing that was made anew from the stored run."""

    name: str
    holds: bool
    detail: str


def verify_deep(attested: AttestedRun) -> list[DeepCheck]:
    """Check the stored files against their digests, and each section of the document against one made anew.

    The verdict is recomputed from the kept answers, that of a challenger taken from the kept decision; the credit and
    the tree from the traces. It cannot be seen here whether the records themselves were made up.

    Raises:
        TelepromptError: the run's records are not there any more, or are damaged.
    """
    snapshot, comparison = attested.snapshot, attested.comparison
    for blob in (comparison.baseline_state, comparison.optimized_state):
        get_blob(blob)  # fails where it was changed
    return [
        _compared("files of the snapshot", recount(snapshot).digest, snapshot.digest),
        _compared("selected program", attested.selection.state.digest, comparison.optimized_state.digest),
        *_checked_sections(attested),
    ]


def _checked_sections(attested: AttestedRun) -> list[DeepCheck]:
    """The document against one made anew; one that contradicts itself is no document."""
    try:
        return _sections(attested.attestation, _made_anew(attested))
    except NotAttestableError as error:
        return [DeepCheck(name="document", holds=False, detail=str(error))]


def _sections(stated: Attestation, anew: Attestation) -> list[DeepCheck]:
    """A check for each section that a document can have."""
    left, right = (document.model_dump(mode="json", exclude={"proof"}) for document in (stated, anew))
    return [
        DeepCheck(name=name, holds=not differs, detail=", ".join(differs) + " differ" if differs else "as made anew")
        for name in left | right
        for differs in [_differing(left.get(name), right.get(name))]
    ]


def _differing(stated: Any, anew: Any) -> list[str]:
    """What differs, by field or contributor where there are any."""
    if stated == anew:
        return []
    if isinstance(stated, dict) and isinstance(anew, dict):
        return sorted(key for key in stated | anew if stated.get(key) != anew.get(key))
    if isinstance(stated, list) and isinstance(anew, list):
        by_id = [{person["contributor_id"]: person for person in people} for people in (stated, anew)]
        return _differing(*by_id) or ["their order"]
    return [f"{stated} and {anew}"]


def _made_anew(attested: AttestedRun) -> Attestation:
    run, stated = attested.run, attested.attestation
    comparison = attested.comparison
    version = attested.read("version", ProgramVersion)
    entity = run.client.get_model_version(version.program, str(version.number))
    code = read_version(run.client, entity).code_digest
    online = attested.read(DECISION, OnlineDecision) if stated.evidence and stated.evidence.kind == "online" else None
    anew = compose_attestation(
        program=attested.stored.program,
        strategy=entity.tags["strategy"],
        outcome_metric=attested.snapshot.outcome_fits[0].metric,
        snapshot=attested.snapshot,
        selection=attested.selection,
        attribution=_credit_anew(attested),
        comparison=comparison.model_copy(update={"report": recompute(comparison)}),
        baseline_version=attested.compared_with.version_id,
        optimized_version=entity.tags[VERSION_ID],
        code_digest=code or (stated.program.code_digest if stated.program else ""),
        online=online,
        online_metric=stated.evidence.metric if stated.evidence else None,
        online_calls=None if online is None else attested.run.read(KEPT, KeptCalls),
    )
    return anew if _signs_scores(stated) else _without_scores(anew)


def _signs_scores(document: Attestation) -> bool:
    evidence = document.evidence
    return evidence is not None and evidence.scores_digest is not None


def _without_scores(anew: Attestation) -> Attestation:
    """As a document was composed before there were bundles."""
    if not _signs_scores(anew):
        return anew
    body = {name: value for name, value in anew.to_dict().items() if name not in {HASH, ID}}
    del body["evidence"]["scores_digest"]
    return Attestation.compose(body)


def _credit_anew(attested: AttestedRun) -> Attribution:
    kept = attested.attribution
    if kept.rule != RULE:  # by rules that are no more; the tree and the weights are those of the record
        return kept
    return attribute(
        attested.snapshot,
        program=attested.selection.state,
        config=AttributionConfig(
            method=kept.instead_of or kept.method,
            cap=None if kept.cap_e6 is None else from_millionths(kept.cap_e6),
            copies_from=kept.copies_from,
            unpayable=kept.unpayable,
        ),
        min_quality_score=kept.min_quality_score,
        compared=traces_compared(attested.comparison),
        wallets=kept.wallets,
        later=later_snapshots(attested.comparison),
        borrowed=attested.borrowed,
        secret=kept.secret,
    )


def _compared(name: str, found: str, stated: str) -> DeepCheck:
    same = found == stated
    detail = found[:16] if same else f"{found[:16]} is stored, {stated[:16]} is stated"
    return DeepCheck(name=name, holds=same, detail=detail)
