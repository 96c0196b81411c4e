"""Why a trial has decided nothing yet, what counted, and when a decision can be expected."""

from collections.abc import Iterator, Sequence

from teleprompt.deltaone.report import GateReport
from teleprompt.deltaone.trial_power import units_needed
from teleprompt.deltaone.trial_report import TrialReport
from teleprompt.gate.trial_records import KnownTrial
from teleprompt.records import MILLION
from teleprompt.tracking.skipped_windows import SkippedWindow
from teleprompt.window import format_utc


def explain(trial: KnownTrial, report: GateReport, skipped: Sequence[SkippedWindow]) -> tuple[str, ...]:
    """Sentences on a trial, of which `report` says what its windows show, and a program's windows without traces."""
    return tuple(_sentences(trial, report, skipped))


def _sentences(trial: KnownTrial, report: GateReport, skipped: Sequence[SkippedWindow]) -> Iterator[str]:
    opening, found = trial.opening, report.trial
    assert found is not None  # noqa: S101 - it comes from a fold
    yield (
        f"The candidate of {opening.window} is compared with version {opening.champion} "
        f"({opening.champion_version_id}) since {format_utc(opening.opened_at)}."
    )
    yield (
        f"It is trial number {opening.number} of its year: without a gain it is promoted with a probability of at most "
        f"{100 * opening.policy.level:.2g} %."
    )
    if opening.relatives:
        yield (
            f"Programs with another name and the same code had {opening.relatives} trials in the 365 days before; a "
            "renamed program begins its numbers anew."
        )
    if trial.windows:
        yield f"Until now: {report.reason}"
    yield from _what_did_not_count(trial, found, skipped)
    if trial.ending is not None:
        yield f"It has ended: {trial.ending.in_words}."
        return
    if trial.pause is not None:
        yield f"It is paused {trial.pause.in_words}; nothing is scored until `teleprompt trial resume`."
    for gap in found.gaps:
        yield f"No scores are there of {gap}; backfill it, or it is given up after `max_wait_days`."
    yield _what_is_expected(found, report.sd_e6)


def _what_did_not_count(trial: KnownTrial, found: TrialReport, skipped: Sequence[SkippedWindow]) -> Iterator[str]:
    if found.n_returned:
        yield f"{found.n_returned} examples did not count: something they belong to was in an earlier window."
    empty = [str(scored.window) for scored in trial.windows if not scored.n]
    if empty:
        yield f"No example counted in {', '.join(empty)}."
    since = format_utc(trial.opening.window.start)
    few = [f"{one.window_start}/{one.window_end}" for one in skipped if one.window_start >= since]
    if few:
        yield f"Too few traces were in {', '.join(sorted(few))}."


def _what_is_expected(found: TrialReport, sd_e6: int) -> str:
    """When a gain such as was seen decides, taking later windows to be like those before."""
    policy, left = found.policy, found.policy.horizon - found.windows
    if not found.n_groups:
        return f"A decision takes windows with examples that count; {left} more may come before it expires."
    a_window = found.n_groups / found.windows
    if found.delta_e6 <= policy.null_e6:
        return f"With a change like that it is not expected to promote; {left} more windows may come before it expires."
    needed = units_needed(gain_e6=min(found.delta_e6, MILLION), sd_e6=sd_e6, policy=policy) - found.n_groups
    more = max(1, -int(-needed // a_window))
    when = f"about {more} more window{'' if more == 1 else 's'}"
    if more > left:
        return (
            f"If the gain stays at {found.delta_e6 / 1e4:+.1f} points it needs {when} like these, and {left} are left "
            "before it expires."
        )
    return f"If the gain stays at {found.delta_e6 / 1e4:+.1f} points, {when} like these decide; {left} may come."
