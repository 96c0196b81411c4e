"""What somebody types who wonders why nothing is decided."""

from datetime import timedelta
from pathlib import Path

import pytest

from teleprompt.config.settings import Settings
from teleprompt.pipeline.pipeline import Pipeline
from teleprompt.pipeline.whole_run import run_all_stages
from teleprompt.tracking.connection import mlflow_client
from teleprompt.tracking.skipped_windows import write_skipped
from teleprompt.window import Window
from tests.conftest import PromotedStore
from tests.support import WEEK, log_shelf_calls, write_program


@pytest.mark.usefixtures("promoted_store")
def test_a_trial_and_its_evidence_are_shown(call) -> None:
    (trial,) = call("trial", "list", "shelves", "--json").json
    assert (trial["state"], trial["windows"], len(trial["path"])) == ("promote", 1, 1)
    listed = call("trial", "list", "shelves").out
    assert f"1 of {trial['horizon']}" in listed
    assert f"promote: {trial['reason']}" in listed
    shown = call("trial", "show", "shelves", trial["trial_id"][:8])
    assert f"number 1 of its year, at a level of {trial['level']:.5f}" in shown.out
    assert call("trial", "show", "shelves", "--json").json == trial
    assert call("trial", "show", "shelves", "nothing").status == 2


@pytest.mark.usefixtures("promoted_store")
def test_the_trials_of_all_programs_are_shown_with_what_holds_of_them_together(call) -> None:
    (line,) = call("trial", "fleet", "--json").json["trials"]
    assert (line["program"], line["state"], line["level"]) == ("Shelves", "promote", 0.0125)
    shown = call("trial", "fleet", "--fdr", "0.2").out
    assert "1 of 1 promoted; if none had a gain, at most 0.013 would be expected to." in shown
    assert "hold at a false discovery rate of 20 % in a family of 1." in shown
    assert call("trial", "fleet", "--year", "2001").out == "No trial was opened in 2001.\n"


@pytest.mark.usefixtures("promoted_store")
def test_there_is_none_to_abandon_once_it_has_ended(call) -> None:
    refused = call("trial", "abandon", "shelves", "--why", "it was wrong")
    assert (refused.status, refused.err.strip()) == (
        2,
        "Error: No trial of Shelves goes on, so there is none to abandon.",
    )


@pytest.mark.slow
def test_a_trial_that_goes_on_is_explained_paused_and_resumed(call, settings: Settings, tmp_path: Path) -> None:
    file = write_program(tmp_path / "programs", yaml="name: Shelves\noptimization:\n  min_traces: 20\n")
    log_shelf_calls(settings, count=34)
    run_all_stages(Pipeline.of_file(file, settings=settings, window=WEEK))
    paused = call("trial", "pause", "shelves", "--why", "a holiday")
    assert paused.out.startswith("The trial of shelves is paused by ")
    assert call("trial", "list", "shelves", "--json").json[0]["state"] == "paused"
    assert "; nothing is scored until `teleprompt trial resume`." in call("trial", "explain", "shelves").out
    assert call("trial", "resume", "shelves", "--why", "back", "--json").json["is_held_up"] is False
    sentences = call("trial", "explain", "shelves", "--json").json["explanation"]
    assert sentences[-1].endswith("like these decide; 51 may come.")


def test_windows_without_enough_traces_are_shown_to_scripts_too(
    call, promoted_store: PromotedStore, settings: Settings
) -> None:
    del promoted_store
    before = Window(start=WEEK.start - timedelta(days=7), end=WEEK.start)
    with mlflow_client(settings.tracking_uri) as client:
        write_skipped(client, program="Shelves", window=before, dag_run_id="scheduled__1", why="3 traces, not 20")
    (window,) = call("status", "shelves", "--skipped", "--json").json
    assert (window["dag_run_id"], window["why"]) == ("scheduled__1", "3 traces, not 20")
    assert call("status", "shelves", "--skipped").out.endswith("was skipped: 3 traces, not 20\n")
    assert call("status", "--skipped").status == 2
