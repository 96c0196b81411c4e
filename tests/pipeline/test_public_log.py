"""What a run leaves in the public log: its trial's opening before anything was looked at, and what it issued."""

from pathlib import Path

import pytest

from teleprompt.attest.log_files import check_openings
from teleprompt.attest.public_log import prove_logged
from teleprompt.attest.stored import open_attestations
from teleprompt.config.settings import Settings
from teleprompt.gate import trial_stage
from teleprompt.pipeline.pipeline import Pipeline
from teleprompt.pipeline.whole_run import run_all_stages
from teleprompt.tracking.connection import mlflow_client
from teleprompt.transparency.check import CheckedLog, LoggedEntry
from teleprompt.transparency.log import PublicLog
from tests.support import WEEK, local_signer, log_shelf_calls, write_program
from tests.transparency.keys import log_config


@pytest.fixture
def logging(settings: Settings, tmp_path: Path) -> Settings:
    file = write_program(tmp_path / "programs")
    log_shelf_calls(settings, count=160)
    own = {"programs_dir": file.parent, "signer": local_signer(), "public_log": log_config()}
    return settings.model_copy(update=own)


def shelves(settings: Settings) -> Pipeline:
    return Pipeline.of_file(settings.programs_dir / "shelves.yaml", settings=settings, window=WEEK)


def logged(settings: Settings) -> list[LoggedEntry]:
    with mlflow_client(settings.tracking_uri) as client:
        log = PublicLog(client, settings.storage_uri)
        return [] if log.checkpoint() is None else list(CheckedLog.open(log.read, log.key).entries())


def test_a_promoting_run_is_in_the_log(logging: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    look = trial_stage.open_window

    def watched(*arguments: object, **options: object) -> object:
        seen.append([entry.kind for entry in logged(logging)])
        return look(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(trial_stage, "open_window", watched)
    outcome = run_all_stages(shelves(logging))
    assert outcome.attestation is not None
    assert seen == [["opening"]]
    assert [entry.kind for entry in logged(logging)] == ["opening", "attestation"]
    run_all_stages(shelves(logging))
    assert len(logged(logging)) == 2
    with open_attestations(logging) as store:
        attestation = store.find(outcome.attestation.attestation_hash).attestation
        log = PublicLog(store.client, logging.storage_uri)
        proof = prove_logged(log, attestation)
        assert proof is not None
        found = check_openings(CheckedLog.open(log.read, log.key), attestation.to_dict(), proof.index)
    assert found.endswith("its own is the one with number 1, opened as entry 0")


def test_who_attests_logs_what_was_opened_without_the_key(logging: Settings) -> None:
    keyless = logging.model_copy(update={"public_log": log_config().model_copy(update={"key": None})})
    outcome = run_all_stages(shelves(keyless))
    assert outcome.attestation is not None
    assert logged(keyless) == []
    run_all_stages(shelves(logging))
    assert [entry.kind for entry in logged(logging)] == ["opening", "attestation"]
