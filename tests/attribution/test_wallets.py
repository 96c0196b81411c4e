"""Which address stands for an id, over several windows of real traces."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from teleprompt.attribution.first_uses import first_uses_before
from teleprompt.attribution.wallets import earliest, standing_wallets
from teleprompt.config.settings import Settings
from teleprompt.pipeline.pipeline import Pipeline
from teleprompt.queries.history import list_runs
from teleprompt.traces.first_use import FirstUse
from teleprompt.traces.profile import Profile
from teleprompt.traces.profile_page import profile_page
from teleprompt.traces.snapshot import SnapshotRecord, read_snapshot
from teleprompt.tracking.connection import mlflow_client
from teleprompt.tracking.pipeline_run import PipelineRun, RecordUnreadableError
from teleprompt.window import Window, format_utc
from tests.support import ALICE, BOB, WEEK, log_run, log_shelf_calls, write_program

A_WEEK = timedelta(days=7)
BEFORE = Window(start=WEEK.start - A_WEEK, end=WEEK.start)
AFTER = Window(start=WEEK.end, end=WEEK.end + A_WEEK)


def use(at: int, address: str | None) -> FirstUse:
    return FirstUse(contributor_id="alice", started_at_ms=at, address=address)


def test_the_address_of_the_earliest_call_stands() -> None:
    first = earliest([use(2, BOB), use(1, ALICE), use(1, BOB)])
    assert standing_wallets(first, named={}) == {"alice": (ALICE,)}
    assert standing_wallets(first, named={"alice": BOB}) == {"alice": (BOB, ALICE)}


def test_no_later_call_brings_an_address_for_an_id_that_was_used_without_one() -> None:
    first = earliest([use(2, BOB), use(1, None)])
    assert standing_wallets(first, named={}) == {}
    assert standing_wallets(first, named={"alice": ALICE}) == {"alice": (ALICE,)}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_program(tmp_path / "programs", yaml="name: Shelves\noptimization: {min_traces: 1}\n")


def collect(file: Path, settings: Settings, window: Window) -> SnapshotRecord:
    return Pipeline.of_file(file, settings=settings, window=window).collect()


def standing(settings: Settings, before: Window) -> dict[str, tuple[str, ...]]:
    with mlflow_client(settings.tracking_uri) as client:
        return standing_wallets(earliest(first_uses_before(client, "Shelves", before).uses), named={})


def log_call(settings: Settings, *, at: datetime, contributor: str, address: str | None, **call: Any) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        shop = client.get_experiment_by_name("shop").experiment_id
        log_run(
            client,
            shop,
            program="Shelves",
            at=at,
            **{"inputs": {"thing": f"{contributor} at {at}"}, "outputs": {"shelf": "left"}, **call},
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


@pytest.mark.parametrize(
    "call",
    [{"metrics": {}}, {"inputs": {"thing": "wooden thing number 0"}}, {"outputs": {}}],
    ids=["no outcome", "a duplicate", "no answer"],
)
def test_a_call_that_is_not_in_the_snapshot_is_a_use_of_the_id(
    file: Path, settings: Settings, call: dict[str, Any]
) -> None:
    log_shelf_calls(settings, count=60, window=BEFORE)
    log_call(settings, at=BEFORE.start + timedelta(hours=3), contributor="carol", address=ALICE, **call)
    log_call(settings, at=BEFORE.start + timedelta(hours=4), contributor="carol", address=BOB)
    collect(file, settings, BEFORE)
    assert standing(settings, WEEK)["carol"] == (ALICE,)


def test_a_window_that_was_not_collected_to_its_end_is_asked_again(
    file: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_shelf_calls(settings, count=60, window=BEFORE)
    with monkeypatch.context() as patch:
        patch.setattr("teleprompt.pipeline._collected.profile_page", _fail)
        with pytest.raises(RuntimeError):
            collect(file, settings, BEFORE)
    log_call(settings, at=WEEK.start, contributor="carol", address=BOB)
    collect(file, settings, WEEK)
    log_call(settings, at=BEFORE.start, contributor="carol", address=ALICE)
    collect(file, settings, BEFORE)
    assert standing(settings, AFTER)["carol"] == (ALICE,)


def _fail(*_: object) -> str:
    raise RuntimeError("the machine is lost")


def test_an_unreadable_record_stops_who_credits_but_not_who_collects(file: Path, settings: Settings) -> None:
    log_shelf_calls(settings, count=60, window=BEFORE)
    log_call(settings, at=WEEK.start, contributor="carol", address=BOB)
    collect(file, settings, BEFORE)
    with mlflow_client(settings.tracking_uri) as client:
        (run,) = list_runs(client)
        PipelineRun(client, run.run_id).write_text("records/first_uses.json", '{"schema_version": 99}')
        collect(file, settings, WEEK)
        with pytest.raises(RecordUnreadableError):
            first_uses_before(client, "Shelves", WEEK)


def test_of_two_tasks_that_collect_at_once_one_snapshot_stands(
    file: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_shelf_calls(settings, count=60, window=BEFORE)
    kept: list[SnapshotRecord] = []
    page = profile_page

    def another_task_is_faster(profile: Profile) -> str:
        monkeypatch.setattr("teleprompt.pipeline._collected.profile_page", page)
        log_call(settings, at=BEFORE.start, contributor="late", address=BOB)
        kept.append(collect(file, settings, BEFORE))
        return page(profile)

    monkeypatch.setattr("teleprompt.pipeline._collected.profile_page", another_task_is_faster)
    assert collect(file, settings, BEFORE) == kept[0]
    assert collect(file, settings, BEFORE) == kept[0]
