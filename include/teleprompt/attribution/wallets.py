"""Which address stands for a contributor's id, and whose each call is.

The earlier address stands. Whoever logs a call under another's id with an address of his own does not become the payee,
nor does he take the payee's pay away: the call is disputed, and only its own part is held back. An id's address is the
one that `attribution.wallets` of the program file names, else that of the earliest call that named one, in the earliest
window that had such a call.
"""

import logging
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from teleprompt.storage.blobs import BlobMissingError
from teleprompt.traces.row import TraceRow
from teleprompt.traces.snapshot import Snapshot, SnapshotRecord, read_claims, read_snapshot
from teleprompt.tracking.connection import quoted
from teleprompt.tracking.pipeline_run import KEY_TAG, PipelineRun
from teleprompt.tracking.search import search_own_runs
from teleprompt.window import Window, format_utc

if TYPE_CHECKING:
    from mlflow import MlflowClient


log = logging.getLogger(__name__)

Wallets = Mapping[str, tuple[str, ...]]
"""By id: the address that is paid, then others whose calls count as the id's own."""


class Claim(NamedTuple):
    """Under whose id a call was logged, and whether that is disputed."""

    contributor_id: str
    is_disputed: bool


def claim_of(row: TraceRow, wallets: Wallets) -> Claim:
    """Whose call it is; one with an address that does not stand for its id is disputed."""
    address = row.contributor_address
    return Claim(row.contributor_id, address is not None and address not in wallets.get(row.contributor_id, ()))


def standing_wallets(
    rows: Iterable[TraceRow], *, earlier: Mapping[str, str], named: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """The addresses that stand for the ids of `rows`, which are all that were collected.

    `earlier` are those that stood in windows before, `named` those of the program file.
    """
    first = dict(earlier)
    for row in sorted(rows, key=lambda row: (row.started_at_ms, row.trace_id)):
        if row.contributor_address is not None:
            first.setdefault(row.contributor_id, row.contributor_address)
    ids = {row.contributor_id for row in rows}
    stand = {own: dict.fromkeys(filter(None, (named.get(own), first.get(own)))) for own in sorted(ids)}
    return {own: tuple(addresses) for own, addresses in stand.items() if addresses}


def earlier_wallets(client: "MlflowClient", program: str, *, before: Window, ids: Collection[str]) -> dict[str, str]:
    """The addresses that stood for `ids` in windows that began before this one, by the snapshots that are kept.

    Raises:
        TelepromptError: a snapshot is damaged.
    """
    condition = f"tags.`{KEY_TAG}` != '' AND tags.`teleprompt.program` = {quoted(program)}"
    started = {run.info.run_id: run.data.tags["teleprompt.window_start"] for run in search_own_runs(client, condition)}
    found: dict[str, str] = {}
    for run_id, start in sorted(started.items(), key=lambda item: (item[1], item[0])):
        if start >= format_utc(before.start) or found.keys() >= set(ids):
            break
        record = PipelineRun(client, run_id).read("snapshot", SnapshotRecord)
        if record is not None:
            found = _first_addresses(record) | found
    return {own: address for own, address in found.items() if own in ids}


def _first_addresses(record: SnapshotRecord) -> dict[str, str]:
    try:
        snapshot: Snapshot = read_snapshot(record)
        rows = [row for table in read_claims(snapshot) for row in table.to_pylist()]
    except BlobMissingError as error:
        log.info("A snapshot is kept no more, so its contributors' addresses are not known: %s", error)
        return {}
    found: dict[str, str] = {}
    for row in sorted(rows, key=lambda row: (row["started_at"], row["trace_id"])):
        if row["contributor_address"] is not None:
            found.setdefault(row["contributor_id"], row["contributor_address"])
    return found
