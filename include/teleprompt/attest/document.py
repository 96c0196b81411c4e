"""The attestation document, schema version 1.0.

The documents' fields keep their names and places; `evidence`, `data`, `program`, `weighting_method`, `credit` and
`proof` stand beside them. Numbers that are not integers are k / 10**6.
"""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, FailFast, Field

from teleprompt.attest.evidence import Evidence
from teleprompt.attest.section import (
    Address,
    Count,
    DateRange,
    Metrics,
    Moment,
    Number,
    Section,
    Text,
    in_millionths,
)  # fmt: skip
from teleprompt.encoding.canonical_json import digest_of
from teleprompt.records import MILLION, Digest, to_millionths

HASH = "attestation_hash"
PROOF = "proof"
ID = "attestation_id"
ID_LENGTH = 12
MAX_CONTRIBUTORS = 10_000
MAX_SIGNERS = 20


class ModelInfo(Section):
    """Which program, from which version to which."""

    model_id: Text
    baseline_version: Text
    optimized_version: Text
    optimization_strategy: Text


class Performance(Section):
    """What was measured."""

    deltaone_achieved: bool
    performance_delta: Number
    baseline_metrics: Metrics
    optimized_metrics: Metrics


class OptimizationMetadata(Section):
    """How the program was optimised."""

    trace_count: Count
    optimization_time_seconds: Annotated[float, Field(ge=0), AfterValidator(in_millionths)]
    outcome_metric: Text
    date_range: DateRange


class UsedTraces(Section):
    """Where a contributor's traces were used; `demos` are those of `train` that stand in the program."""

    train: Count
    select: Count
    gate: Count
    demos: Count


class Contributor(Section):
    """Whose data it was; weights sum to 1."""

    contributor_id: Text
    address: Address | None
    weight: Annotated[float, Field(ge=0, le=1), AfterValidator(in_millionths)]
    trace_count: Count
    quarantine: Literal["no_address", "address_conflict"] | None = None
    """Why there is no address: credited, but not payable."""
    used: UsedTraces | None = None
    value_e6: Annotated[int, Field(gt=-(2**53), lt=2**53)] | None = None
    """What the weight is in proportion to, in millionths, where that is not `trace_count`."""
    error_e6: Count | None = None
    """Standard error of `value_e6`, where that is an estimate."""

    absent = frozenset({"quarantine", "used", "value_e6", "error_e6"})


class Credit(Section):
    """How the weights were found, beside `weighting_method`."""

    cap_e6: Annotated[int, Field(gt=0, le=MILLION)] | None = None
    """Nobody's weight is above it, unless equal shares are."""
    unpayable: Literal["hold_back", "share"]
    """What becomes of the share of a contributor without an address."""

    absent = frozenset({"cap_e6"})


class Data(Section):
    """Which data: digests of the snapshot's manifest and of its split."""

    snapshot_digest: Digest
    split_digest: Digest
    traces_root: Digest | None = None
    """Root of the Merkle tree over the traces used."""
    traces_count: Count | None = None
    """Its leaves."""

    absent = frozenset({"traces_root", "traces_count"})


class Program(Section):
    """Which programs: digests of their state JSON and of the code that both run."""

    baseline_digest: Digest
    optimized_digest: Digest
    code_digest: Digest


class Proof(Section):
    """An EIP-712 signature over the hash; see `signing.py`."""

    type: Literal["eip712"]
    signer: Address
    signature: Annotated[str, Field(pattern=r"^0x[0-9a-f]{130}$")]


class Attestation(Section):
    """The whole document."""

    model_config = ConfigDict(title="Teleprompt attestation 1.0")

    schema_version: Literal["1.0"]
    attestation_type: Literal["teleprompt_optimization"]
    attestation_id: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
    timestamp: Moment
    model_info: ModelInfo
    performance: Performance
    optimization_metadata: OptimizationMetadata
    contributors: Annotated[
        tuple[Contributor, ...], Field(strict=False, min_length=1, max_length=MAX_CONTRIBUTORS), FailFast()
    ]
    weighting_method: Text | None = None
    evidence: Evidence | None = None
    data: Data | None = None
    program: Program | None = None
    attestation_hash: Digest
    credit: Credit | None = None
    proof: Proof | Annotated[tuple[Proof, ...], Field(strict=False, min_length=2, max_length=MAX_SIGNERS)] | None = None
    """One signature, or several in ascending order of their signers."""

    absent = frozenset({"weighting_method", "evidence", "data", "program", "credit", "proof"})

    @property
    def decided_at(self) -> datetime:
        """The timestamp, as a time."""
        return datetime.fromisoformat(self.timestamp)

    @property
    def proofs(self) -> tuple[Proof, ...]:
        """The signatures."""
        if self.proof is None:
            return ()
        return (self.proof,) if isinstance(self.proof, Proof) else self.proof

    @classmethod
    def compose(cls, body: dict[str, Any]) -> Self:
        """The document of `body`, which lacks id and hash: both follow from it.

        Raises:
            pydantic.ValidationError: the body breaks the schema.
        """
        draft = {
            "schema_version": "1.0",
            "attestation_type": "teleprompt_optimization",
            **{k: v for k, v in body.items() if v is not None},
        }
        draft[ID] = content_id(draft)
        return cls.model_validate({**draft, HASH: content_hash(draft)})

    def to_dict(self) -> dict[str, Any]:
        """The document as plain JSON values."""
        return self.model_dump(mode="json")


def content_hash(document: dict[str, Any]) -> str:
    """SHA-256 of the RFC 8785 form of the document without `attestation_hash` and `proof`."""
    return digest_of({k: v for k, v in document.items() if k not in {HASH, PROOF}})


def content_id(document: dict[str, Any]) -> str:
    """The first 12 hexadecimal digits of that hash taken without the id itself."""
    return content_hash({k: v for k, v in document.items() if k != ID})[:ID_LENGTH]


def headline_metric(attestation: Attestation) -> str:
    """The metric that `performance_delta` is the difference of."""
    if attestation.evidence:
        return attestation.evidence.metric
    return attestation.optimization_metadata.outcome_metric


def weight_e6(contributor: Contributor) -> int:
    """The weight in millionths."""
    return to_millionths(contributor.weight)
