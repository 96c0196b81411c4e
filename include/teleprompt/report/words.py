"""A report in sentences: one for those who pay, a few lines a program for those who work on it."""

from collections.abc import Iterator

from teleprompt.config.promotion import COMPARED, PromoteOn
from teleprompt.report.records import Improvement, ProgramReport, Report
from teleprompt.window import Window

MOST_NAMED = 5
"""Contributors that are named; the others are counted."""


def headline(report: Report) -> str:
    """What happened, in one sentence."""
    better = [
        f"{one.program} by {points(best.delta_e6)} points {interval(best)} of {_short(best.compared)}"
        for one in report.programs
        if (best := max(one.improvements, key=lambda each: each.delta_e6, default=None)) is not None
    ]
    count = len(report.programs)
    programs = f"{len(better)} of {count} {'program' if count == 1 else 'programs'} improved" if better else None
    parts = [
        f"{programs} ({'; '.join(better)})" if programs else "nothing was found to be better",
        _count(sum(len(one.rejected) for one in report.programs), "candidate was rejected", "candidates were rejected"),
        _count(sum(len(one.undecided) for one in report.programs), "run decided nothing", "runs decided nothing"),
        _count(sum(len(one.failures) for one in report.programs), "run failed", "runs failed"),
        _count(len(report.unreadable), "program file cannot be used", "program files cannot be used"),
    ]
    cost = f"; {report.lm_calls:,} model requests cost {dollars(report.cost_usd)}" if report.lm_calls else ""
    return f"{days(report)}: {', '.join(part for part in parts if part)}{cost}."


def lines(one: ProgramReport) -> Iterator[str]:
    """What happened to a program, one thing a line."""
    for better in one.improvements:
        yield improvement(better)
    for decision in one.rejected:
        yield f"Rejected in {span(decision.window)}: {decision.reason}"
    if one.undecided:
        yield f"Undecided in {len(one.undecided)} of {_runs(one)}, last: {one.undecided[0].reason}"
    for failure in one.failures:
        yield f"Failed in {span(failure.window)}: {failure.error}"
    for line in one.online:
        yield f"In production: {line.in_words} ({line.online.calls:,} calls); {line.online.outcome.replace('_', ' ')}."
    for change in one.changes:
        yield f"{change.at:%Y-%m-%d} {change.action.value} by {change.who}: {change.why}"
    if one.skipped_windows:
        yield _count(one.skipped_windows, "window held too few traces.", "windows held too few traces.") or ""
    if one.traces or one.quarantined:
        share = one.quarantined / (one.traces + one.quarantined)
        yield f"{one.traces:,} traces read, {one.quarantined:,} could not be used ({share:.1%})."
    if one.lm_calls:
        yield f"{one.lm_calls:,} model requests cost {dollars(one.cost_usd)}."
    if one.is_quiet and not one.skipped_windows:
        yield "Nothing happened."


def improvement(better: Improvement) -> str:
    """What became better, how much, and how that is known."""
    version = f"Version {better.version}" if better.version else "A candidate that is not registered yet"
    said = f", attested as {better.attestation_id}" if better.attestation_id else ""
    compared = f" {COMPARED[better.compared]}" if better.compared else ""
    return (
        f"{version} is better by {points(better.delta_e6)} points {interval(better)} on {better.n} sealed "
        f"examples,{compared or ' compared with logged answers'}{said}.{_credited(better)}"
    )


def points(value_e6: int) -> str:
    """Millionths of a score as percentage points."""
    return f"{value_e6 / 1e4:+.2f}"


def interval(better: Improvement) -> str:
    """The confidence interval of a change."""
    return f"[{points(better.ci_low_e6)}, {points(better.ci_high_e6)}]"


def dollars(amount: float) -> str:
    """A price; small ones are not rounded to nothing."""
    return f"${amount:,.2f}" if amount >= 0.01 or amount == 0 else f"${amount:.4f}"


def days(report: Report) -> str:
    """The period, as people say it."""
    return f"{report.since:%Y-%m-%d} to {report.until:%Y-%m-%d}"


def span(window: Window) -> str:
    """A window of traces."""
    return f"{window.start:%Y-%m-%d} to {window.end:%Y-%m-%d}"


def _short(compared: PromoteOn | None) -> str:
    return compared.value if compared else PromoteOn.AGREEMENT.value


def _credited(better: Improvement) -> str:
    if not better.credits_e6:
        return ""
    named = [f"{who} {weight / 1e4:.1f} %" for who, weight in list(better.credits_e6.items())[:MOST_NAMED]]
    others = len(better.credits_e6) - len(named)
    return f" Credited: {', '.join(named)}{f' and {others} more' if others else ''}."


def _runs(one: ProgramReport) -> str:
    count = len(one.improvements) + len(one.decisions) + len(one.failures)
    return f"{count} {'run' if count == 1 else 'runs'}"


def _count(number: int, one: str, several: str) -> str | None:
    return None if not number else f"{number} {one if number == 1 else several}"
