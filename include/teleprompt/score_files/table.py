"""The columns of a file: CSV, JSON lines or Parquet, as other tools and spreadsheets write them."""

import csv
import io
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from teleprompt.errors import ConfigurationError

DELIMITERS = ",;\t|"
MOST_NAMED = 12
"""Columns that an error lists."""
LONGEST_SHOWN = 60


@dataclass(frozen=True)
class Table:
    """The wanted columns of a file, as its format gives the values: a CSV file texts, the others typed ones."""

    path: Path
    unit: str
    """What a row is called: `line`, or `row` where the format has no lines."""
    numbers: Sequence[int | str]
    """Of the rows' units, from 1, or their names."""
    columns: Mapping[str, Sequence[object]]
    typed: bool
    decimal_comma: bool = False
    """Whether `0,5` is a number here: spreadsheets that write decimal commas separate fields by semicolons."""
    asked: Sequence[str | None] | None = None
    """Input and right answer of each row, where the ids do not say them and the format does."""

    def place(self, row: int) -> str:
        """Where a row is found, for an error."""
        return f"{self.path}, {self.unit} {self.numbers[row]}"


def read_table(path: Path, *, required: Sequence[str], optional: Sequence[str] = ()) -> Table:
    """The named columns of a file, by the ending of its name; empty lines are skipped.

    Raises:
        ConfigurationError: it cannot be read, is of another format, has no row, or lacks a required column.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        known = ", ".join(_READERS)
        raise ConfigurationError(f"{path} is of no known format; its name has to end in one of {known}.")
    try:
        table = reader(path, required, optional)
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read ({error.strerror}); check its name and permissions."
        ) from error
    if not table.numbers:
        raise ConfigurationError(f"{path} is empty: it has no row of scores; check what wrote it.")
    return table


def _read_csv(path: Path, required: Sequence[str], optional: Sequence[str]) -> Table:
    text = decoded(path)
    skipped = 1 if re.match(r"sep=.\r?\n", text) else 0  # a spreadsheet's own note on the delimiter
    text = text.partition("\n")[2] if skipped else text
    if not text.strip():
        return Table(path, "line", (), {}, typed=False)
    delimiter = _delimiter(text, required)
    rows = _csv_rows(path, text, delimiter, skipped=skipped)
    _, names = next(rows)
    header = [name.strip() for name in names]
    wanted = _wanted(path, header, required, optional)
    numbers: list[int] = []
    columns: dict[str, list[object]] = {name: [] for name in wanted}
    picked = [(header.index(name), columns[name].append) for name in wanted]
    for number, row in rows:
        if len(row) != len(header):
            raise ConfigurationError(
                f"{path}, line {number} has {len(row)} fields and the first line {len(header)}; quote a field that "
                f"holds a {delimiter!r}."
            )
        numbers.append(number)
        for index, append in picked:
            append(row[index])
    return Table(path, "line", numbers, columns, typed=False, decimal_comma=delimiter == ";")


def decoded(path: Path) -> str:
    """The text of a file.

    Raises:
        OSError: it cannot be read.
        ConfigurationError: it is no text.
    """
    data = path.read_bytes()
    encoding = "utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigurationError(f"{path} is not UTF-8 at line {line}; save it as UTF-8.") from error


def _delimiter(text: str, required: Sequence[str]) -> str:
    """What separates the first line into the required columns; else what separates it into the most."""
    first = next(line for line in text.splitlines() if line.strip())
    headers = {
        delimiter: [n.strip() for n in next(csv.reader([first], delimiter=delimiter))] for delimiter in DELIMITERS
    }
    fitting = (delimiter for delimiter, header in headers.items() if set(required) <= set(header))
    return next(fitting, max(headers, key=lambda delimiter: len(headers[delimiter])))


def _csv_rows(path: Path, text: str, delimiter: str, *, skipped: int) -> Iterator[tuple[int, list[str]]]:
    """Each row that holds something, and the line on which it begins."""
    csv.field_size_limit(sys.maxsize)  # files of scores hold answers, too
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    number = skipped + 1
    try:
        for row in rows:
            if any(row):
                yield number, row
            number = skipped + rows.line_num + 1
    except csv.Error as error:
        raise ConfigurationError(f"{path}, line {number} is no CSV ({error}); correct its quotes.") from error


def _read_json_lines(path: Path, required: Sequence[str], optional: Sequence[str]) -> Table:
    rows: list[tuple[int, object]] = []
    for number, line in enumerate(decoded(path).split("\n"), start=1):
        if line.strip():
            try:
                rows.append((number, json.loads(line)))
            except ValueError as error:
                raise ConfigurationError(
                    f"{path}, line {number} is no JSON; each line has to be an object with {listed(required)}."
                ) from error
    return _of_objects(path, "line", rows, required, optional)


def _read_json(path: Path, required: Sequence[str], optional: Sequence[str]) -> Table:
    try:
        rows = json.loads(decoded(path) or "[]")
    except ValueError as error:
        raise ConfigurationError(f"{path} is no JSON ({error}); if it has an object a line, name it .jsonl.") from error
    if not isinstance(rows, list):
        raise ConfigurationError(f"{path} is no list; it has to be a list of objects with {listed(required)}.")
    return _of_objects(path, "row", list(enumerate(rows, start=1)), required, optional)


def _of_objects(
    path: Path, unit: str, rows: Sequence[tuple[int, object]], required: Sequence[str], optional: Sequence[str]
) -> Table:
    """The columns of JSON objects; a key that an object lacks is a missing value."""
    if not rows:
        return Table(path, unit, (), {}, typed=True)
    objects: list[dict[str, object]] = []
    for number, row in rows:
        if not isinstance(row, dict):
            raise ConfigurationError(
                f"{path}, {unit} {number} is no object; each has to be one with {listed(required)}."
            )
        objects.append(row)
    wanted = _wanted(path, list(dict.fromkeys(key for row in objects for key in row)), required, optional)
    columns = {name: [row.get(name) for row in objects] for name in wanted}
    return Table(path, unit, [number for number, _ in rows], columns, typed=True)


def _read_parquet(path: Path, required: Sequence[str], optional: Sequence[str]) -> Table:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ConfigurationError(f"{path} needs pyarrow to be read; install it, or write the scores as CSV.") from error
    try:
        with pq.ParquetFile(path) as file:
            wanted = _wanted(path, file.schema_arrow.names, required, optional)
            table = file.read(columns=wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ConfigurationError(f"{path} is no Parquet file; check what wrote it.") from error
    columns = {name: table.column(name).to_pylist() for name in wanted}
    return Table(path, "row", range(1, table.num_rows + 1), columns, typed=True)


def _wanted(path: Path, header: Sequence[str], required: Sequence[str], optional: Sequence[str]) -> list[str]:
    """The columns to take, each once."""
    missing = [name for name in required if name not in header]
    if missing:
        raise ConfigurationError(
            f"{path} has no column {listed(missing)}; it has {listed(header)}: name what is meant by --id, --score, "
            "--group or --guardrail, and note that a CSV file's first line has to name its columns."
        )
    wanted = list(dict.fromkeys([*required, *(name for name in optional if name in header)]))
    twice = [name for name in wanted if header.count(name) > 1]
    if twice:
        raise ConfigurationError(f"{path} has two columns {listed(twice)}; rename one of them.")
    return wanted


def listed(names: Sequence[str]) -> str:
    """Names, as an error lists them."""
    first = ", ".join(repr(name) for name in names[:MOST_NAMED])
    return f"{first} and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else first


def shown(name: str) -> str:
    """An id as an error shows it: a question may be one, and long."""
    return repr(name if len(name) <= LONGEST_SHOWN else f"{name[:LONGEST_SHOWN]}…")


_READERS: dict[str, Callable[[Path, Sequence[str], Sequence[str]], Table]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".json": _read_json,
    ".parquet": _read_parquet,
}
