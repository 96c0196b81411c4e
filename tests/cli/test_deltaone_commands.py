"""What auditors and people on call type: looks, recompute, rollback, log, watch."""

import json
from pathlib import Path

import pytest

from teleprompt.config.settings import Settings
from teleprompt.queries.history import list_runs
from teleprompt.tracking.connection import mlflow_client
from tests.cli.test_cli import WINDOW
from tests.conftest import PromotedStore
from tests.support import log_shelf_calls, write_program


@pytest.fixture
def run(promoted_store: PromotedStore, call) -> str:
    """The id of a run that promoted version 2."""
    del promoted_store
    (found,) = call("status", "shelves", "--json").json
    return found["run_id"]


def test_a_verdict_is_recomputed_and_a_changed_one_is_noticed(call, run: str, settings: Settings) -> None:
    equal = call("deltaone", "recompute", run[:8])
    assert (equal.status, equal.out.splitlines()[-1]) == (0, "equal, in every figure")
    assert call("deltaone", "recompute", run, "--json").json["equal"] is True
    shown = call("deltaone", "examples", run, "--limit", "3", "--json").json
    assert [set(example) for example in shown] == [
        {"trace_id", "unit", "keys", "baseline", "optimized", "explored"}
    ] * 3
    assert "change" in call("deltaone", "examples", run).out
    assert "3 of " in call("deltaone", "examples", run, "--limit", "3").out.splitlines()[-1]

    with mlflow_client(settings.tracking_uri) as client:
        (summary,) = list_runs(client)
        folder = Path(client.get_run(summary.run_id).info.artifact_uri.removeprefix("file://"))
    record = folder / "records/gate.json"
    forged = json.loads(record.read_text())
    forged["report"]["delta_e6"] += 1
    record.write_text(json.dumps(forged))
    noticed = call("deltaone", "recompute", run)
    assert (noticed.status, noticed.out.splitlines()[-1][:9]) == (1, "NOT EQUAL")
    assert call("deltaone", "recompute", "nothing").status == 2


def test_the_ledger_shows_each_look(call, run: str) -> None:
    (entry,) = call("deltaone", "looks", "shelves", "--json").json
    assert (entry["run_id"], entry["look"]["number"], entry["verdict"]) == (run, 1, "promote")
    assert "0.037500" in call("deltaone", "looks", "shelves").out


@pytest.mark.usefixtures("promoted_store")
def test_back_and_forward_again(call) -> None:
    back = call("versions", "rollback", "shelves", "--why", "customers complain")
    assert (back.status, back.out) == (0, "Version 1 of Shelves is champion again, instead of 2.\n")
    again = call("versions", "rollback", "shelves")
    assert again.status == 2
    assert "already; name the version to go to with --to" in again.err
    assert call("versions", "rollback", "shelves", "--to", "1").out.endswith("nothing was changed.\n")
    forward = call("versions", "rollback", "shelves", "--to", "2", "--json").json
    assert (forward["champion"], forward["change"]["action"]) == (2, "rollback")
    assert call("versions", "rollback", "shelves", "--to", "9").status == 2
    changes = call("versions", "log", "shelves", "--json").json
    assert [change["action"] for change in changes] == ["rollback", "rollback", "promote", "baseline"]
    assert changes[1]["why"] == "customers complain"
    assert "customers complain" in call("versions", "log", "shelves").out


@pytest.mark.usefixtures("promoted_store")
def test_production_is_looked_at_by_hand(call) -> None:
    report = call("deltaone", "watch", "shelves", "--json")
    assert (report.status, report.json["outcome"]) == (0, "undecided")
    assert call("deltaone", "watch", "shelves").out.startswith("undecided: 1.0.0-opt-bfs-")


def test_a_person_is_asked_without_airflow_too(call, settings: Settings, tmp_path: Path) -> None:
    assert "Nobody has looked" in call("deltaone", "looks", "shelves").out
    log_shelf_calls(settings, count=160)
    write_program(tmp_path / "programs", yaml="name: Shelves\noptimization: {min_traces: 20}\napproval: {}\n")
    asked = call("run", "shelves", *WINDOW)
    assert "run it again with --approve" in asked.out
    assert [v["number"] for v in call("versions", "list", "shelves", "--json").json] == [1]
    approved = call("run", "shelves", *WINDOW, "--approve", "--json").json
    assert approved["version"]["alias"] == "champion"
