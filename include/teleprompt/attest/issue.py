"""The last stage: write the attestation of a promoted run, once."""

import json
from typing import Any

from pydantic import ValidationError

from include.teleprompt.attest.codes import InvalidAttestationError
from include.teleprompt.attest.document import Attestation
from include.teleprompt.attest.signing import sign
from include.teleprompt.attest.verify import Level, check_content
from include.teleprompt.attribution.weights import WEIGHTING_METHOD, ContributorWeight, contributor_weights
from include.teleprompt.config.program import ProgramConfig
from include.teleprompt.config.settings import SignerConfig
from include.teleprompt.deltaone.compare import GateReport
from include.teleprompt.errors import TelepromptError
from include.teleprompt.optimize.select import Selection
from include.teleprompt.records import MILLION, Digest, Record, from_millionths, to_millionths
from include.teleprompt.storage import Blob, put_blob
from include.teleprompt.traces.snapshot import Snapshot
from include.teleprompt.window import format_utc

ATTESTATION_ARTIFACT = "attestation.json"


class AttestationRecord(Record):
    """Which attestation was issued and where its file lies."""

    attestation_id: str
    attestation_hash: Digest
    level: Level
    blob: Blob


def compose_attestation(
    *,
    config: ProgramConfig,
    snapshot: Snapshot,
    selection: Selection,
    report: GateReport,
    baseline_version: str,
    optimized_version: str,
    code_digest: Digest,
) -> Attestation:
    """The unsigned document of a promoting report; the same run gives the same document.

    Raises:
        TelepromptError: the facts do not fit the format.
    """
    body = {
        "timestamp": format_utc(report.decided_at),
        "model_info": {
            "model_id": config.name,
            "baseline_version": baseline_version,
            "optimized_version": optimized_version,
            "optimization_strategy": config.optimization.strategy.value,
        },
        "performance": performance_section(report),
        "optimization_metadata": {
            "trace_count": snapshot.trace_count,
            "optimization_time_seconds": from_millionths(to_millionths(selection.seconds)),
            "outcome_metric": config.outcome.metric,
            "date_range": {
                "start": format_utc(snapshot.window.start),
                "end": format_utc(snapshot.window.end),
            },
        },
        "contributors": contributors_section(contributor_weights(snapshot.contributors)),
        "weighting_method": WEIGHTING_METHOD,
        "evidence": evidence_section(report),
        "data": {"snapshot_digest": snapshot.digest, "split_digest": snapshot.split_digest},
        "program": {
            "baseline_digest": report.baseline_state.digest,
            "optimized_digest": report.optimized_state.digest,
            "code_digest": code_digest,
        },
    }
    try:
        attestation = Attestation.compose(body)
        check_content(attestation, attestation.to_dict())
    except (ValidationError, InvalidAttestationError) as error:
        raise TelepromptError(f"The run of {config.name} cannot be attested ({error}).") from error
    return attestation


def issue_attestation(attestation: Attestation, *, signer: SignerConfig | None, storage_uri: str) -> AttestationRecord:
    """Sign the document (when there is a signer) and store it."""
    if signer is not None:
        attestation = sign(attestation, signer)
    blob = put_blob(storage_uri, "attestations", serialize(attestation).encode(), suffix=".json")
    return AttestationRecord(
        attestation_id=attestation.attestation_id,
        attestation_hash=attestation.attestation_hash,
        level=Level.SIGNED if attestation.proof else Level.HASH_ONLY,
        blob=blob,
    )


def serialize(attestation: Attestation) -> str:
    """The document as it is written to files: indented, in the documents' order of fields."""
    return json.dumps(attestation.to_dict(), indent=2, ensure_ascii=False) + "\n"


def performance_section(report: GateReport) -> dict[str, Any]:
    """The documents' `performance`."""
    decision = report.decision
    return {
        "deltaone_achieved": decision.delta_e6 >= decision.policy.threshold_e6,
        "performance_delta": from_millionths(decision.delta_e6),
        "baseline_metrics": {report.metric: from_millionths(decision.baseline_e6)},
        "optimized_metrics": {report.metric: from_millionths(decision.optimized_e6)},
    }


def evidence_section(report: GateReport) -> dict[str, Any]:
    """What the verdict rests on."""
    decision = report.decision
    return {
        "kind": "offline",
        "verdict": decision.verdict.value,
        "claim": decision.evidence.value if decision.evidence else None,
        "metric": report.metric,
        "test": decision.test,
        "interval": decision.interval,
        "n": decision.n,
        "n_groups": decision.n_groups,
        "wins": decision.wins,
        "losses": decision.losses,
        "ties": decision.ties,
        "delta_e6": decision.delta_e6,
        "ci_low_e6": decision.ci_low_e6,
        "ci_high_e6": decision.ci_high_e6,
        "p_value_e6": decision.p_value_e6,
        "confidence_e6": MILLION - to_millionths(decision.policy.alpha),
        "threshold_e6": decision.policy.threshold_e6,
    }


def contributors_section(weights: tuple[ContributorWeight, ...]) -> list[dict[str, Any]]:
    """The documents' `contributors`."""
    return [
        {
            "contributor_id": weight.contributor_id,
            "address": weight.address,
            "weight": from_millionths(weight.weight_e6),
            "trace_count": weight.trace_count,
        }
        for weight in weights
    ]
