"""The immutable, digest-named set of curated traces of a window.

Each part of the split is a file of its own: who may learn from `train` is handed `train`, and nothing that
leads to `gate`.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from include.teleprompt.canonical import canonical_json, digest_of
from include.teleprompt.program.fields import ProgramFields
from include.teleprompt.records import Digest, Record
from include.teleprompt.storage import Blob, get_blob, put_blob
from include.teleprompt.traces.curate import Curated, FunnelStep
from include.teleprompt.traces.row import SCHEMA_VERSION, TraceRow, from_arrow, to_arrow
from include.teleprompt.traces.split import Part
from include.teleprompt.window import Window

if TYPE_CHECKING:
    import pyarrow as pa


class ContributorShare(Record):
    """What one contributor brought to a snapshot."""

    contributor_id: str
    addresses: tuple[str, ...]
    """Every address given in the traces, sorted; more than one is a conflict, none cannot be paid."""
    trace_count: int
    score_sum_e6: int


class SnapshotPart(Record):
    """One part of the split."""

    blob: Blob
    rows: int


class Snapshot(Record):
    """The manifest: what was collected, what was dropped and why, and where the rows lie."""

    schema_version: int
    program: str
    window: Window
    fields: ProgramFields
    funnel: tuple[FunnelStep, ...]
    quarantined: dict[str, int]
    quarantine: Blob
    parts: dict[Part, SnapshotPart]
    split_digest: Digest
    contributors: tuple[ContributorShare, ...]

    @property
    def trace_count(self) -> int:
        """Rows in all parts."""
        return sum(part.rows for part in self.parts.values())

    @property
    def digest(self) -> str:
        """The snapshot's name: SHA-256 of the canonical JSON of the manifest."""
        return digest_of(self._manifest())

    def _manifest(self) -> dict[str, object]:
        """All but where the files lie: the same data has the same digest wherever it is stored."""
        manifest = self.model_dump(mode="json")
        for blob in (manifest["quarantine"], *(part["blob"] for part in manifest["parts"].values())):
            del blob["uri"]
        return manifest


class SnapshotRecord(Record):
    """A snapshot's digest, the file of its manifest, and the numbers that people look at first."""

    digest: Digest
    manifest: Blob
    trace_count: int
    quarantined: int


def write_snapshot(
    curated: Curated,
    parts: Mapping[Part, Sequence[TraceRow]],
    *,
    program: str,
    window: Window,
    fields: ProgramFields,
    storage_uri: str,
) -> tuple[Snapshot, SnapshotRecord]:
    """Write rows, quarantine and manifest; everything is in place before the manifest is."""
    stored = {part: _put_table(storage_uri, to_arrow(rows, fields)) for part, rows in parts.items()}
    reasons = sorted({q.reason for q in curated.quarantine})
    snapshot = Snapshot(
        schema_version=SCHEMA_VERSION,
        program=program,
        window=window,
        fields=fields,
        funnel=curated.funnel,
        quarantined={reason.value: sum(q.reason is reason for q in curated.quarantine) for reason in reasons},
        quarantine=_put_table(storage_uri, _quarantine_table(curated)),
        parts={part: SnapshotPart(blob=stored[part], rows=len(parts[part])) for part in Part},
        split_digest=digest_of({part.value: [row.trace_id for row in parts[part]] for part in Part}),
        contributors=_contributors(curated.rows),
    )
    manifest = put_blob(storage_uri, "snapshots", canonical_json(snapshot.model_dump(mode="json")), suffix=".json")
    record = SnapshotRecord(
        digest=snapshot.digest,
        manifest=manifest,
        trace_count=snapshot.trace_count,
        quarantined=len(curated.quarantine),
    )
    return snapshot, record


def read_snapshot(record: SnapshotRecord) -> Snapshot:
    """The manifest that `record` names."""
    return Snapshot.model_validate_json(get_blob(record.manifest))


def read_rows(part: SnapshotPart) -> list[TraceRow]:
    """The rows of one part.

    Raises:
        TelepromptError: the file is missing or damaged.
    """
    import pyarrow.parquet as pq

    return from_arrow(pq.read_table(io.BytesIO(get_blob(part.blob))))


def _put_table(storage_uri: str, table: "pa.Table") -> Blob:
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return put_blob(storage_uri, "traces", buffer.getvalue(), suffix=".parquet")


def _quarantine_table(curated: Curated) -> "pa.Table":
    import pyarrow as pa

    schema = pa.schema([("trace_id", pa.string()), ("reason", pa.string()), ("raw", pa.string())])
    rows = sorted((asdict(q) for q in curated.quarantine), key=lambda q: (q["trace_id"], q["reason"]))
    return pa.Table.from_pylist(rows, schema=schema)


def _contributors(rows: Sequence[TraceRow]) -> tuple[ContributorShare, ...]:
    by_id: dict[str, list[TraceRow]] = {}
    for row in rows:
        by_id.setdefault(row.contributor_id, []).append(row)
    return tuple(
        ContributorShare(
            contributor_id=contributor_id,
            addresses=tuple(sorted({r.contributor_address for r in own if r.contributor_address})),
            trace_count=len(own),
            score_sum_e6=sum(row.score_e6 for row in own),
        )
        for contributor_id, own in sorted(by_id.items())
    )
