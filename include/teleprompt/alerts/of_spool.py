"""What there is to tell of traces that were handed in."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby

from teleprompt.alerts.alert import Alert
from teleprompt.config.alerts import AlertEvent
from teleprompt.traces.submission.spool import AsideRow


def alerts_of_set_aside(rows: Sequence[AsideRow]) -> list[Alert]:
    """One alert for each program of rows that were set aside and that nobody was told of."""
    by_program = groupby(sorted(rows, key=lambda row: (row.program, row.number)), key=lambda row: row.program)
    return [_alert(program, list(own)) for program, own in by_program]


def _alert(program: str, rows: Sequence[AsideRow]) -> Alert:
    """It quotes no reason: MLflow's words may hold a trace."""
    first, last = rows[0], rows[-1]
    return Alert(
        event=AlertEvent.SET_ASIDE,
        program=program,
        text=f"Submitted traces that could not be written to MLflow: {len(rows)} were set aside; "
        f"`teleprompt traces set-aside list {program}` on that machine says why.",
        cause=f"{first.since} {first.number}-{last.number}",
        at=datetime.now(UTC),
        facts={"rows": len(rows)},
    )
