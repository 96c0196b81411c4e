"""One more window of a trial that goes on over many calls."""

from pathlib import Path

from teleprompt.deltaone.trial_policy import TrialPolicy
from teleprompt.deltaone.trial_report import TrialReport
from teleprompt.errors import ConfigurationError
from teleprompt.score_files.asked import Asked
from teleprompt.score_files.pairing import Pairs
from teleprompt.score_files.trial_file import TrialFile, read_trial, unit_of, write_trial
from teleprompt.score_files.verdict import told_what_to_install


def look(file: Path, pairs: Pairs, asked: Asked, *, window: str) -> tuple[TrialReport, str | None]:
    """Add the window to the trial and keep it; the report of all windows, and what there is to say of this one.

    Raises:
        ConfigurationError: the file cannot be used, what is asked for is not what the trial began with, or a library
            is missing.
    """
    kept = read_trial(file)
    if kept is None:
        kept = TrialFile(policy=asked.over(TrialPolicy()), unit_of=unit_of(pairs))
    elif asked.over(kept.policy) != kept.policy:
        before, after = kept.policy.model_dump(mode="json"), asked.over(kept.policy).model_dump(mode="json")
        changed = ", ".join(
            f"{name} {before[name]}, not {after[name]}" for name in before if before[name] != after[name]
        )
        raise ConfigurationError(
            f"{file} began with another policy ({changed}), and a trial cannot change its own; leave these options "
            "out, or begin a new trial."
        )
    with told_what_to_install():
        added = kept.add(pairs, window=window)
        if added is kept:
            return kept.trial.report, _of_known(kept, pairs, window=window)
        write_trial(file, added)
        return added.trial.report, _of_new(kept.trial.report, added.trial.report, window=window)


def _of_known(kept: TrialFile, pairs: Pairs, *, window: str) -> str:
    same = any(
        (list(known.baseline_e6), list(known.candidate_e6)) == (list(pairs.baseline_e6), list(pairs.candidate_e6))
        for known in kept.windows
    )
    differ = "" if same else ", though these are others"
    return f"Nothing was changed: the trial has the window {window}, whose first scores stand{differ}."


def _of_new(before: TrialReport, after: TrialReport, *, window: str) -> str | None:
    if before.decided and after.windows == before.windows:
        return f"The window {window} was kept, but changes nothing: the trial was decided before."
    if after.n == before.n and after.n_returned > before.n_returned:
        return (
            f"The window {window} counts for nothing: all its examples were there in an earlier one; if they are "
            "fresh, give them ids of their own."
        )
    return None
