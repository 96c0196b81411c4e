"""The pictures of the documentation, those of docs/deltaone.md drawn from the gate itself: `make pictures`."""

from pathlib import Path

import matplotlib as mpl

from dev import REPOSITORY
from teleprompt.config.gate import Claim
from teleprompt.deltaone.decide import decide
from teleprompt.deltaone.paired import examples_needed
from teleprompt.deltaone.report import GatePolicy, GateReport, Verdict
from teleprompt.deltaone.spending import alpha_of_look
from teleprompt.records import MILLION

mpl.use("svg")
mpl.rcParams.update(
    {"svg.hashsalt": "teleprompt", "font.family": "DejaVu Sans", "font.size": 10, "svg.fonttype": "none"}
)

import matplotlib.pyplot as plt  # noqa: E402 - after the backend

FOLDER = REPOSITORY / "docs/pictures"
COLOURS = {Verdict.PROMOTE: "#1a7f37", Verdict.REJECT: "#b3261e", Verdict.INCONCLUSIVE: "#8a6d00"}
INK = "#333333"


def main() -> None:
    """Draw all of them."""
    FOLDER.mkdir(exist_ok=True)
    for draw in (flow, verdicts, sample_size, looks):
        figure = draw()
        file = FOLDER / f"{draw.__name__}.svg"
        figure.savefig(file, bbox_inches="tight", metadata={"Date": None})
        plt.close(figure)
        print(file.relative_to(Path.cwd()))


STAGES = {
    "MLflow": "logged calls,\noutcomes",
    "snapshot": "what is usable,\nfrozen",
    "candidates": "compiled,\none per seed",
    "selection": "the best\nof them",
    "DeltaOne?": "compared on\nsealed examples",
}
ENDS = {
    "promote": "new champion,\nattestation",
    "inconclusive": "keep champion,\nneeds more data",
    "reject": "keep champion,\nsay why",
}
HALF = 0.38
"""Of a box's width; the boxes stand one apart."""


def flow() -> mpl.figure.Figure:
    """The way of the data, from logged calls to one of three verdicts."""
    figure, axes = plt.subplots(figsize=(11.5, 2.9))
    for x, (name, text) in enumerate(STAGES.items()):
        _box(axes, (x, 0), name, text, INK)
        if x:
            _arrow(axes, (x - 1, 0), (x, 0), ("", "", "train", "select", "gate")[x])
    for y, (name, text) in zip((1, 0, -1), ENDS.items(), strict=True):
        _box(axes, (len(STAGES), y), name, text, COLOURS[Verdict(name)])
        _arrow(axes, (len(STAGES) - 1, 0), (len(STAGES), y), "")
    axes.set_xlim(-0.45, len(STAGES) + 0.45)
    axes.set_ylim(-1.4, 1.4)
    axes.set_axis_off()
    return figure


def _box(axes: mpl.axes.Axes, at: tuple[float, float], name: str, text: str, colour: str) -> None:
    x, y = at
    frame = mpl.patches.FancyBboxPatch(
        (x - HALF, y - 0.36), 2 * HALF, 0.72, boxstyle="round,pad=0,rounding_size=0.08", fill=False, edgecolor=colour
    )
    axes.add_patch(frame)
    axes.text(x, y + 0.18, name, ha="center", va="center", color=colour, weight="bold")
    axes.text(x, y - 0.1, text, ha="center", va="center", color=INK, fontsize=8)


def _arrow(axes: mpl.axes.Axes, start: tuple[float, float], end: tuple[float, float], text: str) -> None:
    (x0, y0), (x1, y1) = start, end
    axes.annotate("", (x1 - HALF, y1), (x0 + HALF, y0), arrowprops={"arrowstyle": "->", "color": INK})
    axes.text((x0 + x1) / 2, 0.42, text, ha="center", color=INK, fontsize=8)


