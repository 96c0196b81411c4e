"""Where trials are kept: as tags of the MLflow runs that opened them, scored a window, or ended one.

One search finds all of a program's trials, those of deleted runs too.
"""

from collections import defaultdict
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from teleprompt.errors import ConfigurationError, TelepromptError
from teleprompt.gate.trial_records import EndedBy, Ending, KnownTrial, Opening, ScoredWindow, TrialState
from teleprompt.registry.audit_trail import Deed, Done, append
from teleprompt.registry.lock import Lease, registry_lock
from teleprompt.tracking.connection import quoted
from teleprompt.tracking.pipeline_run import PipelineRun, experiment_name, internal_experiment
from teleprompt.tracking.search import PAGE, all_pages

if TYPE_CHECKING:
    from mlflow import MlflowClient


TRIAL, OPENED, SCORED, ENDED = "trial", "trial_opened", "trial_scored", "trial_ended"
"""Tags: whose window a run is, and the records of `trial_records`."""


def list_trials(client: "MlflowClient", program: str) -> list[KnownTrial]:
    """The trials of a program (its `name`), oldest first."""
    from mlflow.entities import ViewType

    experiment = internal_experiment(client, experiment_name(program))
    condition = f"tags.`teleprompt.{TRIAL}` != '' AND tags.`teleprompt.program` = {quoted(program)}"
    runs = list(
        all_pages(
            lambda token: client.search_runs(
                [experiment],
                condition,
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
    trials = []
    for run in runs:
        if opened := run.data.tags.get(f"teleprompt.{OPENED}"):
            opening = Opening.from_stored(opened)
            ended = run.data.tags.get(f"teleprompt.{ENDED}")
            trials.append(
                KnownTrial(
                    run_id=run.info.run_id,
                    opening=opening,
                    windows=tuple(sorted(windows[opening.id], key=_order)),
                    ending=Ending.from_stored(ended) if ended else None,
                )
            )
    return sorted(trials, key=lambda trial: (trial.opening.opened_at, trial.run_id))


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


def open_trial(run: PipelineRun, opening: Opening, *, who: str) -> Opening | None:
    """Write the opening of a trial down at its run; None if another trial was opened meanwhile.

    Raises:
        RegistryBusyError: others open or end trials of the program all the time.
    """
    with _lock(run.client, opening.program):
        if any(trial.is_open for trial in list_trials(run.client, opening.program)):
            return None
        run.tag(**{OPENED: opening.to_stored(), TRIAL: opening.id})
    facts = {"champion": opening.champion, "candidate": opening.optimized_state.digest, "level": opening.policy.level}
    append(
        run.client,
        opening.program,
        Done(deed=Deed.OPEN_TRIAL, who=who, about=opening.id, after={**facts, "window": str(opening.window)}),
    )
    return opening


def add_window(run: PipelineRun, scored: ScoredWindow) -> ScoredWindow:
    """Keep a window's scores; those that the run has already stay, whatever another try found."""
    tags = run.client.get_run(run.run_id).data.tags
    known = tags.get(f"teleprompt.{SCORED}")
    if known is not None:
        return ScoredWindow.from_stored(known)
    run.tag(**{TRIAL: scored.trial, SCORED: scored.to_stored()})
    return scored


def end_trial(client: "MlflowClient", trial: KnownTrial, ending: Ending, *, who: str) -> Ending:
    """The end of the trial: this one, unless it was ended before.

    Raises:
        RegistryBusyError: others open or end trials of the program all the time.
    """
    program, opened = trial.opening.program, PipelineRun(client, trial.run_id)
    with _lock(client, program):
        known = client.get_run(trial.run_id).data.tags.get(f"teleprompt.{ENDED}")
        if known is not None:
            return Ending.from_stored(known)
        opened.tag(**{ENDED: ending.to_stored()})
    done = Done(
        deed=Deed.END_TRIAL, who=who, about=trial.opening.id, after={"how": ending.how.value, "why": ending.why}
    )
    append(client, program, done)
    return ending


def abandon_trial(client: "MlflowClient", program: str, *, who: str, why: str) -> Ending:
    """End the trial that goes on because somebody wants that; its part of the year's error stays spent.

    Raises:
        ConfigurationError: no trial goes on.
    """
    for trial in list_trials(client, program):
        if trial.is_open:
            ending = Ending(how=EndedBy.ABANDONED, why=f"{why} ({who})", key=None, at=_now())
            return end_trial(client, trial, ending, who=who)
    raise ConfigurationError(f"No trial of {program} goes on, so there is none to abandon.")


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _lock(client: "MlflowClient", program: str) -> AbstractContextManager[Lease]:
    return registry_lock(client, f"{program}-trial", resource=f"the trial of {program}")


def _order(scored: ScoredWindow) -> tuple[int, int]:
    return scored.window.start_ms, scored.window.end_ms
