"""Deleting from a real storage, with a real MLflow that says what is evidence."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from teleprompt.attest.stored import AttestationStore
from teleprompt.audit.attested_run import AttestedRun
from teleprompt.audit.verify_deep import verify_deep
from teleprompt.config.retention import RetentionConfig
from teleprompt.config.settings import Settings
from teleprompt.errors import TelepromptError
from teleprompt.maintenance.clean import clean, plan_cleaning
from teleprompt.maintenance.plan import Kind, Plan
from teleprompt.pipeline.whole_run import Outcome, run_all_stages
from teleprompt.queries.history import list_runs
from teleprompt.storage.blobs import get_blob, put_blob
from teleprompt.traces.submission.row import read_row
from teleprompt.traces.submission.spool import Spool
from teleprompt.tracking.connection import mlflow_client
from teleprompt.tracking.pipeline_run import PipelineRun
from tests.maintenance.conftest import NEXT_WEEK, shelves

LATER = datetime.now(UTC) + timedelta(days=5000)


def plan(settings: Settings, now: datetime | None = None) -> Plan:
    with mlflow_client(settings.tracking_uri) as client:
        return plan_cleaning(client, settings, now=now)


def attestations_that_hold(settings: Settings) -> int:
    with mlflow_client(settings.tracking_uri) as client:
        store = AttestationStore(client)
        stored = store.list()
        for one in stored:
            assert all(
                check.holds for check in verify_deep(AttestedRun(store.client, store.find(one.attestation_hash)))
            )
        return len(stored)


def test_what_is_young_stays(shop: Settings) -> None:
    made = plan(shop)
    assert not made.leaving
    assert made.missing == 0
    assert {Kind.ROWS, Kind.MANIFESTS, Kind.PROGRAMS, Kind.COMPARISONS, Kind.LOOKS} <= {k.kind for k in made.kinds}


def test_what_is_old_goes_and_every_attestation_still_holds_deep(shop: Settings, storage: Path) -> None:
    put_blob(shop.storage_uri, "programs", b"a candidate that lost", suffix=".json")
    (storage / "traces" / f".{'0' * 64}.parquet.01234567.part").write_bytes(b"half")
    made = plan(shop, LATER)
    going = {leaving.file.kind for leaving in made.leaving}
    assert going >= {Kind.ROWS, Kind.PROGRAMS, Kind.SCORES, Kind.READ_TRACES, Kind.LEFTOVERS}
    assert not going & {Kind.ATTESTATIONS, Kind.LOOKS, Kind.MANIFESTS, Kind.COMPARISONS}  # the latter are of trials
    done = clean(made, shop)
    assert (done.deleted, done.needed_again, done.gone) == (len(made.leaving), 0, 0)
    assert done.deleted_bytes == made.leaving_bytes > 0
    assert attestations_that_hold(shop) == 1
    assert not plan(shop, LATER).leaving
    assert clean(made, shop).gone == len(made.leaving)  # an old plan does no harm


@pytest.mark.usefixtures("storage")
def test_finished_runs_are_read_back_as_before(shop: Settings, promoted: Outcome) -> None:
    little_learnt = {"max_labeled_demos": 1, "max_bootstrapped_demos": 0}
    before = run_all_stages(shelves(shop, NEXT_WEEK, options=little_learnt))
    clean(plan(shop, LATER), shop)
    assert run_all_stages(shelves(shop)) == promoted
    assert run_all_stages(shelves(shop, NEXT_WEEK, options=little_learnt)) == before


@pytest.mark.usefixtures("storage")
def test_a_running_run_loses_nothing(shop: Settings) -> None:
    with mlflow_client(shop.tracking_uri) as client:
        (other,) = (run for run in list_runs(client) if run.attestation_id is None)
        rows = [gone.file.uri for gone in plan(shop, LATER).leaving if gone.file.kind is Kind.ROWS]
        client.update_run(other.run_id, status="RUNNING")
        try:
            made = plan(shop, LATER)
        finally:
            PipelineRun(client, other.run_id).end()
    assert rows
    assert not {gone.file.kind for gone in made.leaving} & {Kind.ROWS, Kind.PROGRAMS, Kind.COMPARISONS}


def test_what_is_needed_again_after_the_plan_stays(shop: Settings, storage: Path) -> None:
    lost = put_blob(shop.storage_uri, "programs", b"the same program once more", suffix=".json")
    years_ago = time.time() - 9e7
    os.utime(lost.uri, (years_ago, years_ago))
    made = plan(shop)
    assert [gone.file.uri for gone in made.leaving] == [lost.uri]
    put_blob(shop.storage_uri, "programs", b"the same program once more", suffix=".json")
    assert clean(made, shop).needed_again == 1
    assert get_blob(lost)


def test_an_mlflow_that_does_not_know_the_attestations_deletes_nothing(shop: Settings, settings: Settings) -> None:
    elsewhere = shop.model_copy(update={"tracking_uri": settings.tracking_uri})
    with pytest.raises(TelepromptError, match=r"this MLflow does not know, so .*; name the MLflow"):
        plan(elsewhere, LATER)


def test_a_record_that_cannot_be_read_deletes_nothing(shop: Settings) -> None:
    with mlflow_client(shop.tracking_uri) as client:
        run = list_runs(client)[0]
        folder = Path(client.get_run(run.run_id).info.artifact_uri.removeprefix("file://"))
    record = folder / "records/gate.json"
    text = record.read_text()
    record.write_text(text[:100])
    try:
        with pytest.raises(TelepromptError, match=r"record gate of .* cannot be read, so .*; restore it"):
            plan(shop, LATER)
    finally:
        record.write_text(text)


def test_a_manifest_of_evidence_that_is_damaged_deletes_nothing(shop: Settings, storage: Path) -> None:
    for manifest in (storage / "snapshots").iterdir():
        manifest.write_bytes(b"{}")
    with pytest.raises(TelepromptError, match="is damaged"):
        plan(shop, LATER)


def test_an_attestation_that_was_written_just_now_is_known_by_its_snapshot(
    shop: Settings, promoted: Outcome, storage: Path
) -> None:
    """As between its file and the record of it."""
    document = get_blob(promoted.attestation.blob)
    put_blob(shop.storage_uri, "attestations", document + b"\n", suffix=".json")
    assert plan(shop, LATER).leaving


def test_rows_that_were_set_aside_go_by_their_own_age(shop: Settings) -> None:
    spool = Spool(shop.spool_dir)
    spool.add("p", [read_row({"trace_id": f"call-{i}", "outcomes": {"resolved": 1}}) for i in range(2)])
    numbers = [row.number for row in spool.oldest(9)[1]]
    spool.set_aside(numbers[:1], "refused")
    short = shop.model_copy(update={"retention": RetentionConfig(rejected_days=3, snapshots_days=0)})
    soon = datetime.now(UTC) + timedelta(days=4)
    assert not plan(short).leaving
    made = plan(short, soon)
    assert [gone.file.kind for gone in made.leaving] == [Kind.REJECTED]
    assert clean(made, short).deleted == 1
    assert (spool.aside(), len(spool)) == (0, 1)
