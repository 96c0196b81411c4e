"""One program's scores from a file, by id."""

import json
import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from teleprompt.errors import ConfigurationError
from teleprompt.records import MILLION, to_millionths
from teleprompt.score_files.columns import Columns
from teleprompt.score_files.log import GROUP, ID, SCORE, Log
from teleprompt.score_files.recognized import read_log
from teleprompt.score_files.table import Table, read_table, shown

WORDS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0, "pass": 1.0, "fail": 0.0, "passed": 1.0, "failed": 0.0}
NOTHING = {"", "nan", "null", "none", "na", "n/a", "-"}
USUAL_SCALES = (5, 10, 100)
MOST_SHOWN = 3


class IdType(StrEnum):
    """What a typed file has as ids."""

    NUMBERS = "numbers"
    TEXTS = "texts"


@dataclass(frozen=True)
class Scores:
    """What a file says of one program, row by row."""

    path: Path
    ids: Sequence[str]
    id_type: IdType | None
    """None where the format knows texts only."""
    scores_e6: Sequence[int]
    groups: Sequence[str] | None
    metrics_e6: Mapping[str, Sequence[int | None]] = field(default_factory=dict)
    """Further metrics in millionths of their unit; None where one is missing."""
    asked: Sequence[str | None] | None = None
    """Input and right answer of each example, where the format says them beside an id."""


def read_scores(path: Path, columns: Columns, *, scale: float = 1.0) -> Scores:
    """The scores of a file, in millionths; `scale` is its best score, which becomes 1.

    A tool's log is recognized by what it holds, unless the column of the ids is named: then the file is a table. After
    a `#` is the program that is meant, where a log holds several.

    Raises:
        ConfigurationError: the file cannot be read, lacks a column or a score, or has an id twice or a score outside
            [0, `scale`].
    """
    file, program = _file_and_program(path)
    try:
        log = None if columns.id is not None else read_log(file)
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be read ({error.strerror}); check its name and permissions."
        ) from error
    if log is not None:
        return scores_of_log(replace(log.of_program(program), path=path), columns, scale=scale)
    named = [columns.group] if columns.group is not None else []
    required = [columns.id or ID, columns.score or SCORE, *named, *columns.metrics]
    optional = [GROUP] if columns.group is None else []
    return scores_of(read_table(path, required=required, optional=optional), columns, scale=scale)


def _file_and_program(path: Path) -> tuple[Path, str | None]:
    name, mark, program = path.name.rpartition("#")
    return (path.with_name(name), program) if mark and name and not path.exists() else (path, None)


def scores_of_log(log: Log, columns: Columns, *, scale: float = 1.0) -> Scores:
    """The scores of a tool's log.

    Raises:
        ConfigurationError: it lacks a score or a group that is named, or has several scores and none is named; or as
            `scores_of` does.
    """
    chosen = log.chosen(columns)
    return scores_of(log.table(chosen, group=columns.group), chosen, scale=scale)


def scores_of(table: Table, columns: Columns, *, scale: float = 1.0) -> Scores:
    """The scores of a table that has these columns.

    Raises:
        ConfigurationError: a score is missing or outside [0, `scale`], or an id comes twice.
    """
    if not 0 < scale < math.inf:
        raise ConfigurationError(f"--scale {scale:g} is no best score; give a number above 0, as 100.")
    id_ = columns.id or ID
    ids = _texts(table, id_)
    _refuse_repeated(table, ids)
    group = columns.group or GROUP
    return Scores(
        table.path,
        ids,
        _id_type(table.columns[id_]) if table.typed else None,
        _scores_e6(table, columns.score or SCORE, ids, scale),
        _texts(table, group) if group in table.columns else None,
        {name: _metric_e6(table, name) for name in columns.metrics},
        table.asked,
    )


def _texts(table: Table, name: str) -> list[str]:
    """Names, as texts; 7 and 7.0 are `7`, as a table with gaps writes its whole numbers."""
    texts = [_text(value) for value in table.columns[name]]
    if "" in texts:
        raise ConfigurationError(f"{table.place(texts.index(''))} has no {name}; each example needs one.")
    return texts


