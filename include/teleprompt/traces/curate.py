"""From raw traces to the rows that are used: each step reports rows in, rows out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from include.teleprompt.canonical import digest_of, normalised_text
from include.teleprompt.config.program import OutcomeConfig
from include.teleprompt.program.fields import ProgramFields
from include.teleprompt.records import Record
from include.teleprompt.traces.raw import RawTrace
from include.teleprompt.traces.row import TraceRow
from include.teleprompt.traces.validate import Quarantined, Reason, quarantined, validate


class FunnelStep(Record):
    """How many rows went into a step and how many came out."""

    step: str
    rows_in: int
    rows_out: int


@dataclass(frozen=True, slots=True)
class Curated:
    """The rows that are used, oldest first, those that are not, and the funnel between."""

    rows: tuple[TraceRow, ...]
    quarantine: tuple[Quarantined, ...]
    funnel: tuple[FunnelStep, ...]


def curate(
    raw: Iterable[RawTrace], *, program: str, fields: ProgramFields, outcome: OutcomeConfig, max_traces: int
) -> Curated:
    """Validate, drop duplicates, and keep at most `max_traces`."""
    judged = [validate(trace, program=program, fields=fields, outcome=outcome) for trace in raw]
    valid = sorted(
        (row for row in judged if isinstance(row, TraceRow)),
        key=lambda row: (row.started_at_ms, row.trace_id),
    )
    unique, doubles = _without_duplicates(valid)
    kept = _evenly_spaced(unique, max_traces)
    return Curated(
        rows=tuple(kept),
        quarantine=(*(q for q in judged if isinstance(q, Quarantined)), *doubles),
        funnel=(
            FunnelStep(step="valid", rows_in=len(judged), rows_out=len(valid)),
            FunnelStep(step="unique", rows_in=len(valid), rows_out=len(unique)),
            FunnelStep(step="max_traces", rows_in=len(unique), rows_out=len(kept)),
        ),
    )


def input_digest(row: TraceRow) -> str:
    """SHA-256 over the normalised inputs: calls that ask the same have the same."""
    return digest_of({name: normalised_text(value) for name, value in row.inputs.items()})


def _without_duplicates(rows: Sequence[TraceRow]) -> tuple[list[TraceRow], list[Quarantined]]:
    """The earliest of all rows with the same normalised inputs and outputs; the later ones apart."""
    seen: set[tuple[str, str]] = set()
    unique, doubles = [], []
    for row in rows:
        outputs = digest_of({name: normalised_text(value) for name, value in row.outputs.items()})
        content = (input_digest(row), outputs)
        if content in seen:
            doubles.append(quarantined(row, Reason.DUPLICATE))
        else:
            seen.add(content)
            unique.append(row)
    return unique, doubles


def _evenly_spaced(rows: Sequence[TraceRow], most: int) -> list[TraceRow]:
    """At most `most` rows, evenly spaced in time order: the whole window stays represented."""
    if len(rows) <= most:
        return list(rows)
    return [rows[i * len(rows) // most] for i in range(most)]
