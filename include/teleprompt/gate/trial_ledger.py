"""Where trials are kept: as tags of the MLflow runs that opened them, scored a window, or ended one.

One search finds all of a program's trials, those of deleted runs and of renamed or deleted experiments too.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from teleprompt.encoding.text import storable
from teleprompt.errors import ConfigurationError, TelepromptError
from teleprompt.gate.trial_records import EndedBy, Ending, KnownTrial, Opening, Pause, ScoredWindow, TrialState
from teleprompt.registry.audit_trail import AuditAction, AuditEvent, append
from teleprompt.registry.lock import Lease, registry_lock
from teleprompt.tracking.connection import quoted
from teleprompt.tracking.pipeline_run import PipelineRun, experiment_name, internal_experiment
from teleprompt.tracking.search import PAGE, all_pages, own_experiment_ids_ever
from teleprompt.window import format_utc

if TYPE_CHECKING:
    from mlflow import MlflowClient


TRIAL, OPENED, SCORED, ENDED, PAUSED = "trial", "trial_opened", "trial_scored", "trial_ended", "trial_paused"
"""Tags: which trial a run is about, and the records of `trial_records`."""
MOST_WHY = 2000
"""Characters of a reason; MLflow cuts a tag at 8,000."""


def list_trials(client: "MlflowClient", program: str) -> list[KnownTrial]:
    """The trials of a program (its `name`), oldest first, whatever its experiment is called by now."""
    return _trials(client, f"tags.`teleprompt.program` = {quoted(program)}")


def list_fleet(client: "MlflowClient") -> list[KnownTrial]:
    """The trials of all programs that have run in this store, oldest first."""
    return _trials(client)


def _trials(client: "MlflowClient", *conditions: str) -> list[KnownTrial]:
    from mlflow.entities import ViewType

    experiments = own_experiment_ids_ever(client)
    if not experiments:
        return []
    runs = list(
        all_pages(
            lambda token: client.search_runs(
                experiments,
                " AND ".join((f"tags.`teleprompt.{TRIAL}` != ''", *conditions)),
                run_view_type=ViewType.ALL,
                max_results=PAGE,
                order_by=["attributes.start_time ASC", "attributes.run_id"],
                page_token=token,
            )
        )
    )
    windows: dict[str, list[ScoredWindow]] = defaultdict(list)
    for run in runs:
        if scored := run.data.tags.get(f"teleprompt.{SCORED}"):
            found = ScoredWindow.from_stored(scored)
            windows[found.trial].append(found)
    endings = {
        run.data.tags[f"teleprompt.{TRIAL}"]: Ending.from_stored(run.data.tags[f"teleprompt.{ENDED}"])
        for run in reversed(runs)
        if f"teleprompt.{ENDED}" in run.data.tags
    }
    pauses = {
        run.data.tags[f"teleprompt.{TRIAL}"]: Pause.from_stored(run.data.tags[f"teleprompt.{PAUSED}"])
        for run in runs
        if f"teleprompt.{PAUSED}" in run.data.tags
    }
    trials = []
    for run in runs:
        if opened := run.data.tags.get(f"teleprompt.{OPENED}"):
            opening = Opening.from_stored(opened)
            trials.append(
                KnownTrial(
                    run_id=run.info.run_id,
                    opening=opening,
                    windows=tuple(sorted(windows[opening.id], key=_order)),
                    ending=endings.get(opening.id),
                    pause=_while_held_up(pauses.get(opening.id)),
                )
            )
    return sorted(trials, key=lambda trial: (trial.opening.opened_at, trial.run_id))


def _while_held_up(last: Pause | None) -> Pause | None:
    return last if last is not None and last.is_held_up else None


def find_trial(client: "MlflowClient", program: str, trial: str) -> KnownTrial:
    """The trial of that id, which a record names.

    Raises:
        TelepromptError: MLflow does not have it any more.
    """
    for found in list_trials(client, program):
        if found.opening.id == trial:
            return found
    raise TelepromptError(f"The trial {trial[:12]} of {program} is not in MLflow any more; restore it from its backup.")


def opening_run(run: PipelineRun, trial: TrialState | None) -> PipelineRun:
    """The run that has the candidate which `run` compared: itself, or the one that opened its trial."""
    if trial is None:
        return run
    return PipelineRun(run.client, find_trial(run.client, trial.opening.program, trial.opening.id).run_id)


def open_trial(
    run: PipelineRun,
    program: str,
    make: Callable[[Sequence[KnownTrial]], Opening],
    *,
    instead_of: tuple[KnownTrial, Ending] | None = None,
    who: str,
) -> Opening | None:
    """Write the opening of a trial down at its run; None if another trial goes on that was opened meanwhile.

    `make` is given all trials there are, so that no two of them have the same number. `instead_of` is ended at the same
    moment.

    Raises:
        RegistryBusyError: others open or end trials of the program all the time.
    """
    replaced = None if instead_of is None else instead_of[0].opening.id
    with _lock(run.client, program):
        trials = list_trials(run.client, program)
        if any(trial.is_open and trial.opening.id != replaced for trial in trials):
            return None
        opening = make(trials)
        if instead_of is not None:
            _write_ending(run.client, *instead_of)
        run.tag(**{TRIAL: opening.id, OPENED: opening.to_stored()})
    if instead_of is not None:
        _record_end(run.client, *instead_of, who=who)
    record_opening(run.client, opening, who=who)
    return opening


def record_opening(client: "MlflowClient", opening: Opening, *, who: str) -> None:
    """The opening's entry in the audit trail, unless it is there."""
    facts = {"champion": opening.champion, "candidate": opening.optimized_state.digest, "level": opening.policy.level}
    after = {**facts, "window": str(opening.window)}
    append(client, opening.program, AuditEvent(deed=AuditAction.OPEN_TRIAL, who=who, about=opening.id, after=after))


