"""The last stage: write the attestation of a promoted run, once."""

import json
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from teleprompt.attest.bundle import BundleScores, scores_of
from teleprompt.attest.bundle_calls import BundleCalls, KeptCalls, calls_of
from teleprompt.attest.codes import InvalidAttestationError
from teleprompt.attest.document import Attestation
from teleprompt.attest.figures import offline_figures, online_figures, online_performance, performance_of
from teleprompt.attest.signing import sign
from teleprompt.attest.verify import Level, check_content
from teleprompt.attribution.attribute import Attribution, Credit
from teleprompt.config.signers import SignerConfig
from teleprompt.deltaone.online_report import OnlineDecision
from teleprompt.deltaone.report import GateReport
from teleprompt.errors import TelepromptError
from teleprompt.gate.comparison import Comparison, counted_windows
from teleprompt.gate.trial_records import TrialState
from teleprompt.optimize.select import Selection
from teleprompt.records import MILLION, Digest, Record, from_millionths, to_millionths
from teleprompt.signing.signer import open_signer
from teleprompt.storage.blobs import Blob, put_blob
from teleprompt.traces.snapshot import Snapshot
from teleprompt.window import format_utc


class NotAttestableError(TelepromptError):
    """What a run found does not fit the format, or contradicts itself."""


class AttestationRecord(Record):
    """Which attestation was issued and where its file lies."""

    attestation_id: str
    attestation_hash: Digest
    level: Level
    blob: Blob


def compose_attestation(
    *,
    program: str,
    strategy: str,
    outcome_metric: str,
    snapshot: Snapshot,
    selection: Selection,
    attribution: Attribution,
    comparison: Comparison,
    baseline_version: str,
    optimized_version: str,
    code_digest: Digest,
    online: OnlineDecision | None = None,
    online_metric: str | None = None,
    online_calls: KeptCalls | None = None,
) -> Attestation:
    """The unsigned document of a promoting comparison; the same run gives the same document. See `that_holds`.

    With `online`, what it says of the gain is what production showed, not what the sealed examples did; `online_metric`
    names the scores that were compared there, `online_calls` are the calls.

    Raises:
        NotAttestableError: the facts do not fit the format.
        TelepromptError: the kept scores are missing or damaged.
    """
    decided_at = comparison.decided_at if online is None else online.decided_at
    body = {
        "timestamp": format_utc(decided_at),
        "model_info": {
            "model_id": program,
            "baseline_version": baseline_version,
            "optimized_version": optimized_version,
            "optimization_strategy": strategy,
        },
        "performance": performance_of(comparison.report, comparison.metric)
        if online is None
        else online_performance(online.report, online_metric or outcome_metric),
        "optimization_metadata": {
            "trace_count": attribution.traces_count,
            "optimization_time_seconds": from_millionths(to_millionths(selection.seconds)),
            "outcome_metric": outcome_metric,
            "date_range": _date_range(snapshot, comparison, until=decided_at),
        },
        "contributors": [contributor_section(credit) for credit in attribution.credits],
        "weighting_method": attribution.method.value,
        "credit": _given(cap_e6=attribution.cap_e6, unpayable=attribution.unpayable.value),
        "evidence": evidence_section(comparison, _signed_scores(comparison, attribution))
        if online is None
        else online_evidence_section(
            online,
            online_metric or outcome_metric,
            None if online_calls is None else calls_of(online_calls, online, attribution.secret),
        ),
        "data": {
            "snapshot_digest": snapshot.digest,
            "split_digest": snapshot.split_digest,
            "traces_root": attribution.traces_root,
            "traces_count": attribution.traces_count,
        },
        "program": {
            "baseline_digest": comparison.baseline_state.digest,
            "optimized_digest": comparison.optimized_state.digest,
            "code_digest": code_digest,
        },
    }
    try:
        return Attestation.compose(body)
    except ValidationError as error:
        raise NotAttestableError(f"The run of {program} cannot be attested ({error}).") from error


def _signed_scores(comparison: Comparison, attribution: Attribution) -> BundleScores | None:
    """None where the verdict does not follow from scores: propensities and outcomes are in no bundle yet."""
    return None if comparison.off_policy is not None else scores_of(comparison, attribution.secret)


