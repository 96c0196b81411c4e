"""Handing traces in: check, keep, write, and write later what could not be written now."""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from teleprompt.config.program import ProgramConfig
from teleprompt.encoding.secret_uri import SecretUri, hide_credentials
from teleprompt.errors import ConfigurationError, TelepromptError
from teleprompt.records import Record
from teleprompt.traces.submission._write import AcceptedRow, write_rows
from teleprompt.traces.submission.row import SubmittedTrace, out_of_range, read_row
from teleprompt.traces.submission.spool import Spool, WaitingRow
from teleprompt.tracking.connection import is_outage

if TYPE_CHECKING:
    from mlflow import MlflowClient


log = logging.getLogger(__name__)

BATCH = 500
BATCH_BYTES = 16 * 2**20
"""Of rows that are written together: MLflow needs a multiple of it in memory. A single row may have more."""
MOST_REASONS = 100

CREDENTIALS = frozenset({"UNAUTHENTICATED", "PERMISSION_DENIED"})
NO_ROOM = ("disk is full", "No space left", "readonly database", "disk full")


class Rejected(Record):
    """A row that was refused."""

    line: int
    """Counted from 1."""
    reason: str


class Submitted(Record):
    """What became of the rows."""

    accepted: int
    """On disk, and in MLflow now or later; none of them is lost."""
    rejected: int
    reasons: tuple[Rejected, ...]
    """The first hundred."""
    waiting: int
    """Accepted rows, of all programs, that are not in MLflow yet."""


def accept(spool: Spool, config: ProgramConfig, lines: Iterable[bytes | dict[str, Any]]) -> tuple[int, list[Rejected]]:
    """Check each line and keep the good ones on disk; how many, and what is wrong with the others.

    Raises:
        ConfigurationError: the program would never read them.
        SpoolFullError: too many wait already; nothing was kept.
    """
    if config.traces.source not in {"auto", "traces"}:
        raise ConfigurationError(
            f"{config.name} reads no MLflow traces (`traces.source: {config.traces.source}`), and these become some; "
            "set `traces.source: auto` in its file."
        )
    now = datetime.now(UTC)
    good: list[tuple[int, SubmittedTrace]] = []
    bad: list[Rejected] = []
    for number, line in enumerate(lines, start=1):
        row = _read(line, now=now)
        if isinstance(row, str):
            bad.append(Rejected(line=number, reason=row))
        else:
            good.append((number, row))
    good.sort(key=lambda one: one[1].is_late_outcome)  # so that each finds its call, though it stands before it
    spool.add(config.slug, [row for _, row in good], lines=[number for number, _ in good])
    return len(good), bad


def _read(line: bytes | dict[str, Any], *, now: datetime) -> SubmittedTrace | str:
    """The row, or why it is refused."""
    row = read_row(line)
    if isinstance(row, str):
        return row
    if isinstance(line, dict):  # Python holds more than JSON does, in which the row waits
        again = read_row(row.model_dump_json(exclude_none=True).encode())
        if isinstance(again, str):
            return again
    return out_of_range(row, now=now) or row


def drain(spool: Spool, client: "MlflowClient", config_of: Callable[[str], ProgramConfig]) -> int:
    """Write what waits to MLflow, oldest first; how many rows were written. One process at a time does.

    Late outcomes of calls that are not there, and rows that MLflow refuses, are set aside.

    Raises:
        mlflow.MlflowException: MLflow does not answer (`is_outage`); the rest waits on.
        TelepromptError: it takes nothing, for want of credentials or of room; the rest waits on.
    """
    written = 0
    with spool.only_one() as alone:
        while alone and (found := spool.oldest(BATCH, most_bytes=BATCH_BYTES)) is not None:
            program, waiting = found
            try:
                config = config_of(program)
            except TelepromptError as error:
                spool.set_aside([row.number for row in waiting], hide_credentials(str(error)))
                continue
            written += _write(spool, client, config, _readable(spool, waiting))
    return written


def _readable(spool: Spool, waiting: Sequence[WaitingRow]) -> list[AcceptedRow]:
    """The rows that this version of the package reads; others, that an earlier one accepted, are set aside."""
    rows = []
    for number, accepted, body in waiting:
        row = read_row(body.encode())
        if isinstance(row, str):
            spool.set_aside([number], row)
        else:
            rows.append(AcceptedRow(number, row, accepted))
    return rows


def _write(spool: Spool, client: "MlflowClient", config: ProgramConfig, rows: Sequence[AcceptedRow]) -> int:
    """Write rows and take them out of the spool; where MLflow refuses, one by one."""
    if not rows:
        return 0
    try:
        problems = write_rows(client, config, rows)
    except Exception as error:
        if is_outage(error):
            raise
        if _concerns_every_row(error):
            raise TelepromptError(
                f"MLflow takes nothing from here ({getattr(error, 'error_code', None) or type(error).__name__}); "
                "correct its credentials, or make room for it: submitted traces wait on this machine's disk."
            ) from error
        if len(rows) > 1:
            return sum(_write(spool, client, config, [row]) for row in rows)
        log.warning("MLflow refuses a submitted trace of %s (%s); it is set aside.", config.name, type(error).__name__)
        spool.set_aside([rows[0].number], SecretUri(client.tracking_uri).hide_in(str(error)))
        return 0
    for problem in sorted(set(problems.values())):
        numbers = [number for number, own in problems.items() if own == problem]
        log.warning("%d submitted rows of %s are set aside: %s.", len(numbers), config.name, problem)
        spool.set_aside(numbers, problem)
    done = [row.number for row in rows if row.number not in problems]
    spool.remove(done)
    return len(done)


def _concerns_every_row(error: Exception) -> bool:
    """Whether the next row would be refused for the same; set aside, all of them would wait for a person."""
    said = str(error).partition("[SQL:")[0]  # what follows may hold anything
    return getattr(error, "error_code", None) in CREDENTIALS or any(sign in said for sign in NO_ROOM)
