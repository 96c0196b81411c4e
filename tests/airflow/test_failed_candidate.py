"""A candidate whose task fails is one candidate, in Airflow too."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from teleprompt.config.settings import Settings
from tests import REPOSITORY
from tests.support import log_shelf_calls, write_program

PROGRAM = """\
name: Shelves
optimization: {strategy: bootstrap_fewshot_random, num_candidates: 1, min_traces: 20}
watch: {enabled: false}
"""


@pytest.mark.slow
def test_the_others_race_and_the_run_succeeds(settings: Settings, tmp_path: Path) -> None:
    write_program(tmp_path / "programs", yaml=PROGRAM)
    log_shelf_calls(settings, count=160)
    places = {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "TELEPROMPT_TRACKING_URI": settings.tracking_uri.get_secret_value(),
        "TELEPROMPT_STORAGE_URI": settings.storage_uri,
        "TELEPROMPT_PROGRAMS_DIR": str(tmp_path / "programs"),
        "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY}/include:{REPOSITORY}/plugins",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.airflow.one_bad_candidate"],
        cwd=REPOSITORY,
        env=os.environ | places,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    compiled = [found["tasks"][f"compile {i}"] for i in range(4)]
    assert compiled == ["success", "failed", "success", "success"]
    assert found["tasks"]["select -1"] == "success"
    assert found["tasks"]["attest -1"] == "success"
    assert found["run"] == "success"
