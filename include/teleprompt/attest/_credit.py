"""Whether contributors, counts and weights of a document fit each other."""

from teleprompt.attest.codes import Code, InvalidAttestationError
from teleprompt.attest.document import Attestation, Contributor, weight_e6
from teleprompt.attribution.shares import weights_of
from teleprompt.config.attribution import WeightingMethod
from teleprompt.records import MILLION

_COUNT = WeightingMethod.DEDUPLICATED_COUNT.value


def check_credit(attestation: Attestation) -> None:
    """Check that counts add up, everybody stands once, and the weights follow from what they are in proportion to.

    Raises:
        InvalidAttestationError: with the code of the first fault.
    """
    people = attestation.contributors
    weights = [weight_e6(person) for person in people]
    if sum(weights) != MILLION:
        raise InvalidAttestationError(Code.WEIGHTS_SUM, "the weights do not sum to 1")
    ids = [person.contributor_id for person in people]
    addresses = [person.address for person in people if person.address]
    if len(set(ids)) != len(ids) or len(set(addresses)) != len(addresses):
        raise InvalidAttestationError(Code.DUPLICATE_CONTRIBUTOR, "a contributor or an address stands twice")
    _check_weights(attestation, weights)
    _check_counts(attestation)


def _check_weights(attestation: Attestation, weights: list[int]) -> None:
    people = attestation.contributors
    if attestation.credit is None:
        if attestation.weighting_method == _COUNT and weights != _expected(people, None):
            raise InvalidAttestationError(Code.WEIGHTS_SUM, "the weights do not follow from the trace counts")
        return
    if attestation.weighting_method not in set(WeightingMethod):
        raise InvalidAttestationError(Code.WEIGHTS_SUM, "weighting_method is none that is known")
    _check_quarantine(people)
    by_count = attestation.weighting_method == _COUNT
    estimated = attestation.weighting_method in {WeightingMethod.LEAVE_ONE_OUT, WeightingMethod.GROUP_SHAPLEY}
    for person in people:
        if (person.value_e6 is None) is not by_count or (person.error_e6 is not None) is not estimated:
            raise InvalidAttestationError(Code.WEIGHTS_SUM, "value_e6 or error_e6 does not fit weighting_method")
        if attestation.weighting_method == WeightingMethod.QUALITY_WEIGHTED and not (
            0 <= (person.value_e6 or 0) <= person.trace_count * MILLION
        ):
            raise InvalidAttestationError(Code.WEIGHTS_SUM, "a sum of scores lies outside its traces")
    if weights != _expected(people, attestation.credit.cap_e6):
        raise InvalidAttestationError(Code.WEIGHTS_SUM, "the weights do not follow from what they are in proportion to")


def _expected(people: tuple[Contributor, ...], cap_e6: int | None) -> list[int]:
    try:
        return weights_of(
            [person.trace_count if person.value_e6 is None else person.value_e6 for person in people],
            tie_break=[f"{(person.address or '').lower()}|{person.contributor_id}" for person in people],
            cap_e6=cap_e6,
        )
    except ValueError as error:
        raise InvalidAttestationError(Code.WEIGHTS_SUM, "nobody brought anything") from error


def _check_counts(attestation: Attestation) -> None:
    total, data = attestation.optimization_metadata.trace_count, attestation.data
    if sum(person.trace_count for person in attestation.contributors) != total:
        raise InvalidAttestationError(Code.COUNT_MISMATCH, "the contributors' traces do not add up to trace_count")
    if data is not None and (data.traces_root is None) is not (data.traces_count is None):
        raise InvalidAttestationError(Code.COUNT_MISMATCH, "traces_root and traces_count stand together")
    if data is not None and data.traces_count not in {None, total}:
        raise InvalidAttestationError(Code.COUNT_MISMATCH, "traces_count is not trace_count")
    for person in attestation.contributors:
        used = person.used
        if used is not None and used.train + used.select + used.gate != person.trace_count:
            raise InvalidAttestationError(Code.COUNT_MISMATCH, "where traces were used does not add up to trace_count")
        if used is not None and used.demos > used.train:
            raise InvalidAttestationError(Code.COUNT_MISMATCH, "more demonstrations than traces to learn from")


def _check_quarantine(people: tuple[Contributor, ...]) -> None:
    if any((person.address is None) is not (person.quarantine is not None) for person in people):
        raise InvalidAttestationError(
            Code.QUARANTINE_MISMATCH, "who has no address says why, and who has one is not quarantined"
        )
