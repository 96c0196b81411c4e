"""Pictures of a program's history, as SVG that suits light and dark."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from teleprompt.queries.history import RunSummary
from teleprompt.queries.trials import TrialSummary
from teleprompt.registry.change_log import Action, Change, ChangeState

INK = "#7d8590"
"""Readable on white and on black."""
EVIDENCE = "#0969da"

COLOURS = {"promote": "#2da44e", "reject": "#cf222e", "inconclusive": "#bf8700"}
MONTH = timedelta(days=30)
MARKS = {Action.PROMOTE: ("#2da44e", "promoted"), Action.ROLLBACK: ("#8250df", "rolled back")}


def history_chart(runs: Sequence[RunSummary], changes: Sequence[Change]) -> str:
    """What each comparison scored, with its interval, over time; promotions and rollbacks as lines."""
    with _drawing() as figure:
        axes = figure.add_subplot()
        compared = [run for run in runs if run.delta_e6 is not None]
        for verdict, colour in COLOURS.items():
            _draw_comparisons(axes, [run for run in compared if run.verdict == verdict], colour, verdict)
        _draw_changes(axes, changes)
        _widen(axes, runs)
        axes.set_ylabel("score on sealed examples")
        axes.spines[["top", "right"]].set_visible(False)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, ncols=5, loc="lower left", bbox_to_anchor=(0, 1))
        figure.autofmt_xdate(rotation=30)
        return _svg(figure)


def evidence_chart(trial: TrialSummary) -> str:
    """A trial window by window: the gain with its interval, and the evidence with the boundary that promotes."""
    windows = range(1, len(trial.path) + 1)
    with _drawing() as figure:
        gain, evidence = figure.subplots(1, 2)
        gain.fill_between(
            windows,
            [point.ci_low_e6 / 1e4 for point in trial.path],
            [point.ci_high_e6 / 1e4 for point in trial.path],
            color=INK, alpha=0.25, lw=0, label="interval",
        )  # fmt: skip
        for window, point in zip(windows, trial.path, strict=True):  # of a single one the band has no width
            gain.plot([window] * 2, [point.ci_low_e6 / 1e4, point.ci_high_e6 / 1e4], color=INK, alpha=0.4, lw=1)
        gain.plot(windows, [point.delta_e6 / 1e4 for point in trial.path], "o-", color=EVIDENCE, label="gain")
        gain.axhline(trial.threshold_e6 / 1e4, color=COLOURS["promote"], ls="--", lw=1, label="least gain")
        gain.set_ylabel("points")
        evidence.plot(windows, [point.log_e for point in trial.path], "o-", color=EVIDENCE, label="evidence (log)")
        evidence.axhline(trial.boundary, color=COLOURS["promote"], ls="--", lw=1, label="promotes")
        for axes in (gain, evidence):
            axes.set_xlabel("windows")
            axes.set_xlim(0.5, max(len(windows), 4) + 0.5)
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.spines[["top", "right"]].set_visible(False)
            axes.legend(frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
        return _svg(figure)


@contextmanager
def _drawing() -> Iterator[Any]:
    """A figure in our style."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    settings: dict[Any, Any] = {
        "svg.hashsalt": "teleprompt", "text.parse_math": False, "text.color": INK, "axes.edgecolor": INK,
        "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK, "font.size": 9,
    }  # fmt: skip
    with mpl.rc_context(settings):
        yield Figure(figsize=(10, 3), layout="constrained")


def _svg(figure: Any) -> str:
    sink = io.StringIO()
    figure.savefig(sink, format="svg", metadata={"Date": None}, transparent=True)
    text = sink.getvalue()
    return text[text.index("<svg") :]


def _draw_comparisons(axes: Any, runs: Sequence[RunSummary], colour: str, label: str) -> None:
    """The optimized program's score; the whisker is the interval of the change on top of the baseline's score."""
    if not runs:
        return
    times = [datetime.fromisoformat(run.window_end) for run in runs]
    scores = [(run.optimized_e6 or 0) / 1e6 for run in runs]
    ends = [
        (((run.baseline_e6 or 0) + (run.ci_low_e6 or 0)) / 1e6, ((run.baseline_e6 or 0) + (run.ci_high_e6 or 0)) / 1e6)
        for run in runs
    ]
    below = [max(0.0, score - low) for score, (low, _) in zip(scores, ends, strict=True)]
    above = [max(0.0, high - score) for score, (_, high) in zip(scores, ends, strict=True)]
    axes.errorbar(times, scores, yerr=[below, above], fmt="o", color=colour, capsize=3, label=label)
    axes.plot(times, [(run.baseline_e6 or 0) / 1e6 for run in runs], "_", color=INK, markersize=12)


def _widen(axes: Any, runs: Sequence[RunSummary]) -> None:
    """At least a month, or a single point would have years around it."""
    times = [datetime.fromisoformat(run.window_end) for run in runs]
    if times and max(times) - min(times) < MONTH:
        axes.set_xlim(max(times) - MONTH, max(times) + MONTH / 4)


def _draw_changes(axes: Any, changes: Sequence[Change]) -> None:
    named: set[Action] = set()
    for change in changes:
        if change.action in MARKS and change.state is ChangeState.DONE:
            colour, label = MARKS[change.action]
            axes.axvline(change.at, color=colour, ls=":", lw=1, label=None if change.action in named else label)
            named.add(change.action)
