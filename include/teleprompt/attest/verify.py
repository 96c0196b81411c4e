"""Checking an attestation offline, from its bytes alone."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from functools import partial
from itertools import pairwise
from typing import Any

from teleprompt.attest._credit import check_credit
from teleprompt.attest._evidence import check_evidence
from teleprompt.attest.codes import Code, InvalidAttestationError
from teleprompt.attest.document import Attestation, content_hash, content_id, headline_metric
from teleprompt.attest.expected import Expected, check_expected
from teleprompt.attest.load import load_attestation
from teleprompt.attest.logged import Logged, LogPolicy, check_logged, log_policy
from teleprompt.attest.signing import recover_signer
from teleprompt.attest.summary import Summary
from teleprompt.attest.trust_list import Standing, TrustList, check_not_revoked, in_standing
from teleprompt.encoding.addresses import AddressError, checksum_address
from teleprompt.errors import ConfigurationError
from teleprompt.records import Record, to_millionths

DEFAULT_THRESHOLD_E6 = 10_000
YEARS = range(2020, 2100)
"""In which a document can have been written; the window that it is about may begin before."""


class Level(StrEnum):
    """How much a valid document proves."""

    SIGNED = "signed"
    """The named key vouches for it. Whose key that is, only `trusted_signers` can tell."""
    UNBACKED = "unbacked"
    """It is consistent in itself and has no evidence: the gain is somebody's word, signed or not."""
    HASH_ONLY = "hash-only"
    """It is consistent in itself; anyone could have written it."""


class Verification(Record):
    """The answer to "is this attestation valid"."""

    valid: bool
    level: Level | None
    code: Code
    detail: str
    signers: tuple[str, ...]
    attestation_id: str | None
    summary: Summary | None = None
    """What the document says; None where it is not valid."""
    logged: Logged | None = None
    """Where it stands in a public log; None where no proof was given."""


def verify_attestation(
    data: bytes,
    *,
    trusted_signers: Collection[str] = (),
    require_signature: bool = False,
    threshold: int = 1,
    expected: Expected | None = None,
    trust_list: TrustList | None = None,
    log: LogPolicy | None = None,
    log_proof: bytes | None = None,
) -> Verification:
    """Check the document in `data`, and that it is about what was `expected`.

    With `trusted_signers` so many as `threshold` of them must have signed. They come from the verifier, never from the
    document. Who stands in the `trust_list` counts in his time only; what it revokes is refused. With a `log` that
    names keys the document must be in one of them, as `log_proof` shows.

    Raises:
        ConfigurationError: a trusted signer is not an address, or the threshold is below 1.
    """
    if threshold < 1:
        raise ConfigurationError(f"A threshold of {threshold} would let everybody in; ask for at least 1 signer.")
    trusted = {_trusted(address) for address in trusted_signers}
    try:
        attestation, document = load_attestation(data)
        check_content(attestation, document)
        if trust_list is not None:
            check_not_revoked(attestation, trust_list)
        logged = _check_logged(document, log_proof, _policy(log, trust_list), is_asked=log is not None)
        needed = threshold if require_signature or trusted or threshold > 1 else 0
        standing = partial(_standing, attestation, trust_list, logged)
        signers = _check_signatures(attestation, trusted, needed=needed, standing_of=standing)
        check_expected(attestation, expected or Expected())
    except InvalidAttestationError as error:
        detail = str(error).removeprefix(f"{error.code}: ")
        return Verification(valid=False, level=None, code=error.code, detail=detail, signers=(), attestation_id=None)
    level = Level.SIGNED if signers else Level.HASH_ONLY
    return Verification(
        valid=True,
        level=level if attestation.evidence else Level.UNBACKED,
        code=Code.OK,
        detail="; ".join([_detail(attestation, signers, trusted), *([logged.in_words] if logged else [])]),
        signers=signers,
        attestation_id=attestation.attestation_id,
        summary=Summary.of(attestation),
        logged=logged,
    )


def _policy(asked: LogPolicy | None, trust_list: TrustList | None) -> LogPolicy:
    """What is asked; whom a list of signers names counts where nobody else is named, and need not have cosigned."""
    named, policy = trust_list.log if trust_list else None, asked or LogPolicy()
    if named is None:
        return policy
    listed = log_policy([named.key], named.witnesses, quorum=0)
    if not policy.keys:
        return replace(policy, keys=listed.keys, witnesses=listed.witnesses)
    is_of_it = policy.keys == listed.keys and not policy.witnesses
    return replace(policy, witnesses=listed.witnesses) if is_of_it else policy


def _check_logged(document: dict[str, Any], proof: bytes | None, policy: LogPolicy, *, is_asked: bool) -> Logged | None:
    if proof is not None:
        return check_logged(document, proof, policy)
    if is_asked and policy.keys:
        raise InvalidAttestationError(Code.LOG_MISSING, "it must be in a log, and no proof was given")
    return None


