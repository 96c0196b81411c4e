"""The run that keeps a pipeline's records."""

import tempfile
from pathlib import Path

import pytest

from bench.mlflow_server import MlflowServer
from teleprompt.config.settings import Settings
from teleprompt.encoding.canonical_json import sha256_hex
from teleprompt.tracking.connection import mlflow_client
from teleprompt.tracking.pipeline_run import PipelineRun
from teleprompt.tracking.run_key import RunKey
from tests.support import WEEK


@pytest.mark.slow
def test_what_is_read_from_a_server_leaves_nothing_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "tmp"
    own.mkdir()
    monkeypatch.chdir(tmp_path)  # the server's files lie below it
    with MlflowServer(f"sqlite:///{tmp_path}/mlflow.db", tmp_path, workers=1) as server:
        monkeypatch.setattr(tempfile, "tempdir", str(own))
        with mlflow_client(server.uri) as client:
            run = PipelineRun.open(client, RunKey(program="Shelves", window=WEEK, fingerprint=sha256_hex(b"one")))
            run.write_text("records/note.txt", "one\r\ntwo\n")
            assert run.read_text("records/note.txt") == "one\r\ntwo\n"
    assert list(own.iterdir()) == []


def test_a_record_is_read_without_asking_for_the_run_again(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        run = PipelineRun.open(client, RunKey(program="Shelves", window=WEEK, fingerprint=sha256_hex(b"one")))
        assert run.read_text("records/note.txt") is None
        run.write_text("records/note.txt", "one")
        monkeypatch.setattr(client, "get_run", None)
        assert run.read_text("records/note.txt") == "one"
        assert run.read_text("records/other.txt") is None
        assert run.read_text("note.txt") is None


def test_a_record_that_is_there_and_cannot_be_read_is_not_taken_for_none(settings: Settings) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        run = PipelineRun.open(client, RunKey(program="Shelves", window=WEEK, fingerprint=sha256_hex(b"one")))
        run.write_text("records/note.txt", "one")
        place = Path(client.get_run(run.run_id).info.artifact_uri.removeprefix("file://")) / "records/note.txt"
        place.unlink()
        place.symlink_to("nowhere")
        with pytest.raises(OSError, match="No such file"):
            run.read_text("records/note.txt")
