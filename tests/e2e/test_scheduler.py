import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from include.teleprompt.config.settings import PROJECT_ROOT


@pytest.mark.slow
@pytest.mark.xdist_group("e2e")
def test_a_backfill_through_a_real_scheduler(tmp_path: Path) -> None:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "PYTHONDONTWRITE"))}
    env = {
        **kept,
        "TELEPROMPT_LOCAL_DIR": str(tmp_path),
        "TELEPROMPT_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow/mlflow.db",
        "TELEPROMPT_STORAGE_URI": str(tmp_path / "storage"),
        "TELEPROMPT_PROGRAMS_DIR": str(tmp_path / "programs"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.e2e.backfill"],
        env=env,
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout.splitlines()[-1])
    weeks = report["weeks"]

    # Each interval its own window; all runs succeed, the one of the empty week by skipping.
    assert sorted(run["interval"] for run in report["runs"]) == sorted(weeks)
    assert {run["state"] for run in report["runs"]} == {"success"}
    assert {run["type"] for run in report["runs"]} == {"backfill"}
    windows = [window for window, _, _ in report["before"]["runs"]]
    assert windows == sorted([weeks[0], weeks[1], weeks[3]])
    assert {state for _, state, _ in report["before"]["runs"]} == {"finished"}
    assert "promote" in {verdict for _, _, verdict in report["before"]["runs"]}

    # The same window again, by hand: nothing is registered or attested twice.
    assert report["after"] == report["before"]
    assert report["processes_left"] == []
