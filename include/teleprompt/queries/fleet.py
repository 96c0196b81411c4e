"""The trials of all programs in a year, and how many of their promotions may have no gain."""

from typing import TYPE_CHECKING

from pydantic import AwareDatetime

from teleprompt.deltaone.fleet import e_bh, e_value
from teleprompt.deltaone.report import GateReport
from teleprompt.gate.comparison import window_scores
from teleprompt.gate.fleet import of_year
from teleprompt.gate.trial_fold import fold
from teleprompt.gate.trial_ledger import list_fleet
from teleprompt.gate.trial_records import EndedBy, KnownTrial
from teleprompt.records import Digest, Record

if TYPE_CHECKING:
    from mlflow import MlflowClient


class FleetLine(Record):
    """One trial."""

    program: str
    trial_id: Digest
    state: str
    """`open`, `paused`, or how it ended (`EndedBy`)."""
    opened_at: AwareDatetime
    windows: int
    n: int
    level: float
    """Probability, at most, that it promotes a candidate without a gain."""
    e_value: float
    """Evidence that there is a gain, where it stopped or stands; without one it is at most 1 on average."""
    holds: bool
    """Whether its promotion is among those that e-BH selects."""


class Fleet(Record):
    """All trials of a year."""

    year: int
    trials: tuple[FleetLine, ...]
    """The strongest evidence first."""
    promotions: int
    false_at_most: float
    """Promotions without a gain, on average at most: the sum of the trials' levels."""
    fdr: float
    family: int
    """Hypotheses: as many trials as were planned for the year, or as were opened."""


def read_fleet(client: "MlflowClient", *, year: int, fdr: float, family: int | None) -> Fleet:
    """The trials that were opened in `year`; `family` None takes as many as there are, which is known afterwards only.

    Raises:
        TelepromptError: scores are missing in the storage, or damaged.
    """
    trials = of_year(list_fleet(client), year)
    family = max(family or 0, len(trials), 1)
    reports = [_report(trial) for trial in trials]
    values = [0.0 if report.trial is None else e_value(report.trial) for report in reports]
    promoted = [trial.ending is not None and trial.ending.how is EndedBy.PROMOTE for trial in trials]
    chosen = e_bh([value if ok else 0.0 for value, ok in zip(values, promoted, strict=True)], fdr=fdr, family=family)
    lines = [
        FleetLine(
            program=trial.opening.program,
            trial_id=trial.opening.id,
            state=trial.state,
            opened_at=trial.opening.opened_at,
            windows=len(trial.windows),
            n=report.n,
            level=trial.opening.policy.level,
            e_value=value,
            holds=holds,
        )
        for trial, report, value, holds in zip(trials, reports, values, chosen, strict=True)
    ]
    return Fleet(
        year=year,
        trials=tuple(sorted(lines, key=lambda line: (-line.e_value, line.program, line.trial_id))),
        promotions=sum(promoted),
        false_at_most=sum(line.level for line in lines),
        fdr=fdr,
        family=family,
    )


def _report(trial: KnownTrial) -> GateReport:
    """By the evidence alone; guardrails change none of it."""
    return fold(window_scores(trial), trial.opening.policy, ())
