"""What a run leaves behind: nothing of a key, a prompt or a contributor, and no call among the production traffic."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from teleprompt.config.settings import Settings
from teleprompt.tracking.connection import mlflow_client
from tests import REPOSITORY
from tests.lm.model_server import KEY, model_server
from tests.support import ALICE, PROGRAM_CODE, log_shelf_calls, write_program

AUTOLOGGED = f"""
import mlflow

mlflow.set_experiment("production")
mlflow.dspy.autolog(log_compiles=True, log_evals=True, log_traces_from_compile=True, log_traces_from_eval=True)
{PROGRAM_CODE}"""


RUN = """
import json, logging, shutil, sys
from pathlib import Path
from tempfile import TemporaryDirectory

logging.basicConfig(level=logging.DEBUG)
from teleprompt.config.settings import Settings
from teleprompt.pipeline.pipeline import Pipeline
from teleprompt.pipeline.whole_run import run_all_stages
from teleprompt.program import process
from tests.empty_store import empty_store
from tests.support import WEEK


class WithStore(TemporaryDirectory):
    # MLflow would take two seconds to make the one that a program's process logs into, in each process anew.
    def __enter__(self):
        shutil.copy(empty_store(), Path(self.name) / "mlflow.db")
        return super().__enter__()


process.TemporaryDirectory = WithStore
given = json.load(sys.stdin)
changes = {"strategy": "bootstrap_fewshot_random", "num_candidates": 1, "timeout_seconds": 120}
pipeline = Pipeline.of_file(
    Path(given["file"]), settings=Settings(**given["settings"]), window=WEEK, overrides={"optimization": changes}
)
print(run_all_stages(pipeline).model_dump_json())
"""
"""In a process of its own: the program's file changes MLflow and DSPy for all that follows."""


@pytest.mark.slow
def test_a_whole_run_with_a_real_model_leaks_nothing(settings: Settings, tmp_path: Path) -> None:
    log_shelf_calls(settings, count=60)
    file = write_program(tmp_path / "programs")
    (tmp_path / "programs" / "shelves.py").write_text(AUTOLOGGED)
    with mlflow_client(settings.tracking_uri) as client:
        production = [e.experiment_id for e in client.search_experiments()]
        before = len(client.search_runs(production, max_results=1000))
    with model_server() as server:
        lm = server.config(timeout_seconds=20).model_dump(mode="json") | {"api_key": KEY}
        given = {**settings.model_dump(mode="json"), "programs_dir": str(tmp_path / "programs"), "lm": lm}
        ran = subprocess.run(
            [sys.executable, "-c", RUN],
            input=json.dumps({"file": str(file), "settings": given}),
            env={
                **os.environ,
                "MLFLOW_TRACKING_URI": settings.tracking_uri.get_secret_value(),
                "PYTHONPATH": os.pathsep.join([str(REPOSITORY), *sys.path]),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr[-2000:]
        assert server.requests > 30
        assert set(server.keys) == {f"Bearer {KEY}"}
    with mlflow_client(settings.tracking_uri) as client:
        production = [e.experiment_id for e in client.search_experiments() if "teleprompt.internal" not in e.tags]
        assert len(client.search_runs(production, max_results=1000)) == before
        assert not client.search_traces(locations=production, max_results=10)
    said = ran.stdout + ran.stderr
    assert "compiled on" in said
    left = {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert KEY not in said
    assert [name for name, data in left.items() if KEY.encode() in data] == []
    programs = [json.loads(data) for name, data in left.items() if "/programs/" in name and name.endswith(".json")]
    assert programs
    checkpoints = [data for name, data in left.items() if "/scores/" in name or "/checkpoints/" in name]
    assert checkpoints
    for data in [*checkpoints, *(json.dumps(program).encode() for program in programs)]:
        assert ALICE.encode() not in data
        assert b"contributor" not in data
        assert b"Your input fields are" not in data  # a prompt
