"""The attestation document, schema version 1.0.

The documents' fields keep their names and places; `evidence`, `data`, `program`, `weighting_method`, `credit` and
`proof` stand beside them. Numbers that are not integers are k / 10**6.
"""

import re
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    FailFast,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from teleprompt.encoding.addresses import checksum_address
from teleprompt.encoding.canonical_json import digest_of, plain
from teleprompt.records import MAX_IDENTIFIER, MILLION, Digest, to_millionths

HASH = "attestation_hash"
PROOF = "proof"
ID = "attestation_id"
ID_LENGTH = 12
MAX_CONTRIBUTORS = 10_000
MAX_METRICS = 100
MAX_SIGNERS = 20
MAX_NUMBER = 1e9
"""Up to here k / 10**6 is exact in both directions."""


def _utc(text: str) -> str:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3})?Z", text):
        raise ValueError("times look like 2026-01-31T00:00:00Z")
    datetime.fromisoformat(text)
    return text


def _checksummed(text: str) -> str:
    if checksum_address(text) != text:
        raise ValueError("addresses stand in their EIP-55 form")
    return text


def _in_millionths(value: float) -> float:
    if abs(value) > MAX_NUMBER or round(value * MILLION) / MILLION != value:
        raise ValueError(f"numbers have at most six decimals and lie within {MAX_NUMBER:g} of 0")
    return value


Text = Annotated[str, Field(min_length=1, max_length=MAX_IDENTIFIER), AfterValidator(plain)]
Moment = Annotated[str, AfterValidator(_utc)]
Address = Annotated[str, AfterValidator(_checksummed)]
Number = Annotated[float, AfterValidator(_in_millionths)]
Count = Annotated[int, Field(ge=0, lt=2**53)]
Metrics = Annotated[dict[Text, Number], Field(max_length=MAX_METRICS)]
Millionths = Annotated[int, Field(ge=-MILLION, le=MILLION)]


class Section(BaseModel):
    """Closed, frozen and strict. What `absent` names is left out where there is nothing, never null."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    absent: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _is_left_out(cls, data: object) -> object:
        if isinstance(data, dict) and any(name in data and data[name] is None for name in cls.absent):
            raise ValueError(f"{', '.join(sorted(cls.absent))}: left out, not null")
        return data

    @model_serializer(mode="wrap")
    def _without_the_absent(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = handler(self)
        return {k: v for k, v in fields.items() if v is not None or k not in self.absent}


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


class DateRange(Section):
    """The window of the traces, `[start, end)`."""

    start: Moment
    end: Moment


class OptimizationMetadata(Section):
    """How the program was optimised."""

    trace_count: Count
    optimization_time_seconds: Annotated[float, Field(ge=0), AfterValidator(_in_millionths)]
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
    weight: Annotated[float, Field(ge=0, le=1), AfterValidator(_in_millionths)]
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


class _Evidence(Section):
    """What all evidence says; `_e6` are millionths."""

    verdict: Literal["promote"]
    claim: Literal["significant", "proven"]
    metric: Text
    delta_e6: Millionths
    ci_low_e6: Millionths
    ci_high_e6: Millionths
    p_value_e6: Annotated[int, Field(ge=0, le=MILLION)]
    confidence_e6: Annotated[int, Field(gt=MILLION // 2, le=MILLION)]
    threshold_e6: Annotated[int, Field(gt=0, lt=MILLION)]


class TrialSection(Section):
    """The trial that the candidate was on; its windows are from the first to the one that decided it."""

    trial_id: Digest
    number: Annotated[Count, Field(ge=1)]
    """Which trial of the program's last 365 days it was."""
    windows: Annotated[Count, Field(ge=1)]
    opened: DateRange
    """The window that opened it, whose traces the candidate was made from."""
    level_e6: Annotated[int, Field(gt=0, lt=MILLION)]
    """Probability, at most, that the trial promotes a candidate without a gain; its part of the year's."""
    relatives: Annotated[Count, Field(ge=1)] | None = None
    """Trials of the same 365 days of programs with another name and the same code: a renamed one begins its numbers
    anew. Left out where there were none."""

    absent = frozenset({"relatives"})


class OfflineEvidence(_Evidence):
    """Both programs' answers to sealed examples were compared."""

    kind: Literal["offline"]
    """Replayed on sealed traces, not measured in production."""
    test: Literal["mcnemar_exact", "sign_flip", "sign", "betting_mixture"]
    interval: Literal["bonett_price", "bca_unseen", "unseen", "bca", "degenerate", "confidence_sequence"]
    """`bca` and `degenerate` stand in documents from before intervals allowed for the unseen."""
    n: Annotated[Count, Field(ge=1)]
    n_groups: Annotated[Count, Field(ge=1)]
    wins: Count
    losses: Count
    ties: Count
    metric_version: Annotated[int, Field(ge=2)] | None = None
    """Of how values were read and compared; left out of version 1, which compared texts."""

    trial: TrialSection | None = None
    """Where the evidence added up over windows."""
    scores_digest: Digest | None = None
    """Of the scores in the recompute bundle; documents of before have none."""
    compared: Literal["agreement", "reference"] | None = None
    """With what: logged answers that turned out well, a proxy of the outcome, or what people expect; documents of
    before do not say."""

    absent = frozenset({"metric_version", "trial", "scores_digest", "compared"})


class OnlineEvidence(_Evidence):
    """The outcomes of both versions' calls in production were compared."""

    kind: Literal["online"]
    """Measured in production, on the keys that each version answered."""
    test: Literal["fisher_exact", "permutation", "delta_method"]
    interval: Literal["newcombe", "delta_method_unseen"]
    n_baseline: Annotated[Count, Field(ge=1)]
    n_optimized: Annotated[Count, Field(ge=1)]
    """Calls with an outcome."""
    keys_baseline: Annotated[Count, Field(ge=1)]
    keys_optimized: Annotated[Count, Field(ge=1)]
    missing_baseline: Count
    missing_optimized: Count
    """Mature calls without one."""
    observed: DateRange
    """When the calls were made."""
    weeks: Annotated[Count, Field(ge=1)] | None = None
    """Whole weeks, within which the versions were compared; left out where their calls were compared as one."""
    missing_are: Literal["bounds", "at_random", "zero_after_maturity"] | None = None
    """What calls without an outcome counted for, in weeks."""
    scores_digest: Digest | None = None
    """Of the calls in the recompute bundle; documents from before there was one lack it."""

    absent = frozenset({"weeks", "missing_are", "scores_digest"})


Evidence = Annotated[OfflineEvidence | OnlineEvidence, Field(discriminator="kind")]


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
