"""What a run leaves behind: nothing of a key, a prompt or a contributor, and no call among the production traffic."""

import json
import logging
from pathlib import Path

import pytest

from include.teleprompt.config.settings import Settings
from include.teleprompt.pipeline import Pipeline
from include.teleprompt.tracking.connection import mlflow_client
from tests.lm.model_server import KEY, model_server
from tests.support import ALICE, PROGRAM_CODE, WEEK, log_shelf_calls, write_program

AUTOLOGGED = f"""
import mlflow

mlflow.set_experiment("production")
mlflow.dspy.autolog(log_compiles=True, log_evals=True, log_traces_from_compile=True, log_traces_from_eval=True)
{PROGRAM_CODE}"""


@pytest.mark.slow
def test_a_whole_run_with_a_real_model_leaks_nothing(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("MLFLOW_TRACKING_URI", settings.tracking_uri)
    log_shelf_calls(settings, count=60)
    file = write_program(tmp_path / "programs")
    (tmp_path / "programs" / "shelves.py").write_text(AUTOLOGGED)
    with mlflow_client(settings.tracking_uri) as client:
        production = [e.experiment_id for e in client.search_experiments()]
        before = len(client.search_runs(production, max_results=1000))
    with model_server() as server, caplog.at_level(logging.DEBUG, "include.teleprompt"):
        with_model = settings.model_copy(
            update={"lm": server.config(timeout_seconds=20), "programs_dir": tmp_path / "programs"}
        )
        changes = {"strategy": "bootstrap_fewshot_random", "num_candidates": 1, "timeout_seconds": 120}
        pipeline = Pipeline.of_file(file, settings=with_model, window=WEEK, overrides={"optimization": changes})
        outcome = pipeline.run()
        assert server.requests > 30
        assert set(server.keys) == {f"Bearer {KEY}"}
    with mlflow_client(settings.tracking_uri) as client:
        production = [e.experiment_id for e in client.search_experiments() if "teleprompt.internal" not in e.tags]
        assert len(client.search_runs(production, max_results=1000)) == before
        assert not client.search_traces(locations=production, max_results=10)
    said = caplog.text + "".join(capfd.readouterr()) + outcome.model_dump_json()
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
