"""`teleprompt report`: what a period brought."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from teleprompt.cli.output import JsonOption, print_json, say, write_new

if TYPE_CHECKING:
    from teleprompt.window import Window

_AGO = re.compile(r"([1-9][0-9]{0,3})([dw])")
_UNITS = {"d": timedelta(days=1), "w": timedelta(weeks=1)}


def report(
    program: Annotated[str | None, typer.Argument(help="Only this program.")] = None,
    since: Annotated[str, typer.Option(help="ISO 8601 time, or how long ago: 7d, 4w.")] = "7d",
    until: Annotated[str | None, typer.Option(help="ISO 8601 time; by default now.")] = None,
    html: Annotated[Path | None, typer.Option(help="Also write it as a page to this new file.", dir_okay=False)] = None,
    json_: JsonOption = False,
) -> None:
    """Report what improved by how much, what was rejected and why, what it cost, and whom it credits."""
    from teleprompt.config.files import find_program_file, program_files
    from teleprompt.config.settings import Settings
    from teleprompt.report.page import report_page
    from teleprompt.report.read import read_report
    from teleprompt.report.words import headline, lines
    from teleprompt.tracking.connection import mlflow_client

    settings = Settings()
    folder = settings.programs_dir
    files = [find_program_file(folder, program)] if program else program_files(folder)
    period = _period(since, until, now=datetime.now(UTC))
    with mlflow_client(settings.tracking_uri) as client:
        found = read_report(client, files, period)
    if html is not None:
        write_new(html, report_page(found))
    if json_:
        print_json({"headline": headline(found), **found.model_dump(mode="json")})
        return
    say(headline(found))
    for one in found.programs:
        say("")
        say(f"{one.program}{f' (version {one.champion} runs)' if one.champion else ''}")
        for line in lines(one):
            say(f"  {line}")
    for name, problem in found.unreadable.items():
        say("")
        say(f"{name}: left out, {problem}")


def _period(since: str, until: str | None, *, now: datetime) -> "Window":
    from teleprompt.cli.windows import parse_moment
    from teleprompt.errors import ConfigurationError
    from teleprompt.window import Window

    end = parse_moment("--until", until) if until else now
    ago = _AGO.fullmatch(since)
    start = end - int(ago[1]) * _UNITS[ago[2]] if ago else parse_moment("--since", since)
    if start >= end:
        raise ConfigurationError(f"--since {since} must be before {f'--until {until}' if until else 'now'}.")
    return Window(start=start, end=end)
