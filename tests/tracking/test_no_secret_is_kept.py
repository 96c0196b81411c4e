"""A marked password in the tracking URI, and a run: the mark is in nothing that the run keeps."""

from pathlib import Path

import pytest

from bench.mlflow_server import MlflowServer
from teleprompt.config.settings import Settings
from teleprompt.encoding.canonical_json import sha256_hex
from teleprompt.errors import TelepromptError
from teleprompt.pipeline.pipeline import Pipeline
from teleprompt.pipeline.whole_run import run_all_stages
from teleprompt.tracking.connection import mlflow_client
from teleprompt.tracking.pipeline_run import PipelineRun
from teleprompt.tracking.run_key import RunKey
from tests.support import WEEK, local_signer, log_shelf_calls, write_program

MARK = "hunter2MARK"


@pytest.mark.slow
def test_runs_records_tags_and_blobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)  # the server's files lie below it
    with MlflowServer(f"sqlite:///{tmp_path}/mlflow.db", tmp_path, workers=1) as server:
        uri = server.uri.replace("http://", f"http://mlflow:{MARK}@")
        settings = Settings(
            tracking_uri=uri,
            storage_uri=str(tmp_path / "storage"),
            spool_dir=tmp_path / "spool",
            programs_dir=tmp_path / "programs",
            signer=local_signer(),
        )
        log_shelf_calls(settings, count=160)
        done = run_all_stages(Pipeline.of_file(write_program(tmp_path / "programs"), settings=settings, window=WEEK))
        assert done.attestation is not None
        key = RunKey(program="Shelves", window=WEEK, fingerprint=sha256_hex(b"fails"))
        with mlflow_client(settings.tracking_uri) as client:
            run = PipelineRun.open(client, key)
            with pytest.raises(TelepromptError), run.under_way():
                raise TelepromptError(f"Nothing came of {uri}.")
            assert "***" in client.get_run(run.run_id).data.tags["teleprompt.error"]
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(kept) > 20
    assert not [path for path in kept if MARK.encode() in path.read_bytes()]
    assert MARK not in caplog.text
