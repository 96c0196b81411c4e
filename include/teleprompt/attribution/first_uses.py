"""Who used each contributor's id first, over all windows of a program.

Rows are deleted after a while, and runs are: so what each window knew is kept with its pipeline run, together with what
the windows before it knew. The newest such record holds nearly all; the others add what was collected out of order.
"""

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from teleprompt.attribution.wallets import FirstUse, earliest
from teleprompt.records import Record
from teleprompt.storage.blobs import BlobMissingError
from teleprompt.traces.snapshot import Snapshot, SnapshotRecord, read_claims, read_snapshot
from teleprompt.tracking.connection import quoted
from teleprompt.tracking.pipeline_run import KEY_TAG, PipelineRun
from teleprompt.tracking.search import search_own_runs
from teleprompt.window import Window, format_utc

if TYPE_CHECKING:
    from mlflow import MlflowClient


log = logging.getLogger(__name__)

RECORD = "first_uses"
"""Its name among the records of a pipeline run."""


class FirstUses(Record):
    """The earliest known call of each id in a window and in those that began before it."""

    by_id: dict[str, FirstUse]
    run_ids: tuple[str, ...]
    """The pipeline runs whose knowledge is in it; such a run may be gone."""


def keep_first_uses(run: PipelineRun, program: str, record: SnapshotRecord) -> None:
    """Keep with `run`, which made the snapshot, what is known after it."""
    snapshot = read_snapshot(record)
    run.write(RECORD, _with_those_before(run.client, program, snapshot, own_run=run.run_id))


def first_uses(client: "MlflowClient", program: str, record: SnapshotRecord) -> dict[str, FirstUse]:
    """The earliest known call of each id of the snapshot, in its window and in those that began before it.

    Raises:
        TelepromptError: the snapshot is damaged.
    """
    snapshot = read_snapshot(record)
    known = _with_those_before(client, program, snapshot).by_id
    return {share.contributor_id: known[share.contributor_id] for share in snapshot.contributors}


def first_uses_before(client: "MlflowClient", program: str, window: Window) -> FirstUses:
    """What is known of windows that began before this one.

    Raises:
        TelepromptError: a snapshot is damaged.
    """
    uses: list[tuple[str, FirstUse]] = []
    read: dict[str, None] = {}
    for run in _runs_before(client, program, window):
        if run.run_id not in read:
            found = _known_by(run)
            uses += found.by_id.items()
            read |= dict.fromkeys(found.run_ids)
    return FirstUses(by_id=earliest(uses), run_ids=tuple(read))


def _with_those_before(
    client: "MlflowClient", program: str, snapshot: Snapshot, *, own_run: str | None = None
) -> FirstUses:
    before = first_uses_before(client, program, snapshot.window)
    return FirstUses(
        by_id=earliest([*before.by_id.items(), *first_uses_in(snapshot).items()]),
        run_ids=before.run_ids if own_run is None else (own_run, *before.run_ids),
    )


def _runs_before(client: "MlflowClient", program: str, window: Window) -> Iterator[PipelineRun]:
    """The program's runs of windows that began before this one, newest window first."""
    condition = f"tags.`{KEY_TAG}` != '' AND tags.`teleprompt.program` = {quoted(program)}"
    started = [
        (run.data.tags["teleprompt.window_start"], run.info.run_id) for run in search_own_runs(client, condition)
    ]
    for start, run_id in sorted(started, reverse=True):
        if start < format_utc(window.start):
            yield PipelineRun(client, run_id)


def _known_by(run: PipelineRun) -> FirstUses:
    found = run.read(RECORD, FirstUses)
    if found is not None:
        return found
    record = run.read("snapshot", SnapshotRecord)
    if record is None:
        return FirstUses(by_id={}, run_ids=())
    try:  # of a version of the package that kept nothing else
        return FirstUses(by_id=first_uses_in(read_snapshot(record)), run_ids=(run.run_id,))
    except BlobMissingError as error:
        log.warning("Who used ids first in an earlier window is not known, for its rows are gone: %s", error)
        return FirstUses(by_id={}, run_ids=())


def first_uses_in(snapshot: Snapshot) -> dict[str, FirstUse]:
    """The earliest call of each id in the snapshot."""
    import pyarrow as pa

    calls = pa.concat_tables(read_claims(snapshot)).sort_by([("started_at", "ascending"), ("trace_id", "ascending")])
    found: dict[str, FirstUse] = {}
    moments = calls["started_at"].cast(pa.timestamp("ms", tz="UTC")).cast(pa.int64())
    for own, address, at in zip(
        calls["contributor_id"].to_pylist(), calls["contributor_address"].to_pylist(), moments.to_pylist(), strict=True
    ):
        if own not in found:
            found[own] = FirstUse(started_at_ms=at, address=address)
    return found
