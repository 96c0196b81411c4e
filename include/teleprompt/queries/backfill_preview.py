"""What a backfill would do, before it does: which windows count, what they cost, and what they can show."""

from collections.abc import Sequence
from datetime import UTC, datetime, time
from enum import StrEnum
from itertools import islice, takewhile
from statistics import median
from typing import TYPE_CHECKING

from pydantic import AwareDatetime

from teleprompt.config.cron import intervals
from teleprompt.config.fleet import FleetConfig
from teleprompt.config.program import ProgramConfig
from teleprompt.deltaone.power import PowerEstimate, estimate_trial_power
from teleprompt.errors import ConfigurationError
from teleprompt.gate.fleet import within_fleet
from teleprompt.gate.stage import last_sd_e6
from teleprompt.gate.trial_ledger import list_fleet
from teleprompt.gate.trial_policies import number_of_next, policy_of
from teleprompt.gate.trial_records import KnownTrial
from teleprompt.lm.stage_spend import StageSpend
from teleprompt.queries.run_spends import RunSpend, list_spends
from teleprompt.records import Record
from teleprompt.traces.volume import volume
from teleprompt.window import Window, format_utc

if TYPE_CHECKING:
    from mlflow import MlflowClient

LIKE_THE_LAST = 10
"""Runs from whose cost that of further ones is taken."""
MOST_WINDOWS = 400
"""Each is asked for its number of calls."""


class Role(StrEnum):
    """What a run about a window would do."""

    OPENS = "opens"
    """Compiles, selects, and puts a candidate on trial."""
    ADDS = "adds"
    """Scores its fresh examples for the trial that goes on; nothing is compiled."""
    ALONE = "alone"
    """Compiles, and is compared on its own: `trial: none`."""
    DONE = "done"
    """A comparison is there; Airflow starts another run only if it is asked to reprocess."""
    TOO_FEW = "too_few"
    """Is skipped, with fewer calls than `min_traces`."""
    EARLIER = "earlier"
    """Counts for nothing: the trial that goes on was opened for a later window."""
    PAUSED = "paused"
    """Is skipped while the trial is paused."""


IN_WORDS = {
    Role.OPENS: "compiles, and opens a trial",
    Role.ADDS: "adds its examples to the trial",
    Role.ALONE: "compiles, and is compared on its own",
    Role.DONE: "is done; Airflow starts it again only if it is to reprocess",
    Role.TOO_FEW: "is skipped: fewer calls than min_traces",
    Role.EARLIER: "counts for nothing: the trial was opened for a later window",
    Role.PAUSED: "is skipped: the trial is paused",
}
"""What a run about a window does."""

COMPILING, COMPARING = {Role.OPENS, Role.ALONE}, {Role.OPENS, Role.ADDS, Role.ALONE}


class PlannedWindow(Record):
    """One window of a backfill."""

    window: Window
    calls: int
    role: Role
    requests: int | None
    """To language models, as the program's last runs took; None where there was no such run yet."""
    cost_usd: float | None


class BackfillPreview(Record):
    """What a backfill would do as things stand."""

    program: str
    windows: tuple[PlannedWindow, ...]
    trial_number: int | None
    """The trial of the year that it goes on with, or opens; None without trials."""
    level: float | None
    """Part of the year's error that this trial takes."""
    level_of_year: float | None
    power: PowerEstimate | None
    """What gains are expected to show after how many windows of the trial, those before included."""
    windows_before: int
    """Windows that the trial has."""
    at: AwareDatetime

    @property
    def compared(self) -> list[PlannedWindow]:
        """Those that a comparison is made in."""
        return [planned for planned in self.windows if planned.role in COMPARING]

    @property
    def requests(self) -> int | None:
        """Of all windows together; None where it is not known of one of them."""
        found = [planned.requests for planned in self.compared]
        return None if None in found else sum(count or 0 for count in found)

    @property
    def cost_usd(self) -> float | None:
        """As `requests`."""
        found = [planned.cost_usd for planned in self.compared]
        return None if None in found else sum(cost or 0 for cost in found)

    def window_after(self, windows: int) -> Window | None:
        """The window of this backfill with which the trial has so many; None where it does not get there."""
        counting = [planned.window for planned in self.compared]
        place = windows - self.windows_before
        return counting[place - 1] if 1 <= place <= len(counting) else None