def verdicts() -> mpl.figure.Figure:
    """Five comparisons as intervals, with what the gate says of each."""
    cases = [
        ("600 examples, 90 better, 20 worse", _report(90, 20, 600)),
        ("4,000 examples, 450 better, 360 worse", _report(450, 360, 4000)),
        ("600 examples, 60 better, 50 worse", _report(60, 50, 600)),
        ("100 examples, 10 better, 9 worse", _report(10, 9, 100)),
        ("2,000 examples, 90 better, 130 worse", _report(90, 130, 2000)),
    ]
    figure, axes = plt.subplots(figsize=(8, 3.4))
    for y, (_, report) in enumerate(cases):
        low, high, middle = (value / 1e4 for value in (report.ci_low_e6, report.ci_high_e6, report.delta_e6))
        colour = COLOURS[report.verdict]
        axes.plot([low, high], [-y, -y], color=colour, linewidth=3, solid_capstyle="butt")
        axes.plot(middle, -y, "o", color=colour)
        said = f"{report.verdict}, {report.evidence}" if report.verdict is Verdict.PROMOTE else report.verdict
        axes.annotate(said, (max(high, 1.2), -y), xytext=(8, -3), textcoords="offset points", color=colour)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.axvline(1, color=INK, linewidth=0.8, linestyle="--")
    axes.annotate("threshold", (1, 0.55), xytext=(4, 0), textcoords="offset points", color=INK, fontsize=9)
    axes.annotate("no change", (0, 0.55), xytext=(-4, 0), textcoords="offset points", ha="right", color=INK, fontsize=9)
    axes.set_yticks([-y for y in range(len(cases))], [name for name, _ in cases])
    axes.set_ylim(-len(cases) + 0.4, 0.9)
    axes.set_xlim(-8, 24)
    axes.set_xlabel("change in points: the dot is what was measured, the bar is what it may truly be")
    _plain(axes)
    return figure


def sample_size() -> mpl.figure.Figure:
    """Examples that are needed to see a gain."""
    points = [1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20]
    figure, axes = plt.subplots(figsize=(8, 3.6))
    for share, colour in ((0.4, "#7a3db8"), (0.2, "#0b57d0"), (0.1, "#0a7c86")):
        needed = [examples_needed(sd=share**0.5, difference=gain / 100, alpha=0.05) for gain in points]
        axes.plot(points, needed, marker="o", markersize=4, color=colour)
        axes.annotate(
            f"{share:.0%} of the answers differ", (points[-1], needed[-1]), xytext=(8, -3), textcoords="offset points",
            color=colour,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(points, [f"{gain:g}" for gain in points])
    axes.set_yticks([100, 1000, 10_000], ["100", "1,000", "10,000"])
    axes.minorticks_off()
    axes.set_xlabel("true gain in points")
    axes.set_ylabel("sealed examples")
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    _plain(axes)
    return figure


def looks() -> mpl.figure.Figure:
    """The chance of at least one false promotion, week by week, and what the gate allows all looks together."""
    weeks = list(range(1, 53))
    spent: list[float] = []
    for _ in weeks:
        spent.append(alpha_of_look(spent, alpha=0.05, looks_a_year=52))
    figure, axes = plt.subplots(figsize=(8, 3.2))
    axes.plot(weeks, [100 * (1 - (1 - 0.025) ** week) for week in weeks], color=COLOURS[Verdict.REJECT])
    axes.plot(weeks, [100 * sum(spent[:week]) / 2 for week in weeks], color=COLOURS[Verdict.PROMOTE])
    axes.annotate("a 95 % interval every week", (28, 54), color=COLOURS[Verdict.REJECT], ha="right")
    axes.annotate("this gate: at most", (52, 2.5), xytext=(0, 6), textcoords="offset points",
                  color=COLOURS[Verdict.PROMOTE], ha="right")  # fmt: skip
    axes.set_xlim(0, 53)
    axes.set_ylim(0, 80)
    axes.set_xlabel("weekly looks at two equal programs")
    axes.set_ylabel("chance of a false promotion, %")
    _plain(axes)
    return figure


def _report(wins: int, losses: int, n: int) -> GateReport:
    policy = GatePolicy(threshold_e6=10_000, claim=Claim.SIGNIFICANT, alpha=0.05)
    same = n - wins - losses
    baseline = [0] * wins + [MILLION] * losses + [MILLION] * same
    return decide(baseline, [MILLION] * wins + [0] * losses + [MILLION] * same, policy=policy)


def _plain(axes: mpl.axes.Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


if __name__ == "__main__":
    main()