def that_holds(attestation: Attestation) -> Attestation:
    """The attestation, if its figures can be true together, as everybody who verifies it will ask.

    Raises:
        NotAttestableError: they contradict each other.
    """
    try:
        check_content(attestation, attestation.to_dict())
    except InvalidAttestationError as error:
        raise NotAttestableError(
            f"The run of {attestation.model_info.model_id} cannot be attested ({error})."
        ) from error
    return attestation


def issue_attestation(
    attestation: Attestation, *, signers: Sequence[SignerConfig], storage_uri: str
) -> AttestationRecord:
    """Sign the document, with all signers there are, and store it.

    Raises:
        ConfigurationError: a keystore does not open, or a signer signs with another key than it names.
        SignerUnavailableError: a signer outside does not sign.
    """
    attestation = sign(attestation, [open_signer(signer) for signer in signers])
    blob = put_blob(storage_uri, "attestations", serialize(attestation).encode(), suffix=".json")
    return AttestationRecord(
        attestation_id=attestation.attestation_id,
        attestation_hash=attestation.attestation_hash,
        level=Level.SIGNED if attestation.proof else Level.HASH_ONLY,
        blob=blob,
    )


def serialize(attestation: Attestation) -> str:
    """The document as it is written to files: indented, in the specification's order of fields."""
    return json.dumps(attestation.to_dict(), indent=2, ensure_ascii=False) + "\n"


def evidence_section(comparison: Comparison, scores: BundleScores | None = None) -> dict[str, Any]:
    """What the verdict rests on; with the digest of the scores, where they are given."""
    report = comparison.report
    return {
        "kind": "offline",
        **offline_figures(report, metric=comparison.metric),
        **_given(
            metric_version=comparison.metric_version if comparison.metric_version > 1 else None,
            trial=None
            if comparison.trial is None
            else trial_section(comparison.trial, report, until=comparison.decided_at),
            scores_digest=None if scores is None else scores.digest,
            compared=comparison.labels and comparison.labels.compared.value,
        ),
    }


def trial_section(trial: TrialState, report: GateReport, *, until: datetime) -> dict[str, Any]:
    """The trial that the evidence added up in, and that was decided `until` then."""
    opening = trial.opening
    return {
        "trial_id": opening.id,
        "number": opening.number,
        "windows": report.trial.windows if report.trial else 0,
        "opened": _span(opening.window.start, opening.window.end, until=until),
        "level_e6": math.ceil(opening.policy.level * MILLION),
        **_given(relatives=opening.relatives or None),
    }


def _date_range(snapshot: Snapshot, comparison: Comparison, *, until: datetime) -> dict[str, str]:
    """Of all traces: from the window that the candidate was made from to the last one that it was compared in."""
    ends = [snapshot.window.end, *(scored.window.end for scored in counted_windows(comparison))]
    return _span(snapshot.window.start, max(ends), until=until)


def _span(start: datetime, end: datetime, *, until: datetime) -> dict[str, str]:
    """The time of traces that were there when it was decided, `until`: of a window that still ran, what was over."""
    return {"start": format_utc(start), "end": format_utc(min(end, until))}


def online_evidence_section(decision: OnlineDecision, metric: str, calls: BundleCalls | None = None) -> dict[str, Any]:
    """What a verdict in production rests on; with the digest of the calls, where they are given."""
    observed = decision.observed
    return {
        "kind": "online",
        **online_figures(decision.report, metric=metric),
        "observed": _span(observed.start, observed.end, until=decision.decided_at),
        **_given(scores_digest=None if calls is None else calls.digest),
    }


def contributor_section(credit: Credit) -> dict[str, Any]:
    """One of the specification's `contributors`."""
    return {
        "contributor_id": credit.contributor_id,
        "address": credit.address,
        "weight": from_millionths(credit.weight_e6),
        "trace_count": credit.trace_count,
        **_given(
            quarantine=credit.quarantine and credit.quarantine.value,
            used=credit.used.model_dump(),
            value_e6=credit.value_e6,
            error_e6=credit.error_e6,
        ),
    }


def _given(**fields: Any) -> dict[str, Any]:
    """The fields without those there is nothing to say of."""
    return {name: value for name, value in fields.items() if value is not None}
