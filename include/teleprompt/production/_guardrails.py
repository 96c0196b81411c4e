"""The guardrails of a rollout, on the calls of both versions since the last step."""

from collections.abc import Sequence

from teleprompt.config.gate import LATENCY, Guardrail
from teleprompt.deltaone.online_guardrails import Measured, OnlineGuardrail, check_online
from teleprompt.production._versions import KnownVersion
from teleprompt.traces.in_production import AnsweredCall


def checked(
    guardrails: Sequence[Guardrail], calls: Sequence[AnsweredCall], challenger: KnownVersion
) -> tuple[OnlineGuardrail, ...]:
    """Each guardrail; a challenger in the shadow is measured by what it would have answered."""
    own = [call for call in calls if call.version == challenger.version_id]
    others = [call for call in calls if call.version != challenger.version_id]
    found = []
    for guardrail in guardrails:
        measured = _shadows(guardrail, others, challenger) if challenger.share == 0 else _values(guardrail, own)
        found.append(check_online(guardrail, _values(guardrail, others), measured))
    return tuple(found)


def _values(guardrail: Guardrail, calls: Sequence[AnsweredCall]) -> list[Measured]:
    """A failed call has no latency: how often a program fails is a metric of its own."""
    if guardrail.metric == LATENCY:
        return [(call.key, call.latency_ms / 1000) for call in calls if not call.failed and call.latency_ms is not None]
    return [(call.key, float(call.failed)) for call in calls]


def _shadows(guardrail: Guardrail, calls: Sequence[AnsweredCall], challenger: KnownVersion) -> list[Measured]:
    beside = [(call.key, call.shadow) for call in calls if call.shadow and call.shadow.version == challenger.version_id]
    if guardrail.metric == LATENCY:
        return [(key, shadow.latency_ms / 1000) for key, shadow in beside if shadow.failure is None]
    return [(key, float(shadow.failure is not None)) for key, shadow in beside]
