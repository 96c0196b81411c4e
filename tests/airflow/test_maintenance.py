"""The DAG that looks after the storage, and its one task."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from airflow.serialization.serialized_objects import DagSerialization

from teleprompt.config.settings import Settings
from teleprompt.storage.blobs import Blob, put_blob
from teleprompt_airflow.dags.maintenance import maintenance_dag
from teleprompt_airflow.dags.program import program_dags
from teleprompt_airflow.operators import MaintenanceOperator
from tests import REPOSITORY
from tests.support import write_program


@pytest.fixture
def old(settings: Settings) -> Blob:
    """A program's state that nobody needed for years."""
    blob = put_blob(settings.storage_uri, "programs", b"old", suffix=".json")
    os.utime(blob.uri, (time.time() - 9e7,) * 2)
    return blob


def clean(*, dry_run: bool) -> dict[str, Any]:
    return MaintenanceOperator(task_id="clean").execute({"params": {"dry_run": dry_run}})


@pytest.mark.usefixtures("airflow")
def test_a_dry_run_says_what_would_go(old: Blob) -> None:
    said = clean(dry_run=True)
    assert (said["dry_run"], said["leaving"], said["leaving_bytes"], said["done"]) == (True, 1, 3, None)
    assert [kind["kind"] for kind in said["kinds"]] == ["states of programs"]
    assert Path(old.uri).exists()


@pytest.mark.usefixtures("airflow")
def test_else_it_goes(old: Blob) -> None:
    assert clean(dry_run=False)["done"] == {"deleted": 1, "deleted_bytes": 3, "needed_again": 0, "gone": 0}
    assert not Path(old.uri).exists()
    json.dumps(clean(dry_run=False))


@pytest.mark.usefixtures("airflow")
def test_what_cannot_be_known_fails_at_once(old: Blob, settings: Settings) -> None:
    put_blob(settings.storage_uri, "attestations", b"{}", suffix=".json")
    with pytest.raises(AirflowFailException, match="does not know"):
        clean(dry_run=False)
    assert Path(old.uri).exists()


@pytest.mark.parametrize("wanted", ["", "false"])
def test_the_dag_is_weekly_and_a_dry_run_until_it_is_switched(monkeypatch: pytest.MonkeyPatch, wanted: str) -> None:
    if wanted:
        monkeypatch.setenv("TELEPROMPT_RETENTION__DRY_RUN", wanted)
    dag = maintenance_dag()
    assert (dag.dag_id, dag.schedule, set(dag.task_ids)) == ("teleprompt_maintenance", "@weekly", {"clean"})
    assert dag.params["dry_run"] is (wanted != "false")
    once, again = (DagSerialization.to_dict(maintenance_dag()) for _ in range(2))
    assert once == again
    assert set(DagSerialization.from_dict(json.loads(json.dumps(once))).task_ids) == {"clean"}


def test_no_program_takes_its_name(tmp_path: Path) -> None:
    write_program(tmp_path, "maintenance")
    (dag,) = program_dags(tmp_path)
    assert dag.dag_id == "teleprompt_maintenance.yaml"
    assert "give the file another name" in dag.description


def test_parsing_its_file_imports_nothing_heavy() -> None:
    code = (
        "import sys, runpy; runpy.run_path('dags/teleprompt_maintenance.py'); "
        "print([m for m in ('dspy', 'mlflow', 'pyarrow', 'scipy', 'numpy', 'web3') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'plugins'}"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip().endswith("[]"), done.stdout + done.stderr
