import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import REPOSITORY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def report_of(script: str, folder: Path) -> dict[str, Any]:
    """What the script prints last, run in an environment of its own."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "PYTHONDONTWRITE"))}
    env = {
        **kept,
        "TELEPROMPT_LOCAL_DIR": str(folder),
        "TELEPROMPT_TRACKING_URI": f"sqlite:///{folder}/mlflow/mlflow.db",
        "TELEPROMPT_STORAGE_URI": str(folder / "storage"),
        "TELEPROMPT_PROGRAMS_DIR": str(folder / "programs"),
        "TELEPROMPT_ALERTS_FILE": str(folder / "alerts.yaml"),
        "TELEPROMPT_SPOOL_DIR": str(folder / "spool"),
    }
    done = subprocess.run(
        [sys.executable, "-m", script], env=env, cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def one_airflow(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What came of everything that happened in it: a start of Airflow's takes a minute."""
    return report_of("tests.e2e.one_airflow", tmp_path_factory.mktemp("airflow"))


def test_no_process_is_left(one_airflow: dict[str, Any]) -> None:
    assert one_airflow["processes_left"] == []


def test_a_backfill_through_a_real_scheduler(one_airflow: dict[str, Any]) -> None:
    report = one_airflow["backfill"]
    weeks = report["weeks"]

    # Each interval its own window; all runs succeed, those of the empty weeks by skipping.
    assert sorted(run["interval"] for run in report["runs"]) == sorted(weeks)
    assert {run["state"] for run in report["runs"]} == {"success"}
    assert {run["type"] for run in report["runs"]} == {"backfill"}
    windows = [window for window, _, _ in report["before"]["runs"]]
    assert windows == sorted(report["busy"])
    assert {state for _, state, _ in report["before"]["runs"]} == {"finished"}

    # One trial over the weeks that have calls; a task that was killed in the middle of it changes nothing.
    assert report["killed"]
    assert report["tries_of_the_killed"] > 1
    assert report["trials"] == report["undisturbed"]
    (trial,) = report["trials"]
    assert (trial["state"], trial["windows"]) == ("promote", len(report["busy"]))
    verdicts = [verdict for _, _, verdict in report["before"]["runs"]]
    assert verdicts == ["inconclusive"] * (len(report["busy"]) - 1) + ["promote"]

    # The pool bounds what calls the language model.
    assert report["limited_tasks"] >= len(report["busy"])
    assert report["most_at_once"] <= report["slots"]

    # The same window again, by hand: nothing is registered or attested twice.
    assert report["after"] == report["before"]


def test_a_person_decides_on_promotions_in_a_real_airflow(one_airflow: dict[str, Any]) -> None:
    report = one_airflow["approval"]
    for case in ("refused", "unanswered"):
        assert report[case]["state"] == "success"
        assert (report[case]["tasks"]["register"], report[case]["tasks"]["attest"]) == ("skipped", "skipped")
    assert (report["approved"]["tasks"]["register"], report["approved"]["tasks"]["attest"]) == ("success", "success")
    assert report["aliases"] == {"champion": 2, "previous": 1}
    assert [action for action, _ in report["changes"]] == ["promote", "refuse", "refuse", "baseline"]
    assert [who for action, who in report["changes"] if action == "refuse"] == ["nobody", "admin"]
    assert sorted(report["runs"], key=str) == [["finished", "promote", 2], *[["finished", "promote", None]] * 2]
    assert report["watched"] == {"state": "success", "tasks": {"watch": "success"}}


def test_traces_start_a_run_its_end_starts_another_and_people_are_told(one_airflow: dict[str, Any]) -> None:
    report = one_airflow["events"]
    assert report["accepted"] == 100

    # The event that starts the run covers the calls that were handed in; the run's end starts the one behind it.
    shelves, after = report["shelves"], report["after"]
    assert (shelves["type"], shelves["state"], shelves["tasks"]["gate"]) == ("asset_triggered", "success", "success")
    assert (after["type"], after["state"]) == ("asset_triggered", "success")
    assert (after["tasks"]["wait_for_traces"], after["tasks"]["conclude"]) == ("skipped", "success")
    assert after["concluded"]["window"] == shelves["concluded"]["window"]
    assert after["concluded"]["insufficient_in_a_row"] == 1

    # Mail for the task that failed, signed webhooks for the rest.
    assert report["mail"] == [["broken: failure", "ops@example.org"]]
    verdict = "deltaone" if shelves["concluded"]["verdict"] == "promote" else "rejection"
    expected = {f"teleprompt.{event}" for event in (verdict, "deadline", "insufficient_traces")}
    assert expected <= set(report["webhooks"])

    # Who did what is in the trail, and none of it is missing.
    assert report["trail"][0] == ["configure", report["trail"][0][1]]
    assert ["run", "airflow (asset_triggered)"] in report["trail"]
    assert report["gaps"] == []