def _standing(
    attestation: Attestation, trust_list: TrustList | None, logged: Logged | None, signers: list[str]
) -> dict[str, Standing | None]:
    if trust_list is None:
        return dict.fromkeys(signers)
    return in_standing(attestation, signers, trust_list, logged.by if logged else None)


def _detail(attestation: Attestation, signers: Sequence[str], trusted: Collection[str]) -> str:
    detail = "not signed: consistent in itself, but anyone could write it"
    if signers:
        detail = f"signed by {' and '.join(signers)}" + ("" if trusted else ", which you did not name as trusted")
    return detail if attestation.evidence else f"{detail}; without evidence, so that nothing backs the gain"


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
    check_evidence(attestation)
    check_credit(attestation)


def _check_performance(attestation: Attestation) -> None:
    performance, evidence = attestation.performance, attestation.evidence
    metric = headline_metric(attestation)
    before, after = performance.baseline_metrics, performance.optimized_metrics
    if before.keys() != after.keys() or metric not in before:
        raise InvalidAttestationError(Code.DELTA_MISMATCH, f"both programs need the same metrics and {metric!r}")
    delta = to_millionths(performance.performance_delta)
    if to_millionths(after[metric]) - to_millionths(before[metric]) != delta:
        raise InvalidAttestationError(Code.DELTA_MISMATCH, "performance_delta is not optimized - baseline")
    if not (0 <= before[metric] <= 1 and 0 <= after[metric] <= 1):
        raise InvalidAttestationError(Code.DELTA_MISMATCH, f"{metric!r} lies outside [0, 1]")
    threshold = evidence.threshold_e6 if evidence else DEFAULT_THRESHOLD_E6
    if performance.deltaone_achieved != (delta >= threshold):
        raise InvalidAttestationError(Code.BELOW_THRESHOLD, "deltaone_achieved contradicts the threshold")
    if evidence is not None and delta < threshold:
        raise InvalidAttestationError(Code.BELOW_THRESHOLD, "a promotion needs at least the threshold")


def _check_identity(attestation: Attestation) -> None:
    dates, info, program = attestation.optimization_metadata.date_range, attestation.model_info, attestation.program
    end = datetime.fromisoformat(dates.end)
    if datetime.fromisoformat(dates.start) >= end:
        raise InvalidAttestationError(Code.BAD_DATES, "date_range is empty")
    if attestation.decided_at < end:
        raise InvalidAttestationError(Code.BAD_DATES, "timestamp lies before the end of date_range")
    if attestation.decided_at.year not in YEARS:
        raise InvalidAttestationError(Code.BAD_DATES, f"timestamp is not of the years {YEARS[0]} to {YEARS[-1]}")
    if info.baseline_version == info.optimized_version:
        raise InvalidAttestationError(Code.SAME_PROGRAM, "baseline and optimized version are the same")
    if program is not None and program.baseline_digest == program.optimized_digest:
        raise InvalidAttestationError(Code.SAME_PROGRAM, "baseline and optimized program are the same")


def _check_signatures(
    attestation: Attestation,
    trusted: Collection[str],
    *,
    needed: int,
    standing_of: Callable[[list[str]], dict[str, Standing | None]],
) -> tuple[str, ...]:
    """The signers who count, each signature checked; of the trusted ones `needed`, or of any where none is named.

    Who signed out of his time, or was revoked, does not count; where somebody signed, one has to.
    """
    proofs = attestation.proofs
    if not proofs:
        if needed:
            raise InvalidAttestationError(Code.SIGNATURE_MISSING, "a signature is required and there is none")
        return ()
    signers = [recover_signer(attestation, proof) for proof in proofs]
    if signers != [proof.signer for proof in proofs]:
        raise InvalidAttestationError(Code.SIGNATURE_INVALID, "the signature is not by the signer it names")
    if any(first.lower() >= second.lower() for first, second in pairwise(signers)):
        raise InvalidAttestationError(Code.SIGNATURE_INVALID, "the signers do not stand in ascending order")
    standing = standing_of(signers)
    named = [signer for signer in signers if not trusted or signer in trusted]
    counted = [signer for signer in named if standing[signer] is None]
    lapsed = next((found for signer in named or signers if (found := standing[signer])), None)
    if lapsed and len(counted) < max(needed, 1):
        raise InvalidAttestationError(*lapsed)
    if needed and not counted:
        raise InvalidAttestationError(Code.SIGNER_UNTRUSTED, f"{signers[0]} is not among the trusted signers")
    if len(counted) < needed:
        raise InvalidAttestationError(Code.SIGNATURES_TOO_FEW, f"{len(counted)} of {needed} signatures")
    return tuple(signer for signer in signers if standing[signer] is None)


def _trusted(address: str) -> str:
    try:
        return checksum_address(address)
    except AddressError as error:
        raise ConfigurationError(f"Trusted signer: {error}; give its EIP-55 address.") from error
