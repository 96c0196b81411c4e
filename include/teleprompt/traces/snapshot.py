"""The immutable, digest-named set of curated traces of a window.

Each part of the split is a file of its own: who may learn from `train` is handed `train`, and nothing that
leads to `gate`.
"""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import ValidationError, field_validator

from teleprompt.encoding.canonical_json import digest_of
from teleprompt.errors import TelepromptError
from teleprompt.program.fields import ProgramFields
from teleprompt.records import Digest, Record
from teleprompt.storage.blobs import Blob, get_blob
from teleprompt.traces.funnel import FunnelStep
from teleprompt.traces.leakage import Leakage
from teleprompt.traces.outcomes import OutcomeFit
from teleprompt.traces.row import TraceRow, from_arrow
from teleprompt.traces.split import Part
from teleprompt.window import Window

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
    content: Digest
    """Of the rows, however they are stored (`ContentDigest`)."""
    good: int | None = None
    """Rows whose score reaches the `min_quality_score` of then; None from a version of the package before 0.3."""


class SealedPart(SnapshotPart):
    """The gate part: nobody reads it but the gate, whose looks are recorded (`deltaone/ledger.py`)."""


class SourceReading(Record):
    """How far one source was read: its watermark."""

    kind: str
    route: str
    rows: int
    read_until: str
    """End of the span that was asked for, ISO 8601."""
    newest: str | None
    """Start of the newest call that was found."""


class Reading(Record):
    """The circumstances under which a snapshot was made; they do not change what it is."""

    sources: tuple[SourceReading, ...]
    config_fingerprint: Digest | None
    """Of program file, code and language model, as in the run's key."""


class Snapshot(Record):
    """The manifest: what was collected, what was dropped and why, and where the rows lie."""

    schema_version: int
    program: str
    window: Window
    """Of calls that matured in it: they started `maturity_days` earlier."""
    maturity_days: float
    experiments: tuple[str, ...]
    """Names of the experiments that the program file names; none means all."""
    fields: ProgramFields
    funnel: tuple[FunnelStep, ...]
    outcome_fits: tuple[OutcomeFit, ...]
    imputed: int
    """Used rows whose score was imputed, because they have no outcome."""
    quarantined: dict[str, int]
    quarantine: Blob
    parts: dict[Part, SnapshotPart]
    split_digest: Digest
    leakage: Leakage
    contributors: tuple[ContributorShare, ...]
    reading: Reading

    @field_validator("parts")
    @classmethod
    def _gate_is_sealed(cls, parts: dict[Part, SnapshotPart]) -> dict[Part, SnapshotPart]:
        return {
            name: SealedPart.model_validate(part.model_dump()) if name is Part.GATE else part
            for name, part in parts.items()
        }

    @property
    def gate(self) -> SealedPart:
        """The sealed part."""
        part = self.parts[Part.GATE]
        assert isinstance(part, SealedPart)  # noqa: S101 - the validator made it
        return part

    @property
    def trace_count(self) -> int:
        """Rows in all parts."""
        return sum(part.rows for part in self.parts.values())

    @property
    def digest(self) -> str:
        """The snapshot's name: SHA-256 of the canonical JSON of what was found.

        Where and how the files are stored, and how the source was read, is left out: the same data has the same digest
        on any machine.
        """
        manifest = self.model_dump(mode="json", exclude={"reading", "quarantine"})
        for part in manifest["parts"].values():
            del part["blob"], part["good"]  # which follows from the rows
        for name in ("groups", "contributors", "compared"):  # version 0.1 did not know them, nor do its digests
            if manifest["leakage"][name] is None:
                del manifest["leakage"][name]
        return digest_of(manifest)


class SnapshotRecord(Record):
    """A snapshot's digest, the file of its manifest, and the numbers that people look at first."""

    digest: Digest
    manifest: Blob
    trace_count: int
    quarantined: int


def read_snapshot(record: SnapshotRecord) -> Snapshot:
    """The manifest that `record` names.

    Raises:
        TelepromptError: it is missing, damaged, or of another version of the package.
    """
    return read_manifest(record.manifest)


def read_manifest(manifest: Blob) -> Snapshot:
    """The manifest that lies there.

    Raises:
        TelepromptError: it is missing, damaged, or of another version of the package.
    """
    try:
        return Snapshot.model_validate_json(get_blob(manifest))
    except ValidationError as error:
        raise TelepromptError(
            f"The manifest {manifest.uri} was written by another version of the package; collect it anew."
        ) from error


def read_table(part: SnapshotPart) -> "pa.Table":
    """The rows of one part as Arrow.

    Raises:
        TelepromptError: the file is missing or damaged, or the part is sealed.
    """
    if isinstance(part, SealedPart):
        raise TelepromptError("The gate part is sealed; only a recorded look of the gate opens it.")
    return _parquet(part)


def read_outcomes(part: SnapshotPart) -> "pa.Table":
    """`score` and `started_at` of the rows; of the sealed part too, for they tell no example."""
    return _parquet(part, ["score", "started_at"])


def read_claims(snapshot: Snapshot) -> "list[pa.Table]":
    """`contributor_id`, `contributor_address`, `started_at` and `trace_id` of all rows; they tell no example."""
    wanted = ["contributor_id", "contributor_address", "started_at", "trace_id"]
    return [_parquet(part, wanted) for part in snapshot.parts.values()]


def read_for_credit(snapshot: Snapshot, *, later: Sequence[Snapshot] = ()) -> dict[Part, list[TraceRow]]:
    """The rows of all parts, the sealed one too: after the verdict, to credit those who brought them.

    Of the `later` snapshots of a trial it is the sealed rows, each once.
    """
    parts = {name: from_arrow(table) for name, table in read_sealed_and_open(snapshot).items()}
    sealed = {row.trace_id: row for row in parts[Part.GATE]}
    for one in later:
        for row in from_arrow(_parquet(one.gate)):
            sealed.setdefault(row.trace_id, row)
    return {**parts, Part.GATE: list(sealed.values())}


def read_sealed_and_open(snapshot: Snapshot) -> "dict[Part, pa.Table]":
    """The tables of all parts, the sealed one too: after the verdict, for who audits it."""
    return {name: _parquet(part) for name, part in snapshot.parts.items()}


def read_held_out_inputs(snapshot: Snapshot) -> list[dict[str, str | None]]:
    """What the calls of select and gate were asked, and nothing of their answers, outcomes or people.

    So that whoever carries something over from an earlier window can tell that it comes from none of them.
    """
    parts = [snapshot.parts[name] for name in (Part.SELECT, Part.GATE)]
    return [inputs for part in parts for inputs in _parquet(part, ["inputs"])["inputs"].to_pylist()]


def _parquet(part: SnapshotPart, columns: list[str] | None = None) -> "pa.Table":
    import pyarrow.parquet as pq

    # Not `read_table`, which imports pandas: that would be a fifth of a second of each process of program code.
    return pq.ParquetFile(io.BytesIO(get_blob(part.blob))).read(columns=columns)


def read_rows(part: SnapshotPart) -> list[TraceRow]:
    """The rows of one part.

    Raises:
        TelepromptError: the file is missing or damaged.
    """
    return from_arrow(read_table(part))
