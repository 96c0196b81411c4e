"""Which address stands for an id, over several windows of real traces."""

from datetime import timedelta
from pathlib import Path

from teleprompt.attribution.wallets import earlier_wallets, standing_wallets
from teleprompt.config.settings import Settings
from teleprompt.pipeline.pipeline import Pipeline
from teleprompt.tracking.connection import mlflow_client
from teleprompt.window import Window
from tests.support import ALICE, BOB, WEEK, log_run, log_shelf_calls, trace_row, write_program

A_WEEK = timedelta(days=7)
BEFORE = Window(start=WEEK.start - A_WEEK, end=WEEK.start)
AFTER = Window(start=WEEK.end, end=WEEK.end + A_WEEK)


def test_the_first_call_that_names_an_address_decides() -> None:
    rows = [
        trace_row(trace_id="c", started_at_ms=3, contributor_address=BOB),
        trace_row(trace_id="b", started_at_ms=2, contributor_address=ALICE),
        trace_row(trace_id="a", started_at_ms=1, contributor_address=None),
    ]
    assert standing_wallets(rows, earlier={}, named={}) == {"alice": (ALICE,)}
    assert standing_wallets(rows, earlier={"alice": BOB, "gone": BOB}, named={}) == {"alice": (BOB,)}
    assert standing_wallets(rows, earlier={}, named={"alice": BOB}) == {"alice": (BOB, ALICE)}


def test_what_stood_in_an_earlier_window_is_read_from_its_snapshot(settings: Settings, tmp_path: Path) -> None:
    """And whoever is quick in the next one takes nothing over."""
    log_shelf_calls(settings, count=60, window=BEFORE)
    file = write_program(tmp_path / "programs", yaml="name: Shelves\noptimization: {min_traces: 1}\n")
    record = Pipeline.of_file(file, settings=settings, window=BEFORE).collect()
    stood = {"alice": ALICE, "bob": BOB}
    with mlflow_client(settings.tracking_uri) as client:
        ids = {*stood, "nobody"}
        assert earlier_wallets(client, "Shelves", before=WEEK, ids=ids) == stood
        assert earlier_wallets(client, "Shelves", before=BEFORE, ids=ids) == {}
        shop = client.get_experiment_by_name("shop").experiment_id
        log_run(
            client,
            shop,
            program="Shelves",
            at=WEEK.start,
            inputs={"thing": "x"},
            outputs={"shelf": "left"},
            address=BOB,
        )
        Pipeline.of_file(file, settings=settings, window=WEEK).collect()
        assert earlier_wallets(client, "Shelves", before=AFTER, ids=ids) == stood
        Path(record.manifest.uri).unlink()  # as retention does
        assert earlier_wallets(client, "Shelves", before=WEEK, ids=ids) == {}
