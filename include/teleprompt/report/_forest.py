"""A forest plot: each improvement's change with its interval, on one axis with a line at no change."""

from collections.abc import Sequence
from html import escape

from teleprompt.records import Record

WIDTH, ROW, NAME, VALUE = 720, 30, 190, 190


class Bar(Record):
    """One change with its interval, in millionths of a score."""

    name: str
    low_e6: int
    change_e6: int
    high_e6: int


def forest_plot(bars: Sequence[Bar]) -> str:
    """An SVG drawing; empty without bars. Colours are the reader's own text colour, so that it prints."""
    if not bars:
        return ""
    low = min(0, *(bar.low_e6 for bar in bars))
    high = max(0, *(bar.high_e6 for bar in bars))
    scale = (WIDTH - NAME - VALUE) / max(1, high - low)

    def x(value_e6: int) -> float:
        return round(NAME + (value_e6 - low) * scale, 1)

    rows = "".join(
        _row(bar, ROW * i + ROW // 2 + 4, x(bar.low_e6), x(bar.change_e6), x(bar.high_e6)) for i, bar in enumerate(bars)
    )
    height = ROW * len(bars) + 24
    zero = x(0)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Changes with their intervals, in points" '
        f'font-size="13" fill="currentColor" stroke="none">'
        f'<line x1="{zero}" x2="{zero}" y1="0" y2="{height - 20}" stroke="currentColor" stroke-dasharray="3 3"/>'
        f'<text x="{zero}" y="{height - 5}" text-anchor="middle">no change</text>{rows}</svg>'
    )


def _row(bar: Bar, y: int, low: float, change: float, high: float) -> str:
    said = f"{bar.change_e6 / 1e4:+.1f} [{bar.low_e6 / 1e4:+.1f}, {bar.high_e6 / 1e4:+.1f}]"
    return (
        f'<text x="0" y="{y + 4}">{escape(bar.name)}</text>'
        f'<line x1="{low}" x2="{high}" y1="{y}" y2="{y}" stroke="currentColor" stroke-width="2"/>'
        f'<circle cx="{change}" cy="{y}" r="5"/>'
        f'<text x="{WIDTH}" y="{y + 4}" text-anchor="end">{said}</text>'
    )
