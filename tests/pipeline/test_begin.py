"""How a run begins."""

from pathlib import Path

from teleprompt.config.files import load_program_file
from teleprompt.config.settings import Settings
from teleprompt.pipeline.begin import Request, begin_run
from teleprompt.queries.history import list_runs
from teleprompt.tracking.connection import mlflow_client
from tests.support import WEEK, log_shelf_calls, write_program


def request(run_id: str, run_type: str) -> Request:
    return Request(run_id=run_id, run_type=run_type, asked_by="ann", actor="airflow", overrides={})


def test_the_run_that_began_the_work_stays_named_beside_the_one_that_read_it_back(
    settings: Settings, tmp_path: Path
) -> None:
    log_shelf_calls(settings, count=30)
    file = write_program(tmp_path / "programs")
    own, config = settings.model_copy(update={"programs_dir": file.parent}), load_program_file(file)
    keys = {
        begin_run(config, own, WEEK, request(run_id, run_type)).key
        for run_id, run_type in (("manual__1", "manual"), ("backfill__2", "backfill"))
    }
    with mlflow_client(settings.tracking_uri) as client:
        (run,) = list_runs(client, program="Shelves")
    assert keys == {run.key}
    assert (run.first_dag_run_id, run.dag_run_id) == ("manual__1", "backfill__2")
