"""Judging one raw trace: a usable row, or a reason why not."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import rfc8785

from include.teleprompt.addresses import AddressError, checksum_address
from include.teleprompt.canonical import canonical_json, is_plain
from include.teleprompt.config.program import OutcomeConfig
from include.teleprompt.program.fields import Field, ProgramFields
from include.teleprompt.records import MAX_IDENTIFIER, to_millionths
from include.teleprompt.traces.raw import RawTrace
from include.teleprompt.traces.row import TraceRow


class Reason(StrEnum):
    """Why a trace cannot be used. The one list; documented in docs/traces.md."""

    FAILED_CALL = "failed_call"
    MISSING_INPUT = "missing_input"
    NESTED_INPUT = "nested_input"
    MISSING_OUTPUT = "missing_output"
    NESTED_OUTPUT = "nested_output"
    UNREADABLE_VALUE = "unreadable_value"
    MISSING_OUTCOME = "missing_outcome"
    OUTCOME_NOT_A_NUMBER = "outcome_not_a_number"
    OUTCOME_OUT_OF_RANGE = "outcome_out_of_range"
    MISSING_CONTRIBUTOR = "missing_contributor"
    INVALID_CONTRIBUTOR = "invalid_contributor"
    INVALID_ADDRESS = "invalid_address"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A trace that is not used: kept whole, with the reason."""

    trace_id: str
    reason: Reason
    raw: str
    """The raw trace as JSON."""


class _UnusableError(Exception):
    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def validate(raw: RawTrace, *, program: str, fields: ProgramFields, outcome: OutcomeConfig) -> TraceRow | Quarantined:
    """The row of `raw`, or why there is none; the first reason in the order of `Reason`."""
    if raw.failed:
        return quarantined(raw, Reason.FAILED_CALL)
    try:
        return TraceRow(
            trace_id=raw.trace_id,
            program=program,
            program_version=raw.program_version,
            started_at_ms=raw.started_at_ms,
            inputs=_values(raw.inputs, fields.inputs, missing=Reason.MISSING_INPUT, nested=Reason.NESTED_INPUT),
            outputs=_values(raw.outputs, fields.outputs, missing=Reason.MISSING_OUTPUT, nested=Reason.NESTED_OUTPUT),
            score_e6=_score(raw.outcomes, outcome),
            outcomes={k: v for k, v in raw.outcomes.items() if v is not None and math.isfinite(v)},
            outcome_at_ms=raw.outcome_at_ms,
            contributor_id=_contributor(raw),
            contributor_address=_address(raw.contributor_address),
            group=raw.group,
            source=raw.source,
        )
    except _UnusableError as unusable:
        return quarantined(raw, unusable.reason)


def quarantined(raw: RawTrace | TraceRow, reason: Reason) -> Quarantined:
    """`raw` set aside for `reason`."""
    return Quarantined(raw.trace_id, reason, json.dumps(asdict(raw), sort_keys=True, default=str))


def _values(logged: Mapping[str, Any], fields: tuple[Field, ...], *, missing: Reason, nested: Reason) -> dict[str, str]:
    result = {}
    for field in fields:
        if field.name not in logged:
            parts = any(name.startswith(f"{field.name}.") for name in logged)
            raise _UnusableError(nested if parts else missing)
        value = logged[field.name]
        if value is None or value == "":
            raise _UnusableError(missing)
        if field.is_text and isinstance(value, (dict, list)):
            raise _UnusableError(nested)
        result[field.name] = _as_text(value)
    return result


def _as_text(value: Any) -> str:
    """Text as it is, anything else as canonical JSON text."""
    try:
        text = value if isinstance(value, str) else canonical_json(value).decode()
        text.encode()
    except (rfc8785.CanonicalizationError, UnicodeEncodeError):
        # NaN, an integer beyond 2**53, half of a surrogate pair: nothing downstream can digest them.
        raise _UnusableError(Reason.UNREADABLE_VALUE) from None
    return text


def _score(outcomes: Mapping[str, float | None], config: OutcomeConfig) -> int:
    if config.metric not in outcomes:
        raise _UnusableError(Reason.MISSING_OUTCOME)
    value = outcomes[config.metric]
    if value is None or not math.isfinite(value):
        raise _UnusableError(Reason.OUTCOME_NOT_A_NUMBER)
    score = (value - config.minimum) / (config.maximum - config.minimum)
    if not 0 <= score <= 1:
        raise _UnusableError(Reason.OUTCOME_OUT_OF_RANGE)
    return to_millionths(score)


def _contributor(raw: RawTrace) -> str:
    if not raw.contributor_id:
        raise _UnusableError(Reason.MISSING_CONTRIBUTOR)
    if len(raw.contributor_id) > MAX_IDENTIFIER or not is_plain(raw.contributor_id):
        raise _UnusableError(Reason.INVALID_CONTRIBUTOR)
    return raw.contributor_id


def _address(text: str | None) -> str | None:
    if not text:
        return None
    try:
        return checksum_address(text)
    except AddressError:
        raise _UnusableError(Reason.INVALID_ADDRESS) from None
