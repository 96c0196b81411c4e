"""What a DeltaVerifier is asked to mint, and what attesters sign for it (EIP-712 `HokusaiDeltaVerifier`, 1)."""

import hashlib
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from teleprompt.attest.document import Attestation, headline_metric
from teleprompt.attest.evidence import Evidence
from teleprompt.attribution.apportion import largest_remainder
from teleprompt.attribution.contributors import Quarantine
from teleprompt.attribution.rewards import BASIS_POINTS
from teleprompt.config.attribution import Unpayable
from teleprompt.config.chain import DeltaVerifierConfig
from teleprompt.encoding.canonical_json import digest_of
from teleprompt.errors import ConfigurationError
from teleprompt.records import MILLION, Record, to_millionths
from teleprompt.signing.typed_data import TypedData

MAX_CONTRIBUTORS = 100
"""The contract takes no more; how many fit into a transaction's gas is found by asking it."""

TYPES = {
    "BenchmarkAnchors": [
        {"name": "benchmarkSpecHash", "type": "bytes32"},
        {"name": "datasetHash", "type": "bytes32"},
        {"name": "attestationHash", "type": "bytes32"},
        {"name": "idempotencyKey", "type": "bytes32"},
        {"name": "metricName", "type": "string"},
        {"name": "metricFamily", "type": "string"},
    ],
    "Contributor": [{"name": "walletAddress", "type": "address"}, {"name": "weight", "type": "uint256"}],
    "MintRequestPayload": [
        {"name": "pipelineRunId", "type": "string"},
        {"name": "baselineScoreBps", "type": "uint256"},
        {"name": "candidateScoreBps", "type": "uint256"},
        {"name": "maxCostUsdMicro", "type": "uint256"},
        {"name": "actualCostUsdMicro", "type": "uint256"},
        {"name": "totalSamples", "type": "uint256"},
        {"name": "anchors", "type": "BenchmarkAnchors"},
        {"name": "baselineCommitment", "type": "bytes32"},
        {"name": "candidateCommitment", "type": "bytes32"},
        {"name": "deadline", "type": "uint256"},
    ],
    "MintRequest": [
        {"name": "modelId", "type": "uint256"},
        {"name": "payload", "type": "MintRequestPayload"},
        {"name": "contributors", "type": "Contributor[]"},
    ],
}


class MintContributor(Record):
    """Who gets which part, in basis points."""

    address: str
    weight_bps: int


class MintRequest(Record):
    """What attesters sign and the contract pays for. Numbers that may exceed 2**53 are texts."""

    model_id: str
    pipeline_run_id: str
    baseline_score_bps: int
    candidate_score_bps: int
    max_cost_usd_micro: int
    actual_cost_usd_micro: int
    total_samples: int
    benchmark_spec_hash: str
    dataset_hash: str
    attestation_hash: str
    idempotency_key: str
    metric_name: str
    metric_family: str
    baseline_commitment: str
    candidate_commitment: str
    deadline: int
    """Seconds since 1970; frozen when the request is built, so that a retry signs the same."""
    contributors: tuple[MintContributor, ...]


def build_request(
    attestation: Attestation,
    config: DeltaVerifierConfig,
    *,
    actual_cost_usd_micro: int,
    deadline: int,
    head: str | None = None,
) -> MintRequest:
    """The request for a document, with the contract's `head` as the parent, where it has one that is to be named.

    Raises:
        ConfigurationError: it has no evidence, or contributors whom the contract cannot pay.
    """
    evidence, data, program = attestation.evidence, attestation.data, attestation.program
    if evidence is None or data is None or program is None:
        raise ConfigurationError(
            "The DeltaVerifier needs `evidence`, `data` and `program`; this attestation lacks them."
        )
    metric = headline_metric(attestation)
    baseline_e6 = to_millionths(attestation.performance.baseline_metrics[metric])
    # A trial stops when its gain looks good, which is too high on average: it is paid for the interval's lower end.
    is_of_a_trial = evidence.kind == "offline" and evidence.trial is not None
    paid_e6 = baseline_e6 + (evidence.ci_low_e6 if is_of_a_trial else evidence.delta_e6)
    model_id = str(config.model_id)
    return MintRequest(
        model_id=model_id,
        pipeline_run_id=run_id_of(attestation),
        baseline_score_bps=basis_points(baseline_e6),
        candidate_score_bps=basis_points(paid_e6),
        max_cost_usd_micro=to_millionths(config.max_cost_usd),
        actual_cost_usd_micro=actual_cost_usd_micro,
        total_samples=evidence.n if evidence.kind == "offline" else evidence.n_baseline + evidence.n_optimized,
        benchmark_spec_hash=_benchmark_hash(evidence, config.benchmark_spec_id),
        dataset_hash=data.snapshot_digest,
        attestation_hash=attestation.attestation_hash,
        idempotency_key=idempotency_key(model_id, attestation.attestation_hash),
        metric_name=metric,
        metric_family="proportion",
        baseline_commitment=head or program.baseline_digest,
        candidate_commitment=program.optimized_digest,
        deadline=deadline,
        contributors=mint_contributors(attestation, config.held_back_to),
    )


