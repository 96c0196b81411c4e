"""Checking an attestation offline, from its bytes alone."""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from typing import Any

from include.teleprompt.addresses import AddressError, checksum_address
from include.teleprompt.attest.codes import Code, InvalidAttestationError
from include.teleprompt.attest.document import (
    Attestation,
    content_hash,
    content_id,
    headline_metric,
    weight_e6,
)
from include.teleprompt.attest.evidence import check_evidence
from include.teleprompt.attest.load import load_attestation
from include.teleprompt.attest.signing import recover_signer
from include.teleprompt.attribution.weights import WEIGHTING_METHOD, count_weights
from include.teleprompt.errors import ConfigurationError
from include.teleprompt.records import MILLION, Record, to_millionths

DEFAULT_THRESHOLD_E6 = 10_000


class Level(StrEnum):
    """How much a valid document proves."""

    SIGNED = "signed"
    """The named key vouches for it. Whose key that is, only `trusted_signers` can tell."""
    HASH_ONLY = "hash-only"
    """It is consistent in itself; anyone could have written it."""


class Verification(Record):
    """The answer to "is this attestation valid"."""

    valid: bool
    level: Level | None
    code: Code
    detail: str
    signer: str | None
    attestation_id: str | None


def verify_attestation(
    data: bytes, *, trusted_signers: Collection[str] = (), require_signature: bool = False
) -> Verification:
    """Check the document in `data`.

    With `trusted_signers` the signature must be by one of them. They come from the verifier, never from the document.

    Raises:
        ConfigurationError: a trusted signer is not an address.
    """
    trusted = {_trusted(address) for address in trusted_signers}
    try:
        attestation, document = load_attestation(data)
        check_content(attestation, document)
        signer = _check_signature(attestation, trusted, required=require_signature or bool(trusted))
    except InvalidAttestationError as error:
        detail = str(error).removeprefix(f"{error.code}: ")
        return Verification(valid=False, level=None, code=error.code, detail=detail, signer=None, attestation_id=None)
    return Verification(
        valid=True,
        level=Level.SIGNED if signer else Level.HASH_ONLY,
        code=Code.OK,
        detail=_signed_detail(signer, trusted)
        if signer
        else "not signed: consistent in itself, but anyone could write it",
        signer=signer,
        attestation_id=attestation.attestation_id,
    )


def _signed_detail(signer: str, trusted: Collection[str]) -> str:
    return f"signed by {signer}" + ("" if trusted else ", which you did not name as trusted")


def check_content(attestation: Attestation, document: dict[str, Any]) -> None:
    """Check hash, id, and what the fields say of each other.

    Raises:
        InvalidAttestationError: with the code of the first fault.
    """
    if content_hash(document) != attestation.attestation_hash:
        raise InvalidAttestationError(Code.HASH_MISMATCH, "the content is not what was hashed")
    if content_id(document) != attestation.attestation_id:
        raise InvalidAttestationError(Code.ID_MISMATCH, "the id does not follow from the content")
    _check_identity(attestation)
    _check_performance(attestation)
    _check_contributors(attestation)


def _check_performance(attestation: Attestation) -> None:
    performance, evidence = attestation.performance, attestation.evidence
    metric = headline_metric(attestation)
    before, after = performance.baseline_metrics, performance.optimized_metrics
    if before.keys() != after.keys() or metric not in before:
        raise InvalidAttestationError(Code.DELTA_MISMATCH, f"both programs need the same metrics and {metric!r}")
    delta = to_millionths(performance.performance_delta)
    if to_millionths(after[metric]) - to_millionths(before[metric]) != delta:
        raise InvalidAttestationError(Code.DELTA_MISMATCH, "performance_delta is not optimized - baseline")
    threshold = evidence.threshold_e6 if evidence else DEFAULT_THRESHOLD_E6
    if performance.deltaone_achieved != (delta >= threshold):
        raise InvalidAttestationError(Code.BELOW_THRESHOLD, "deltaone_achieved contradicts the threshold")
    if evidence is not None:
        if delta < threshold:
            raise InvalidAttestationError(Code.BELOW_THRESHOLD, "a promotion needs at least the threshold")
        if not (0 <= before[metric] <= 1 and 0 <= after[metric] <= 1):
            raise InvalidAttestationError(Code.DELTA_MISMATCH, f"{metric!r} lies outside [0, 1]")
        check_evidence(evidence, delta_e6=delta, trace_count=attestation.optimization_metadata.trace_count)


def _check_identity(attestation: Attestation) -> None:
    dates, info, program = attestation.optimization_metadata.date_range, attestation.model_info, attestation.program
    if datetime.fromisoformat(dates.start) >= datetime.fromisoformat(dates.end):
        raise InvalidAttestationError(Code.BAD_DATES, "date_range is empty")
    if info.baseline_version == info.optimized_version:
        raise InvalidAttestationError(Code.SAME_PROGRAM, "baseline and optimized version are the same")
    if program is not None and program.baseline_digest == program.optimized_digest:
        raise InvalidAttestationError(Code.SAME_PROGRAM, "baseline and optimized program are the same")


def _check_contributors(attestation: Attestation) -> None:
    contributors = attestation.contributors
    weights = [weight_e6(contributor) for contributor in contributors]
    if sum(weights) != MILLION:
        raise InvalidAttestationError(Code.WEIGHTS_SUM, "the weights do not sum to 1")
    ids = [c.contributor_id for c in contributors]
    addresses = [c.address for c in contributors if c.address]
    if len(set(ids)) != len(ids) or len(set(addresses)) != len(addresses):
        raise InvalidAttestationError(Code.DUPLICATE_CONTRIBUTOR, "a contributor or an address stands twice")
    if attestation.weighting_method == WEIGHTING_METHOD and weights != count_weights(
        [(c.contributor_id, c.address, c.trace_count) for c in contributors]
    ):
        raise InvalidAttestationError(Code.WEIGHTS_SUM, "the weights do not follow from the trace counts")
    if sum(c.trace_count for c in contributors) != attestation.optimization_metadata.trace_count:
        raise InvalidAttestationError(Code.COUNT_MISMATCH, "the contributors' traces do not add up to trace_count")


def _check_signature(attestation: Attestation, trusted: Collection[str], *, required: bool) -> str | None:
    proof = attestation.proof
    if proof is None:
        if required:
            raise InvalidAttestationError(Code.SIGNATURE_MISSING, "a signature is required and there is none")
        return None
    signer = recover_signer(attestation, proof)
    if signer != proof.signer:
        raise InvalidAttestationError(Code.SIGNATURE_INVALID, "the signature is not by the signer it names")
    if trusted and signer not in trusted:
        raise InvalidAttestationError(Code.SIGNER_UNTRUSTED, f"{signer} is not among the trusted signers")
    return signer


def _trusted(address: str) -> str:
    try:
        return checksum_address(address)
    except AddressError as error:
        raise ConfigurationError(f"Trusted signer: {error}; give its EIP-55 address.") from error
