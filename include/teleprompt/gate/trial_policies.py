"""What a program file asks of a trial, and what ends one before its time."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from teleprompt.config.program import ProgramConfig
from teleprompt.deltaone.trial_policy import TrialPolicy
from teleprompt.gate.trial_records import Opening, TrialState
from teleprompt.records import Digest
from teleprompt.registry.versions import ProgramVersion
from teleprompt.tracking.skipped_windows import SkippedWindow
from teleprompt.window import Window

A_YEAR = timedelta(days=365)


def number_of_next(trials: Sequence[TrialState]) -> int:
    """Which trial of the last 365 days the next one is, from 1."""
    since = datetime.now(UTC) - A_YEAR
    return 1 + sum(trial.opening.opened_at > since for trial in trials)


def relatives_of(program: str, terms: Mapping[str, Digest], trials: Sequence[TrialState]) -> int:
    """How many trials of the last 365 days belong to programs with another name and the same code.

    They take nothing of the level: customers may rightly have the same program each. But whoever renames a program to
    begin its count anew is seen by it.
    """
    since = datetime.now(UTC) - A_YEAR
    return sum(
        trial.opening.program != program
        and trial.opening.terms.get("program") == terms.get("program")
        and trial.opening.opened_at > since
        for trial in trials
    )


def share_of_level(number: int) -> float:
    """The k-th trial's share of the year's error, 1 / (k (k + 1)).

    The shares sum to 1, and none of them is 0: in any 365 days the j-th trial has at least j - 1 before it.
    """
    return 1 / (number * (number + 1))


def policy_of(config: ProgramConfig, *, number: int) -> TrialPolicy:
    """What a trial that is opened now has to show."""
    trial = config.trial
    assert trial is not None  # noqa: S101 - nobody asks otherwise
    return TrialPolicy(
        level=trial.level * share_of_level(number),
        harm_level=trial.harm_level,
        threshold=config.optimization.deltaone_threshold,
        claim=config.gate.claim,
        horizon=trial.horizon,
        first_look_share=trial.first_look_share,
        group_cap=trial.group_cap,
        returning=trial.returning,
    )


def superseded_by(opening: Opening, *, champion: ProgramVersion, terms: Mapping[str, Digest]) -> str | None:
    """Why a trial cannot go on; None where it can."""
    if champion.number != opening.champion:
        return f"the champion changed from version {opening.champion} to version {champion.number}"
    changed = [name for name in sorted(terms) if terms[name] != opening.terms.get(name)]
    if changed:
        return f"the {' and the '.join(changed)} changed since it was opened"
    return None


def waited_for(
    gaps: Sequence[str], trial: TrialState, skipped: Sequence[SkippedWindow], *, patience: timedelta, now: datetime
) -> list[str]:
    """The times between a trial's windows that a decision still waits for.

    A gap is filled by windows that hold too few traces or no example that counts, and given up when it was open for so
    long after the next window was scored: whoever decides at once on windows that come backwards errs too often.
    """
    empty = [scored.window for scored in trial.windows if not scored.n]
    empty += [Window.model_validate({"start": one.window_start, "end": one.window_end}) for one in skipped]
    found = []
    is_scored = any(scored.window == trial.opening.window for scored in trial.windows)
    for name in gaps if is_scored else (str(trial.opening.window), *gaps):
        gap = _window_of(name)
        later = [scored.scored_at for scored in trial.windows if scored.window.start >= gap.end]
        if not _is_covered(gap, empty) and (not later or now - min(later) < patience):
            found.append(name)
    return found


def _window_of(name: str) -> Window:
    start, _, end = name.partition("/")
    return Window.model_validate({"start": start, "end": end})


def _is_covered(gap: Window, windows: Sequence[Window]) -> bool:
    reached = gap.start
    for window in sorted(windows, key=lambda window: window.start):
        if window.start <= reached:
            reached = max(reached, window.end)
    return reached >= gap.end
