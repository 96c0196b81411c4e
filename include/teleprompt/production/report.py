"""What a look at production came to."""

from enum import StrEnum

from teleprompt.attest.issue import AttestationRecord
from teleprompt.deltaone.online_report import OnlineDecision
from teleprompt.production._versions import KnownVersion
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
