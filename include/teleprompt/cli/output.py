"""What commands print: JSON for scripts, tables and sentences for people.

All of it goes through here: names, reasons and traces are somebody else's, and none of them reaches a terminal raw.
"""

import json
import logging
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from teleprompt.encoding.text import visible, visible_json
from teleprompt.errors import ConfigurationError

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def say(line: object, *, err: bool = False, colour: str | None = None) -> None:
    """One line, whatever it holds; with `err` on standard error, with `colour` coloured on a terminal."""
    typer.secho(visible(str(line)), err=err, fg=colour)


def print_diff_line(line: str) -> None:
    """A line of a diff, on a terminal in green where something comes and in red where it goes."""
    sign = line.lstrip()[:1]
    colour = {"+": "green", "-": "red"}.get(sign if line.startswith("  ") else "")
    typer.secho(visible(line), fg=colour)


def print_json(value: Any) -> None:
    """`value` as one JSON document."""
    typer.echo(visible_json(json.dumps(value, indent=2, ensure_ascii=False)))


def print_document(document: bytes) -> None:
    """A JSON document in its exact bytes; on a terminal, where nobody reads bytes, with escapes."""
    typer.echo(visible_json(document.decode()) if sys.stdout.isatty() else document, nl=False)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """A table, or the sentence `empty` where there is no row."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rows = list(rows)
    if not rows:
        say(empty)
        return
    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*(Text("-" if cell is None else visible(str(cell))) for cell in row))  # no markup
    console = Console()
    if not console.is_terminal:
        console.width = 200
    console.print(table)


class LogFormatter(logging.Formatter):
    """A message on one line, and a traceback's lines below it."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The line."""
        return visible(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """The traceback."""
        return "\n".join(map(visible, super().formatException(ei).splitlines()))


def write_new(file: Path, text: str) -> None:
    """Write a file that is not there yet.

    Raises:
        ConfigurationError: it is, or it cannot be written.
    """
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written ({error.strerror}); name a new file.") from error


def write_file(file: Path, text: str) -> None:
    """Write a file, in place of an earlier one.

    Raises:
        ConfigurationError: it cannot be written.
    """
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written ({error.strerror}); name another place.") from error


def read_limited(file: Path, most: int) -> bytes:
    """The bytes of a file, and one more than `most` where it has more: whoever reads them refuses it then.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        with file.open("rb") as stream:
            return stream.read(most + 1)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read ({error.strerror}); name a file that can.") from error


def points(value_e6: int | None) -> str:
    """Millionths of a score as percentage points."""
    return "-" if value_e6 is None else f"{value_e6 / 1e4:+.2f}"


def interval(low_e6: int | None, high_e6: int | None) -> str:
    """An interval in percentage points."""
    return "-" if low_e6 is None or high_e6 is None else f"[{points(low_e6)}, {points(high_e6)}]"


def dollars(amount: float | None) -> str | None:
    """Dollars and cents; below a cent with two digits that count."""
    if amount is None:
        return None
    return f"${amount:,.2f}" if amount >= 0.01 or amount == 0 else f"${amount:.2g}"


def window_text(start: str, end: str) -> str:
    """A window of two ISO times; midnights as days."""
    return " - ".join(moment.removesuffix("T00:00:00Z") for moment in (start, end))


def size(bytes_: int) -> str:
    """A number of bytes for people."""
    value, units = float(bytes_), iter(("B", "kB", "MB", "GB"))
    unit = next(units)
    while value >= 1000 and (larger := next(units, None)):
        value, unit = value / 1000, larger
    return f"{bytes_} B" if unit == "B" else f"{value:.1f} {unit}"