def _text(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else str(int(value)) if value.is_integer() else str(value)
    if isinstance(value, (dict, list)):
        return json.dumps(value, sort_keys=True, ensure_ascii=False)
    return "" if value is None else str(value).strip()


def _id_type(values: Sequence[object]) -> IdType | None:
    kinds = {IdType.TEXTS if isinstance(value, str) else IdType.NUMBERS for value in values}
    return kinds.pop() if len(kinds) == 1 else None


def _refuse_repeated(table: Table, ids: Sequence[str]) -> None:
    if len(set(ids)) == len(ids):
        return
    rows: dict[str, list[int | str]] = defaultdict(list)
    for row, name in enumerate(ids):
        rows[name].append(table.numbers[row])
    several = {name: at for name, at in rows.items() if len(at) > 1}
    repeated = [f"{shown(name)} ({table.unit}s {', '.join(map(str, at[:4]))})" for name, at in several.items()]
    raise ConfigurationError(
        f"{table.path} has {len(repeated)} id{'' if len(repeated) == 1 else 's'} more than once, first "
        f"{', '.join(repeated[:MOST_SHOWN])}; if examples were answered several times, give each answer an id of its "
        "own, and the example's id as `group`."
    )


def _scores_e6(table: Table, name: str, ids: Sequence[str], scale: float) -> list[int]:
    values = [_number(value, decimal_comma=table.decimal_comma) for value in table.columns[name]]
    _refuse_missing(table, name, ids, values)
    found = [value for value in values if value is not None]
    lowest, highest = min(found), max(found)
    if math.isinf(lowest) or math.isinf(highest):
        row = next(i for i, value in enumerate(found) if math.isinf(value))
        raise ConfigurationError(f"{table.place(row)} has the score {found[row]:g}, which is no number; correct it.")
    if lowest < 0:
        row = found.index(lowest)
        raise ConfigurationError(
            f"{table.place(row)} has the score {lowest:g}, and 0 has to be the worst; shift the scores to [0, 1]."
        )
    scores_e6 = [to_millionths(value / scale) for value in found]
    if max(scores_e6) > MILLION:
        row = found.index(highest)
        raise ConfigurationError(
            f"{table.place(row)} has the score {highest:g}, and scores are from 0 to {scale:g}; if "
            f"{_usual(highest)} is the best score, say --scale {_usual(highest)}."
        )
    return scores_e6


def _usual(highest: float) -> str:
    return next((f"{scale}" for scale in USUAL_SCALES if highest <= scale), f"{highest:g}")


def _refuse_missing(table: Table, name: str, ids: Sequence[str], values: Sequence[float | None]) -> None:
    missing = [row for row, value in enumerate(values) if value is None]
    if not missing:
        return
    first = table.columns[name][missing[0]]
    said = "" if first is None or str(first).strip() == "" else f" but {str(first)!r}"
    raise ConfigurationError(
        f"{table.place(missing[0])} has no {name}{said} for {shown(ids[missing[0]])}, and so {len(missing)} of "
        f"{len(ids)} examples; score a failed answer 0, or leave the example out of both files."
    )


def _metric_e6(table: Table, name: str) -> list[int | None]:
    found: list[int | None] = []
    for value in table.columns[name]:
        number = _number(value, decimal_comma=table.decimal_comma)
        found.append(to_millionths(number) if number is not None and math.isfinite(number) else None)
    return found


def _number(value: object, *, decimal_comma: bool) -> float | None:
    """The number that somebody wrote; None where it is none."""
    if isinstance(value, str):
        value = value.strip().lower()
        if value in NOTHING:
            return None
        if value in WORDS:
            return WORDS[value]
        if decimal_comma and re.fullmatch(r"[+-]?\d*,\d+(e[+-]?\d+)?", value):
            value = value.replace(",", ".")
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return None if math.isnan(number) else number