def add_window(run: PipelineRun, program: str, scored: ScoredWindow) -> None:
    """Keep a window's scores, unless the trial has that window: its scores stay, whatever another try found.

    Raises:
        RegistryBusyError: others open or end trials of the program all the time.
    """
    with _lock(run.client, program):
        trial = find_trial(run.client, program, scored.trial)
        if all(known.window != scored.window for known in trial.windows):
            run.tag(**{TRIAL: scored.trial, SCORED: scored.to_stored()})


def end_trial(client: "MlflowClient", trial: KnownTrial, ending: Ending, *, who: str) -> Ending:
    """The end of the trial: this one, unless it was ended before.

    Raises:
        RegistryBusyError: others open or end trials of the program all the time.
    """
    program = trial.opening.program
    with _lock(client, program):
        known = find_trial(client, program, trial.opening.id).ending
        if known is None:
            _write_ending(client, trial, ending)
    ending = known or ending
    _record_end(client, trial, ending, who=who)
    return ending


def _write_ending(client: "MlflowClient", trial: KnownTrial, ending: Ending) -> None:
    _write_beside(client, trial, "ended", {ENDED: ending.to_stored()})


def _write_beside(client: "MlflowClient", trial: KnownTrial, what: str, tags: dict[str, str]) -> None:
    """An MLflow run of its own, for the one that opened the trial may have been deleted."""
    program = trial.opening.program
    own = {"program": program, TRIAL: trial.opening.id, **tags}
    run = client.create_run(
        internal_experiment(client, experiment_name(program)),
        run_name=f"{program} trial {what}",
        tags={f"teleprompt.{name}": value for name, value in own.items()},
    )
    client.set_terminated(run.info.run_id, "FINISHED")


def _record_end(client: "MlflowClient", trial: KnownTrial, ending: Ending, *, who: str) -> None:
    """The end's entry in the audit trail, unless it is there."""
    after = {"how": ending.how.value, "why": ending.why}
    done = AuditEvent(deed=AuditAction.END_TRIAL, who=who, about=trial.opening.id, after=after)
    append(client, trial.opening.program, done)


def abandon_trial(client: "MlflowClient", program: str, *, who: str, why: str) -> Ending:
    """End the trial that goes on because somebody wants that; its part of the year's error stays spent.

    Raises:
        ConfigurationError: no trial goes on, or `why` is no text that can be kept.
    """
    _check_it_can_be_kept(why)
    trial = _that_goes_on(client, program, "abandon")
    return end_trial(client, trial, Ending(how=EndedBy.ABANDONED, why=f"{why} ({who})", key=None, at=_now()), who=who)


def pause_trial(client: "MlflowClient", program: str, *, who: str, why: str) -> Pause:
    """Score no further window until `resume_trial`; the trial's part of the year's error stays spent.

    Raises:
        ConfigurationError: no trial goes on, it is held up already, or `why` is no text that can be kept.
    """
    return _hold_up(client, program, Pause(is_held_up=True, who=who, why=why, at=_now()))


def resume_trial(client: "MlflowClient", program: str, *, who: str, why: str) -> Pause:
    """Let a trial go on that was held up.

    Raises:
        ConfigurationError: no trial is held up, or `why` is no text that can be kept.
    """
    return _hold_up(client, program, Pause(is_held_up=False, who=who, why=why, at=_now()))


def _hold_up(client: "MlflowClient", program: str, pause: Pause) -> Pause:
    _check_it_can_be_kept(pause.why)
    verb = "pause" if pause.is_held_up else "resume"
    with _lock(client, program):
        trial = _that_goes_on(client, program, verb)
        if pause.is_held_up is (trial.pause is not None):
            standing = f"is paused already, {trial.pause.in_words}" if trial.pause else "is not paused"
            raise ConfigurationError(f"The trial of {program} {standing}; `teleprompt trial list` shows how it stands.")
        _write_beside(client, trial, f"{verb}d", {PAUSED: pause.to_stored()})
    about, after = f"{trial.opening.id} {format_utc(pause.at)}", {"why": pause.why}
    deed = AuditAction.PAUSE_TRIAL if pause.is_held_up else AuditAction.RESUME_TRIAL
    append(client, program, AuditEvent(deed=deed, who=pause.who, about=about, after=after))
    return pause


def _that_goes_on(client: "MlflowClient", program: str, verb: str) -> KnownTrial:
    for trial in list_trials(client, program):
        if trial.is_open:
            return trial
    raise ConfigurationError(f"No trial of {program} goes on, so there is none to {verb}.")


def _check_it_can_be_kept(why: str) -> None:
    if len(why) > MOST_WHY:
        raise ConfigurationError(
            f"A reason of {len(why):,} characters is too long to be kept; give at most {MOST_WHY:,}."
        )
    try:
        storable(why)
    except ValueError as error:
        raise ConfigurationError(f"The reason cannot be kept ({error}); write it in other words.") from error


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _lock(client: "MlflowClient", program: str) -> AbstractContextManager[Lease]:
    return registry_lock(client, f"{program}-trial", resource=f"the trial of {program}")


def _order(scored: ScoredWindow) -> tuple[int, int]:
    return scored.window.start_ms, scored.window.end_ms
