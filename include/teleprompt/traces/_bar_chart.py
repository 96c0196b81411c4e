"""A bar chart as SVG; a library for plots would take longer than the rest of a stage that shows three of them."""

from collections.abc import Iterator, Sequence
from html import escape

WIDTH, HEIGHT = 900, 240
LEFT, RIGHT, TOP, BOTTOM = 70, 10, 10, 90
"""Margins, which hold the axes' texts."""

FLOOR = HEIGHT - BOTTOM
MOST_LABELS = 20
MOST_LINES = 5
LONGEST_LABEL = 24


def bar_chart(labels: Sequence[str], values: Sequence[int], *, x: str, y: str) -> str:
    """A bar for each value, the same bytes for the same numbers; `x` and `y` name the axes."""
    pieces = [*_lines(max([1, *values])), *_bars(labels, values), *_names(x, y)]
    head = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" font-size="10" fill="#222" role="img">'
    return "\n".join([head, *pieces, "</svg>"])


def _lines(highest: int) -> Iterator[str]:
    """A line across for each round number."""
    for value in range(0, highest + 1, _step(highest)):
        at = FLOOR - _height(value, highest)
        yield f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="#ccc"/>'
        yield f'<text x="{LEFT - 6}" y="{at + 3:.1f}" text-anchor="end">{value}</text>'


def _step(highest: int) -> int:
    """The smallest of 1, 2, 5, 10, 20, … that needs few lines."""
    step = 1
    while highest > step * MOST_LINES:
        step = step * 5 // 2 if str(step).startswith("2") else step * 2
    return step


def _bars(labels: Sequence[str], values: Sequence[int]) -> Iterator[str]:
    highest = max([1, *values])
    across = (WIDTH - LEFT - RIGHT) / max(1, len(values))
    named = max(1, len(labels) // MOST_LABELS)
    for i, (label, value) in enumerate(zip(labels, values, strict=True)):
        left, height = LEFT + (i + 0.1) * across, _height(value, highest)
        yield (
            f'<rect x="{left:.1f}" y="{FLOOR - height:.1f}" width="{0.8 * across:.1f}" height="{height:.1f}" '
            f'fill="#3b6fb6"><title>{escape(label)}: {value}</title></rect>'
        )
        if i % named == 0:
            place = f"translate({left + 0.4 * across:.1f} {FLOOR + 12}) rotate(-60)"
            yield f'<text transform="{place}" text-anchor="end" font-size="8">{escape(label[:LONGEST_LABEL])}</text>'


def _height(value: int, highest: int) -> float:
    return (FLOOR - TOP) * value / highest


def _names(x: str, y: str) -> Iterator[str]:
    yield f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 4}" text-anchor="middle">{escape(x)}</text>'
    yield f'<text transform="translate(14 {(TOP + FLOOR) / 2}) rotate(-90)" text-anchor="middle">{escape(y)}</text>'
