"""The change with its interval, and a line at the threshold: as SVG, and in a terminal's characters."""

from collections.abc import Callable
from html import escape

from teleprompt.deltaone.report import Verdict
from teleprompt.score_files.outcome import Outcome, in_points

WIDTH, HEIGHT, MARGIN, MIDDLE = 640, 150, 40, 80
COLOURS = {Verdict.PROMOTE: "#1a7f37", Verdict.REJECT: "#cf222e", Verdict.INCONCLUSIVE: "#9a6700"}
FEWEST_POINTS_E6 = 10_000
"""The axis is never shorter than a percentage point."""


def draw_svg(outcome: Outcome) -> str:
    """A picture of its own, the same bytes for the same numbers."""
    at = _scale(outcome, MARGIN, WIDTH - MARGIN)
    low, centre, high = at(outcome.low_e6), at(outcome.delta_e6), at(outcome.high_e6)
    colour = COLOURS[outcome.verdict]
    title = f"{outcome.verdict}: {outcome.change}"
    threshold = in_points(outcome.threshold_e6)
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}"'
    font = 'font-family="sans-serif" font-size="13"'
    ends = f"M{low:.1f} {MIDDLE - 8}v16M{high:.1f} {MIDDLE - 8}v16"
    pieces = (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" {font} fill="#222">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{MARGIN}" y="26" font-size="15" font-weight="bold" fill="{colour}">{escape(title)}</text>',
        _line_across(at(0), "0", "#888", anchor="end"),
        _line_across(at(outcome.threshold_e6), threshold, "#0969da", anchor="start", dashes="5 4"),
        f'<path d="M{low:.1f} {MIDDLE}H{high:.1f}{ends}" stroke="{colour}" stroke-width="3" fill="none"/>',
        f'<circle cx="{centre:.1f}" cy="{MIDDLE}" r="6" fill="{colour}"/>',
        "</svg>",
    )
    return "\n".join(pieces) + "\n"


def _line_across(x: float, label: str, colour: str, *, anchor: str, dashes: str = "none") -> str:
    aside = x + (4 if anchor == "start" else -4)
    return (
        f'<path d="M{x:.1f} 44V118" stroke="{colour}" stroke-dasharray="{dashes}"/>'
        f'<text x="{aside:.1f}" y="134" text-anchor="{anchor}" fill="{colour}">{escape(label)}</text>'
    )


def draw_text(outcome: Outcome, *, width: int = 64) -> tuple[str, str]:
    """Two lines of ASCII, which any log can hold: the interval `[--o--]` over the marks `0` and `^`, the threshold."""
    at = _scale(outcome, 0, width - 1)
    marks, bar = [" "] * width, [" "] * width
    for x, mark in ((at(outcome.threshold_e6), "^"), (at(0), "0")):
        marks[round(x)] = mark
        bar[round(x)] = ":"
    low, centre, high = (round(at(value)) for value in (outcome.low_e6, outcome.delta_e6, outcome.high_e6))
    bar[low : high + 1] = "-" * (high + 1 - low)
    bar[low], bar[high], bar[centre] = "[", "]", "o"
    return "".join(bar).rstrip(), f"{''.join(marks).rstrip()}   ^ {in_points(outcome.threshold_e6)}"


def _scale(outcome: Outcome, start: float, end: float) -> Callable[[int], float]:
    """Where on the axis a difference lies; all that is drawn fits on it."""
    drawn = (outcome.low_e6, outcome.delta_e6, outcome.high_e6, 0, outcome.threshold_e6)
    lowest, highest = min(drawn), max(max(drawn), min(drawn) + FEWEST_POINTS_E6)
    return lambda value_e6: start + (end - start) * (value_e6 - lowest) / (highest - lowest)