def _benchmark_hash(evidence: Evidence, spec_id: str | None) -> str:
    """Keccak-256 of the benchmark's id, as the contract's own clients have it; else a digest of how was compared."""
    if spec_id is not None:
        from eth_utils.crypto import keccak

        return keccak(text=spec_id).hex()
    return digest_of(
        {name: getattr(evidence, name) for name in ("kind", "metric", "test", "threshold_e6", "confidence_e6")}
    )


def mint_contributors(attestation: Attestation, held_back_to: str | None) -> tuple[MintContributor, ...]:
    """Addresses and basis points that sum to 10,000, each at least 1, the largest first: the dust goes to it.

    Raises:
        ConfigurationError: somebody has no address and nobody is named to hold the share, or there are too many.
    """
    shares: dict[str, int] = {}
    shared = attestation.credit is not None and attestation.credit.unpayable == Unpayable.SHARE.value
    for person in attestation.contributors:
        weight = to_millionths(person.weight)
        if person.address is None and (weight == 0 or (shared and person.quarantine == Quarantine.NO_ADDRESS.value)):
            continue
        address = person.address or held_back_to
        if address is None:
            raise ConfigurationError(
                f"{person.contributor_id} is credited but has no address, and the contract pays all or nothing; name "
                "who holds such shares in `chain.held_back_to`, or set `attribution.unpayable: share`."
            )
        if weight:
            shares[address] = shares.get(address, 0) + weight
    if not 1 <= len(shares) <= MAX_CONTRIBUTORS:
        raise ConfigurationError(
            f"{len(shares)} contributors cannot be paid by one request, which takes 1 to {MAX_CONTRIBUTORS}; pay them "
            "by the tree of `teleprompt rewards --tree`, or submit to `eas`."
        )
    addresses = sorted(shares, key=lambda address: (-shares[address], address.lower()))
    parts = largest_remainder(
        BASIS_POINTS,
        [shares[address] for address in addresses],
        tie_break=[address.lower() for address in addresses],
    )
    raised = [max(1, part) for part in parts]  # the contract refuses a weight of 0
    raised[0] -= sum(raised) - BASIS_POINTS
    return tuple(
        MintContributor(address=address, weight_bps=part) for address, part in zip(addresses, raised, strict=True)
    )


def basis_points(score_e6: int) -> int:
    """A score in millionths in basis points, rounded half-even."""
    points = Decimal(score_e6) * BASIS_POINTS / MILLION
    return int(points.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def run_id_of(attestation: Attestation) -> str:
    """What the contract calls the run."""
    return f"teleprompt-{attestation.attestation_id}"


def idempotency_key(model_id: str, attestation_hash: str) -> str:
    """SHA-256 of `<model id>:<attestation hash>`: the contract takes each key once."""
    return hashlib.sha256(f"{model_id}:{attestation_hash}".encode()).hexdigest()


def request_typed_data(request: MintRequest, *, chain_id: int, contract: str) -> TypedData:
    """What attesters sign."""
    domain = {"name": "HokusaiDeltaVerifier", "version": "1", "chainId": chain_id, "verifyingContract": contract}
    message = {
        "modelId": int(request.model_id),
        "payload": {
            "pipelineRunId": request.pipeline_run_id,
            "baselineScoreBps": request.baseline_score_bps,
            "candidateScoreBps": request.candidate_score_bps,
            "maxCostUsdMicro": request.max_cost_usd_micro,
            "actualCostUsdMicro": request.actual_cost_usd_micro,
            "totalSamples": request.total_samples,
            "anchors": {
                "benchmarkSpecHash": bytes.fromhex(request.benchmark_spec_hash),
                "datasetHash": bytes.fromhex(request.dataset_hash),
                "attestationHash": bytes.fromhex(request.attestation_hash),
                "idempotencyKey": bytes.fromhex(request.idempotency_key),
                "metricName": request.metric_name,
                "metricFamily": request.metric_family,
            },
            "baselineCommitment": bytes.fromhex(request.baseline_commitment),
            "candidateCommitment": bytes.fromhex(request.candidate_commitment),
            "deadline": request.deadline,
        },
        "contributors": [{"walletAddress": c.address, "weight": c.weight_bps} for c in request.contributors],
    }
    return TypedData(domain, TYPES, message)


def deadline_of(now: datetime, config: DeltaVerifierConfig) -> int:
    """Until when signatures made now are good."""
    return int(now.timestamp() + config.deadline_days * 86_400)