def preview_backfill(
    client: "MlflowClient",
    config: ProgramConfig,
    *,
    start: datetime,
    end: datetime,
    fleet: FleetConfig | None = None,
    now: datetime | None = None,
) -> BackfillPreview:
    """What a backfill of the windows that start in [start, end] and are over would do; nothing is done.

    Raises:
        ConfigurationError: the program has no schedule, or the time holds no window of it, or more than 400.
    """
    now = (now or datetime.now(UTC)).replace(microsecond=0)
    windows = windows_of(config, start=start, end=min(end, now), now=now)
    runs = list_spends(client, config.name)
    fleet_trials = list_fleet(client)
    trials = [known for known in fleet_trials if known.opening.program == config.name]
    trial = next((known for known in trials if known.is_open), None)
    costs = _Costs(runs[:LIKE_THE_LAST])
    compared = {run.window for run in runs if run.is_compared}
    planned: list[PlannedWindow] = []
    for window in windows:
        calls = volume(client, config=config, window=window).calls
        goes_on = trial is not None or any(one.role is Role.OPENS for one in planned)
        role = Role.DONE if str(window) in compared else _role(config, window, calls, trial=trial, goes_on=goes_on)
        requests, cost = costs.of(role)
        planned.append(PlannedWindow(window=window, calls=calls, role=role, requests=requests, cost_usd=cost))
    preview = BackfillPreview(
        program=config.name,
        windows=tuple(planned),
        trial_number=None,
        level=None,
        level_of_year=None,
        power=None,
        windows_before=0,
        at=now,
    )
    if config.trial is None:
        return preview
    number = number_of_next(trials) if trial is None else trial.opening.number
    policy = (
        within_fleet(policy_of(config, number=number), fleet or FleetConfig(), fleet_trials)
        if trial is None
        else trial.opening.policy
    )
    n, known_sd_e6 = _examples_of_a_window(config, planned, trials), last_sd_e6(client, config.name)
    return preview.model_copy(
        update={
            "trial_number": number,
            "level": policy.level,
            "level_of_year": config.trial.level,
            "power": estimate_trial_power(n=n, policy=policy, known_sd_e6=known_sd_e6),
            "windows_before": 0 if trial is None else len(trial.windows),
        }
    )


def windows_of(config: ProgramConfig, *, start: datetime, end: datetime, now: datetime) -> list[Window]:
    """The windows of the program's schedule that start in [start, end] and are over, as Airflow's backfill takes them.

    Raises:
        ConfigurationError: there is no schedule, or no such window, or more than 400.
    """
    if config.cron is None:
        raise ConfigurationError(
            f"{config.name} has no schedule, so there are no windows to backfill; run those that you want with "
            f"`teleprompt run {config.slug} --start … --end …`."
        )
    first = datetime.combine(config.start_date, time(), tzinfo=UTC)
    coming = intervals(config.cron, max(start, first))
    over = takewhile(lambda interval: interval[0] <= end and interval[1] <= now, coming)
    windows = [Window(start=begin, end=until) for begin, until in islice(over, MOST_WINDOWS + 1)]
    if len(windows) > MOST_WINDOWS:
        raise ConfigurationError(
            f"More than {MOST_WINDOWS} windows of {config.name} start between {format_utc(start)} and "
            f"{format_utc(end)}; backfill them in parts."
        )
    if not windows:
        raise ConfigurationError(
            f"No window of {config.name} ({config.schedule}, from {config.start_date}) starts between "
            f"{format_utc(start)} and {format_utc(end)} and is over; choose a longer time."
        )
    return windows


def _role(config: ProgramConfig, window: Window, calls: int, *, trial: KnownTrial | None, goes_on: bool) -> Role:
    if calls < config.optimization.min_traces:
        return Role.TOO_FEW
    if config.trial is None:
        return Role.ALONE
    if trial is not None and window.start < trial.opening.window.start:
        return Role.EARLIER
    if trial is not None and trial.pause is not None:
        return Role.PAUSED
    return Role.ADDS if goes_on else Role.OPENS


class _Costs:
    """What the stages of the last runs took, in the middle."""

    def __init__(self, runs: Sequence[RunSpend]) -> None:
        self._compiled = [run.spend for run in runs if "compile" in run.spend and "gate" in run.spend]
        self._compared = [run.spend for run in runs if "gate" in run.spend]

    def of(self, role: Role) -> tuple[int | None, float | None]:
        """Requests and price of a run in that role."""
        if role not in COMPARING:
            return 0, 0.0
        known = self._compiled if role in COMPILING else self._compared
        stages = ("compile", "select", "gate") if role in COMPILING else ("gate",)
        if not known:
            return None, None
        sums = [sum((spend.get(stage, StageSpend()) for stage in stages), StageSpend()) for spend in known]
        return round(median(one.calls for one in sums)), median(one.cost_usd for one in sums)


def _examples_of_a_window(config: ProgramConfig, planned: Sequence[PlannedWindow], trials: Sequence[KnownTrial]) -> int:
    """As many as windows of trials had; without one as many as would be sealed, which is more than have a label."""
    scored = [window.n for trial in trials for window in trial.windows if window.n]
    if scored:
        return round(median(scored[-LIKE_THE_LAST:]))
    sealed = [one.calls * config.split.gate for one in planned if one.role in COMPARING]
    return round(median(sealed)) if sealed else 0
