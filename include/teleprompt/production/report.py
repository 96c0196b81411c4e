"""What a look at production came to."""

from enum import StrEnum

from teleprompt.attest.issue import AttestationRecord
from teleprompt.deltaone.online_guardrails import OnlineGuardrail
from teleprompt.deltaone.online_report import OnlineDecision
from teleprompt.production._versions import KnownVersion
from teleprompt.production.shadow import ShadowReport
from teleprompt.records import Record


class WatchOutcome(StrEnum):
    """What a look at production came to."""

    NOTHING = "nothing"
    """There is no version to look at."""
    UNDECIDED = "undecided"
    """There are too few outcomes to tell, or they are missing unequally."""
    PROMOTED = "promoted"
    WITHDRAWN = "withdrawn"
    STEADY = "steady"
    """The champion does no worse than the version before, as far as can be told."""
    REGRESSED = "regressed"
    ROLLED_BACK = "rolled_back"


class ProductionReport(Record):
    """One look at production."""

    outcome: WatchOutcome
    version: str | None
    why: str
    decision: OnlineDecision | None = None
    attestation: AttestationRecord | None = None
    guardrails: tuple[OnlineGuardrail, ...] = ()
    """Of a rollout, on the calls since its last step."""
    shadow: ShadowReport | None = None
    """Of a challenger that was asked beside the champion."""

    @property
    def watched(self) -> str:
        """What was learnt of a challenger beside outcomes; empty where nothing was."""
        said = [] if self.shadow is None else [self.shadow.in_words]
        said += [f"{'holds' if one.holds else 'does not hold'}: {one.reason}" for one in self.guardrails]
        return "; ".join(said)


def report_of(
    outcome: WatchOutcome,
    version: KnownVersion,
    why: str,
    decision: OnlineDecision | None = None,
    attestation: AttestationRecord | None = None,
) -> ProductionReport:
    """The report on a version."""
    return ProductionReport(
        outcome=outcome, version=version.version_id, why=why, decision=decision, attestation=attestation
    )
