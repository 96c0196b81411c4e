"""Usable rows on their way into a snapshot: texts in a file, facts about them in memory."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from teleprompt.config.curation import RedactStep
from teleprompt.config.program import ProgramConfig
from teleprompt.program.fields import DeclaredFields, ProgramFields
from teleprompt.traces._facts import check_keys, concat_facts, facts_of
from teleprompt.traces._interpreted import interpreted
from teleprompt.traces._logged_fields import LoggedFields, completed
from teleprompt.traces._validate import quarantine_schema, validate
from teleprompt.traces.curation.redact import redacted
from teleprompt.traces.first_use import FirstUse, add_first_uses
from teleprompt.traces.found_instead import LoggedOutcomes
from teleprompt.traces.row import unscored_schema
from teleprompt.traces.sources.raw import raw_schema

if TYPE_CHECKING:
    import pyarrow as pa


class TableFile:
    """Arrow tables, written one after the other and read back a batch at a time."""

    def __init__(self, path: Path, schema: "pa.Schema") -> None:
        import pyarrow as pa

        self._path = path
        self.rows = 0
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        self._writer = pa.ipc.new_file(str(path), schema, options=options)

    def append(self, table: "pa.Table") -> None:
        """Add rows."""
        self._writer.write_table(table)
        self.rows += len(table)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def read(self) -> Iterator["pa.Table"]:
        """The tables, in order; only after the file was closed."""
        import pyarrow as pa

        with pa.OSFile(str(self._path)) as file:
            reader = pa.ipc.open_file(file)
            for i in range(reader.num_record_batches):
                yield pa.Table.from_batches([reader.get_batch(i)])


@dataclass(frozen=True)
class Staged:
    """The window's rows after validation."""

    rows: TableFile
    quarantine: TableFile
    facts: "pa.Table"
    read: int
    """Raw traces that were read."""
    reasons: Counter[str]
    """Of the raw traces that cannot be used, how many for which reason."""
    logged: LoggedFields
    outcomes: LoggedOutcomes
    fields: ProgramFields
    first_uses: dict[str, FirstUse]
    """Of all calls, by contributor's id."""


def stage(
    raw: Iterable["pa.Table"], *, config: ProgramConfig, declared: DeclaredFields, folder: Path, now_ms: int
) -> Staged:
    """Validate a stream of raw traces into files below `folder`.

    Raises:
        UnmeasuredFieldsError: nobody says what the program gives.
        ConfigurationError: the program file goes by a field that the program does not have.
    """
    fields, raw = completed((interpreted(batch, config, declared) for batch in raw), declared, program=config.name)
    check_keys(config, fields)
    redact = next((step for step in config.curation if isinstance(step, RedactStep)), None)
    facts: list[Any] = []
    reasons: Counter[str] = Counter()
    read, logged, outcomes = 0, LoggedFields(), LoggedOutcomes()
    first_uses: dict[str, FirstUse] = {}
    with (
        TableFile(folder / "rows.arrow", unscored_schema(fields)) as rows,
        TableFile(folder / "quarantine.arrow", quarantine_schema()) as quarantine,
    ):
        for batch in chain([raw_schema().empty_table()], raw):  # so that there are facts even of nothing
            read += len(batch)
            logged.add(batch)
            outcomes.add(batch)
            table = redacted(batch, redact) if redact else batch
            judged = validate(
                table,
                program=config.name,
                fields=fields,
                outcome=config.outcome,
                now_ms=now_ms,
                labels=config.traces.labels,
            )
            rows.append(judged.rows)
            add_first_uses(first_uses, judged.callers)
            quarantine.append(judged.quarantine)
            reasons.update(judged.quarantine["reason"].to_pylist())
            facts.append(facts_of(judged.rows, judged.values, judged.latency_ms, config))
    return Staged(
        rows=rows,
        quarantine=quarantine,
        facts=concat_facts(facts),
        read=read,
        reasons=reasons,
        logged=logged,
        outcomes=outcomes,
        fields=fields,
        first_uses=first_uses,
    )
