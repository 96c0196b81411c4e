"""Who used each contributor's id first, over all windows of a program.

Rows are deleted after a while, and runs are: so what each window knew is kept with its pipeline run, together with what
the windows before it knew. The newest such record holds nearly all; the others add what was collected out of order.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from teleprompt.attribution.wallets import earliest
from teleprompt.errors import TelepromptError
from teleprompt.records import Record
from teleprompt.storage.blobs import BlobMissingError
from teleprompt.traces.first_use import FirstUse, add_first_uses
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

    uses: tuple[FirstUse, ...]
    run_ids: tuple[str, ...]
    """The pipeline runs whose knowledge is in it; such a run may be gone."""


NOTHING = FirstUses(uses=(), run_ids=())


def keep_first_uses(run: PipelineRun, program: str, window: Window, uses: dict[str, FirstUse]) -> None:
    """Keep with `run` what is known after its window, of whose calls `uses` are the first.

    A run before it that cannot be read is left out; whoever credits reads it again.
    """
    before = _before(run.client, program, window, _known_if_readable)
    known = earliest([*before.uses, *uses.values()])
    run.write(RECORD, FirstUses(uses=tuple(known.values()), run_ids=(run.run_id, *before.run_ids)))


def first_uses(
    run: PipelineRun, program: str, record: SnapshotRecord, *, later: Sequence[Snapshot] = ()
) -> dict[str, FirstUse]:
    """The earliest known call of each id of the snapshot that `run` made, in its window and in those before.

    With the `later` snapshots of a trial that `run` decided, of the ids in all of them.

    Raises:
        TelepromptError: a record or a snapshot of a run is damaged.
    """
    snapshots = [read_snapshot(record), *later]
    own = run.read(RECORD, FirstUses)
    before = first_uses_before(run.client, program, max((each.window for each in snapshots), key=lambda w: w.start))
    uses = [*before.uses, *(own.uses if own else ())]
    if own is None or later:
        uses += [use for snapshot in snapshots for use in _in_snapshot(snapshot)]
    known = earliest(uses)
    ids = {share.contributor_id for snapshot in snapshots for share in snapshot.contributors}
    return {own_id: known[own_id] for own_id in sorted(ids)}


def first_uses_before(client: "MlflowClient", program: str, window: Window) -> FirstUses:
    """What is known of windows that began before this one.

    Raises:
        TelepromptError: a record or a snapshot of a run is damaged.
    """
    return _before(client, program, window, _known_by)


def _before(
    client: "MlflowClient", program: str, window: Window, known_by: Callable[[PipelineRun], FirstUses]
) -> FirstUses:
    uses: list[FirstUse] = []
    read: dict[str, None] = {}
    for run in _runs_before(client, program, window):
        if run.run_id not in read:
            found = known_by(run)
            uses += found.uses
            read |= dict.fromkeys(found.run_ids)
    return FirstUses(uses=tuple(earliest(uses).values()), run_ids=tuple(read))


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
    record = run.read("snapshot", SnapshotRecord)
    if record is None:  # it is not collected to its end, and may know more then
        return NOTHING
    found = run.read(RECORD, FirstUses)
    if found is not None:
        return found
    try:  # of a version of the package that kept nothing else
        return FirstUses(uses=_in_snapshot(read_snapshot(record)), run_ids=(run.run_id,))
    except BlobMissingError as error:
        log.warning("Who used ids first in an earlier window is not known, for its rows are gone: %s", error)
        return NOTHING


def _known_if_readable(run: PipelineRun) -> FirstUses:
    try:
        return _known_by(run)
    except TelepromptError as error:
        log.warning("What an earlier window knows of ids is left out for now: %s", error)
        return NOTHING


def _in_snapshot(snapshot: Snapshot) -> tuple[FirstUse, ...]:
    import pyarrow as pa

    calls = pa.concat_tables(read_claims(snapshot)).sort_by([("started_at", "ascending"), ("trace_id", "ascending")])
    moments = calls["started_at"].cast(pa.timestamp("ms", tz="UTC")).cast(pa.int64())
    known: dict[str, FirstUse] = {}
    add_first_uses(known, calls.append_column("started_at_ms", moments))
    return tuple(known.values())
