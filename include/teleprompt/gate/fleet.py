"""The trials of all programs of a store, and what a fleet asks of one that is opened."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from teleprompt.config.fleet import FleetConfig
from teleprompt.deltaone.fleet import level_in_fleet
from teleprompt.deltaone.trial_policy import TrialPolicy
from teleprompt.errors import WindowDoesNotCountError
from teleprompt.gate.trial_records import EndedBy, KnownTrial
from teleprompt.registry.lock import registry_lock

if TYPE_CHECKING:
    from mlflow import MlflowClient


def of_year(trials: Sequence[KnownTrial], year: int) -> list[KnownTrial]:
    """Those that were opened in that year (UTC): a family that is fixed beforehand."""
    return [trial for trial in trials if trial.opening.opened_at.astimezone(UTC).year == year]


def check_room(program: str, fleet: FleetConfig, trials: Sequence[KnownTrial]) -> None:
    """Refuse to open one more of all the fleet's `trials` than were planned for the year.

    Raises:
        WindowDoesNotCountError: there is no room.
    """
    year = datetime.now(UTC).year
    if fleet.trials_a_year is not None and len(of_year(trials, year)) >= fleet.trials_a_year:
        raise WindowDoesNotCountError(
            program,
            f"{fleet.trials_a_year} trials were opened in {year}, as many as `fleet.trials_a_year` plans, and a family "
            "that grows promises nothing; the next year has room",
        )


def within_fleet(policy: TrialPolicy, fleet: FleetConfig, trials: Sequence[KnownTrial]) -> TrialPolicy:
    """The policy of a trial that is opened now, as strict as the fleet's share of false promotions asks for.

    `trials` are those of all programs. The opening window's exact test has no part in it: its p-value is no evidence
    that e-BH takes.
    """
    if fleet.fdr is None or fleet.trials_a_year is None:
        return policy
    opened = of_year(trials, datetime.now(UTC).year)
    promoted = sum(trial.ending is not None and trial.ending.how is EndedBy.PROMOTE for trial in opened)
    level = level_in_fleet(fdr=fleet.fdr, family=fleet.trials_a_year, promoted=promoted)
    return policy.model_copy(update={"level": min(policy.level, level), "first_look_share": 0.0})


@contextmanager
def one_at_a_time(client: "MlflowClient", fleet: FleetConfig) -> Iterator[None]:
    """Hold other programs of a fleet back from opening a trial; without a fleet nobody is."""
    if fleet.fdr is None:
        yield
        return
    with registry_lock(client, "fleet-trials", resource="the fleet's trials"):
        yield
