"""Handing traces in: check, keep, write, and write later what could not be written now."""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from include.teleprompt.config.program import ProgramConfig
from include.teleprompt.errors import ConfigurationError, TelepromptError
from include.teleprompt.records import Record
from include.teleprompt.secret_uri import SecretUri, hide_credentials
from include.teleprompt.traces.submission.row import SubmittedTrace, read_row
from include.teleprompt.traces.submission.spool import Spool
from include.teleprompt.traces.submission.write import write_rows
from include.teleprompt.tracking.connection import is_outage

log = logging.getLogger(__name__)

BATCH = 500
MOST_REASONS = 100


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
    if config.traces.source == "runs":
        raise ConfigurationError(
            f"{config.name} reads MLflow runs only, and these become traces; set `traces.source: auto` in its file."
        )
    good: list[SubmittedTrace] = []
    bad: list[Rejected] = []
    for number, line in enumerate(lines, start=1):
        row = read_row(line)
        if isinstance(row, str):
            bad.append(Rejected(line=number, reason=row))
        else:
            good.append(row)
    spool.add(config.slug, good)
    return len(good), bad


def drain(spool: Spool, client: Any, config_of: Callable[[str], ProgramConfig]) -> int:
    """Write what waits to MLflow, oldest first; how many rows were written. One process at a time does.

    Late outcomes of calls that are not there, and rows that MLflow refuses, are set aside.

    Raises:
        mlflow.MlflowException: MLflow does not answer (`is_outage`); the rest waits on.
    """
    written = 0
    with spool.only_one() as alone:
        while alone and (found := spool.oldest(BATCH)) is not None:
            program, rows = found
            try:
                config = config_of(program)
            except TelepromptError as error:
                spool.set_aside([number for number, _ in rows], hide_credentials(str(error)))
                continue
            written += _write(spool, client, config, rows)
    return written


def _write(spool: Spool, client: Any, config: ProgramConfig, rows: Sequence[tuple[int, SubmittedTrace]]) -> int:
    """Write rows and take them out of the spool; where MLflow refuses, one by one."""
    try:
        unknown = set(write_rows(client, config, [row for _, row in rows]))
    except Exception as error:
        if is_outage(error):
            raise
        if len(rows) > 1:
            return sum(_write(spool, client, config, [row]) for row in rows)
        log.warning("MLflow refuses a submitted trace of %s (%s); it is set aside.", config.name, type(error).__name__)
        spool.set_aside([rows[0][0]], SecretUri(client.tracking_uri).hide_in(str(error)))
        return 0
    orphans = [number for number, row in rows if row.trace_id in unknown]
    if orphans:
        log.warning("%d late outcomes of %s are of calls that are not known; set aside.", len(orphans), config.name)
        spool.set_aside(orphans, "its call is not known")
    done = [number for number, row in rows if row.trace_id not in unknown]
    spool.remove(done)
    return len(done)
