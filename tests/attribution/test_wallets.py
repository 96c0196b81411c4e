"""Which address stands for an id, over several windows of real traces."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from teleprompt.attribution.first_uses import first_uses_before
from teleprompt.attribution.wallets import FirstUse, earliest, standing_wallets
from teleprompt.config.settings import Settings
from teleprompt.pipeline.pipeline import Pipeline
from teleprompt.traces.snapshot import SnapshotRecord, read_snapshot
from teleprompt.tracking.connection import mlflow_client
from teleprompt.window import Window, format_utc
from tests.support import ALICE, BOB, WEEK, log_run, log_shelf_calls, write_program

A_WEEK = timedelta(days=7)
BEFORE = Window(start=WEEK.start - A_WEEK, end=WEEK.start)
AFTER = Window(start=WEEK.end, end=WEEK.end + A_WEEK)


def use(at: int, address: str | None) -> FirstUse:
    return FirstUse(started_at_ms=at, address=address)


def test_the_address_of_the_earliest_call_stands() -> None:
    first = earliest([("alice", use(2, BOB)), ("alice", use(1, ALICE)), ("alice", use(1, BOB))])
    assert standing_wallets(first, named={}) == {"alice": (ALICE,)}
    assert standing_wallets(first, named={"alice": BOB}) == {"alice": (BOB, ALICE)}


def test_no_later_call_brings_an_address_for_an_id_that_was_used_without_one() -> None:
    first = earliest([("alice", use(2, BOB)), ("alice", use(1, None))])
    assert standing_wallets(first, named={}) == {}
    assert standing_wallets(first, named={"alice": ALICE}) == {"alice": (ALICE,)}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_program(tmp_path / "programs", yaml="name: Shelves\noptimization: {min_traces: 1}\n")


def collect(file: Path, settings: Settings, window: Window) -> SnapshotRecord:
    return Pipeline.of_file(file, settings=settings, window=window).collect()


def standing(settings: Settings, before: Window) -> dict[str, tuple[str, ...]]:
    with mlflow_client(settings.tracking_uri) as client:
        return standing_wallets(first_uses_before(client, "Shelves", before).by_id, named={})


def log_call(settings: Settings, *, at: datetime, contributor: str, address: str | None) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        shop = client.get_experiment_by_name("shop").experiment_id
        log_run(
            client,
            shop,
            program="Shelves",
            at=at,
            inputs={"thing": f"{contributor} at {at}"},
            outputs={"shelf": "left"},
            contributor=contributor,
            address=address,
        )


def delete_rows(record: SnapshotRecord) -> None:
    """As retention does."""
    for part in read_snapshot(record).parts.values():
        Path(part.blob.uri).unlink()


def test_whoever_is_quick_in_a_later_window_takes_nothing_over(file: Path, settings: Settings) -> None:
    """Not even after the rows of the earlier one were deleted, and its run."""
    log_shelf_calls(settings, count=60, window=BEFORE)
    log_call(settings, at=BEFORE.start, contributor="walk-in", address=None)
    for contributor in ("alice", "walk-in"):
        log_call(settings, at=WEEK.start, contributor=contributor, address=BOB)
    stood = {"alice": (ALICE,), "bob": (BOB,)}
    earlier = collect(file, settings, BEFORE)
    assert (standing(settings, BEFORE), standing(settings, WEEK)) == ({}, stood)
    collect(file, settings, WEEK)
    delete_rows(earlier)
    assert (standing(settings, WEEK), standing(settings, AFTER)) == (stood, stood)
    with mlflow_client(settings.tracking_uri) as client:
        experiment = client.get_experiment_by_name("teleprompt/Shelves").experiment_id
        for run in client.search_runs([experiment], f"tags.`teleprompt.window_start` = '{format_utc(BEFORE.start)}'"):
            client.delete_run(run.info.run_id)
    assert (standing(settings, WEEK), standing(settings, AFTER)) == ({}, stood)


def test_a_window_that_is_collected_late_counts_as_the_earlier_one(file: Path, settings: Settings) -> None:
    log_shelf_calls(settings, count=60, window=BEFORE)
    log_call(settings, at=WEEK.start, contributor="alice", address=BOB)
    collect(file, settings, WEEK)
    assert standing(settings, AFTER) == {"alice": (BOB,)}
    collect(file, settings, BEFORE)
    assert standing(settings, AFTER) == {"alice": (ALICE,), "bob": (BOB,)}
