"""Writing a snapshot: rows stream from the staging files into one Parquet file per part; the manifest comes last."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from teleprompt.config.program import ProgramConfig
from teleprompt.encoding.canonical_json import canonical_json, digest_of
from teleprompt.program.fields import ProgramFields
from teleprompt.records import MILLION, to_millionths
from teleprompt.storage.blobs import put_blob, put_file
from teleprompt.traces._content_digest import ContentDigest
from teleprompt.traces._shares import ContributorCounts
from teleprompt.traces._staging import Staged
from teleprompt.traces._validate import quarantine_schema, quarantined
from teleprompt.traces.curation.decide import Decisions
from teleprompt.traces.funnel import FunnelStep
from teleprompt.traces.leakage import ComparedInputs, measure_leakage
from teleprompt.traces.row import SCHEMA_VERSION, arrow_schema, with_score
from teleprompt.traces.snapshot import Reading, Snapshot, SnapshotPart, SnapshotRecord
from teleprompt.traces.split import Part
from teleprompt.window import Window

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP = 10_000
ROW_GROUP_BYTES = 16 * 2**20


def write_snapshot(
    staged: Staged,
    decisions: Decisions,
    *,
    config: ProgramConfig,
    window: Window,
    fields: ProgramFields,
    reading: Reading,
    folder: Path,
    storage_uri: str,
) -> tuple[Snapshot, SnapshotRecord]:
    """Write rows, quarantine and manifest; `folder` is for files on the way. The manifest comes when all else is there.

    Raises:
        TelepromptError: the storage is full.
    """
    good = dict.fromkeys(Part, 0)
    contributors, compared = ContributorCounts(), ComparedInputs(staged.facts, decisions.parts)
    with ExitStack() as stack:
        schema = arrow_schema(fields)
        files = {
            part: stack.enter_context(_ParquetFile(folder / f"{part.value}.parquet", schema, "started_at"))
            for part in Part
        }
        aside = stack.enter_context(_ParquetFile(folder / "quarantine.parquet", quarantine_schema(), None))
        for table in staged.quarantine.read():
            aside.append(table)
        for rows, parts, reasons in _decided(staged, decisions, fields):
            compared.add(rows)
            for part in Part:
                mine = rows.filter(parts == part.value)
                files[part].append(mine)
                good[part] += _good(
                    mine, config.least_gate_score if part is Part.GATE else config.optimization.min_quality_score
                )
                contributors.add(mine)
            aside.append(quarantined(rows.filter(reasons != None), reasons[reasons != None]))  # noqa: E711
    reasons = staged.reasons + Counter(reason for reason in decisions.reasons if reason is not None)
    snapshot = Snapshot(
        schema_version=SCHEMA_VERSION,
        program=config.name,
        window=window,
        maturity_days=config.outcome.maturity.total_seconds() / 86_400,
        experiments=config.traces.experiments,
        fields=fields,
        funnel=(valid_step(staged), *decisions.funnel),
        outcome_fits=decisions.fits,
        imputed=decisions.imputed,
        quarantined=dict(sorted(reasons.items())),
        quarantine=put_file(storage_uri, "traces", aside.path, suffix=".parquet"),
        parts={
            part: SnapshotPart(
                blob=put_file(storage_uri, "traces", file.path, suffix=".parquet"),
                rows=file.rows,
                content=file.content.hexdigest(),
                good=good[part],
            )
            for part, file in files.items()
        },
        split_digest=digest_of({part.value: file.ids.hexdigest() for part, file in files.items()}),
        leakage=measure_leakage(staged.facts, decisions.parts, config.split, compared=compared),
        contributors=contributors.shares(),
        reading=reading,
    )
    manifest = put_blob(storage_uri, "snapshots", canonical_json(snapshot.model_dump(mode="json")), suffix=".json")
    record = SnapshotRecord(
        digest=snapshot.digest,
        manifest=manifest,
        trace_count=snapshot.trace_count,
        quarantined=reasons.total(),
    )
    return snapshot, record


def valid_step(staged: Staged) -> FunnelStep:
    """The funnel's first step."""
    reasons = dict(sorted(staged.reasons.items()))
    return FunnelStep(step="valid", rows_in=staged.read, rows_out=staged.rows.rows, reasons=reasons)


def _good(rows: "pa.Table", min_quality_score: float) -> int:
    """How many rows are good enough to learn from and to agree with, as `good_rows` has it."""
    import pyarrow.compute as pc

    score_e6 = pc.round(pc.multiply(rows["score"], float(MILLION)))
    return int(pc.sum(pc.greater_equal(score_e6, to_millionths(min_quality_score))).as_py() or 0)


def _decided(staged: Staged, decisions: Decisions, fields: ProgramFields) -> Iterator[tuple["pa.Table", Any, Any]]:
    """Scored rows with their parts and reasons, a batch at a time."""
    import pyarrow as pa

    first = 0
    for batch in staged.rows.read():
        here = slice(first, first + len(batch))
        scored = with_score(batch, pa.array(decisions.score_e6[here]), fields)
        yield scored, decisions.parts[here], decisions.reasons[here]
        first += len(batch)


class _ParquetFile:
    """A Parquet file, written in row groups of a size of their own."""

    def __init__(self, path: Path, schema: "pa.Schema", sorted_by: str | None) -> None:
        import pyarrow.parquet as pq

        self.path = path
        self.rows = 0
        self.content = ContentDigest()
        self.ids = ContentDigest()
        order = [(sorted_by, "ascending"), ("trace_id", "ascending")] if sorted_by else None
        self._writer = pq.ParquetWriter(
            path,
            schema,
            compression="zstd",
            write_statistics=True,
            sorting_columns=order and pq.SortingColumn.from_ordering(schema, order),
        )
        self._schema = schema
        self._pending: list[pa.Table] = []
        self._pending_rows = 0

    def append(self, table: "pa.Table") -> None:
        """Add rows."""
        if not len(table):
            return
        self.content.update(table)
        self.ids.update(table.select(["trace_id"]))
        self.rows += len(table)
        self._pending.append(table)
        self._pending_rows += len(table)
        if self._pending_rows >= ROW_GROUP or sum(part.nbytes for part in self._pending) >= ROW_GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._pending:
            self._writer.write_table(pa.concat_tables(self._pending).combine_chunks(), row_group_size=ROW_GROUP)
        self._pending, self._pending_rows = [], 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._writer.close()
