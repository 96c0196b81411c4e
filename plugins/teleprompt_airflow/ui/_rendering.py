"""Filling the templates."""

from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from teleprompt.attribution.rewards import format_units
from teleprompt.program.prompt_diff import fields_of

FOLDER = Path(__file__).parent / "templates"


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    environment.filters.update(
        points=points, percent=percent, day=day, money=money, units=format_units, fields=fields_of
    )
    return environment


def render(template: str, **values: Any) -> str:
    """A page."""
    return _environment().get_template(template).render(values)


def points(value_e6: int | None) -> str:
    """Millionths as percentage points, with a sign."""
    return "-" if value_e6 is None else f"{value_e6 / 1e4:+.2f}"


def percent(value_e6: int | None) -> str:
    """Millionths in per cent."""
    return "-" if value_e6 is None else f"{value_e6 / 1e4:.2f} %"


def day(moment: str) -> str:
    """A moment; midnight as a day."""
    return moment.removesuffix("T00:00:00Z")


def money(dollars: float | None) -> str:
    """Dollars and cents; below a cent with two digits that count."""
    if dollars is None:
        return "-"
    return f"${dollars:,.2f}" if dollars >= 0.01 or dollars == 0 else f"${dollars:.2g}"
