"""Registering and promoting, against a real MLflow registry."""

import os
from pathlib import Path

import dspy
import pytest

from teleprompt.config.settings import Settings
from teleprompt.errors import TelepromptError
from teleprompt.program.signature import ProgramSignature
from teleprompt.program.state import dump_state
from teleprompt.registry.listing import list_versions
from teleprompt.registry.version_files import VersionFiles
from teleprompt.registry.versions import (
    ProgramVersion,
    ensure_baseline,
    find_version,
    register_version,
)
from teleprompt.storage.blobs import Blob, get_blob, put_blob
from teleprompt.tracking.connection import mlflow_client
from teleprompt.tracking.pipeline_run import internal_experiment

PROGRAM = dspy.Predict("question -> answer")
FIELDS = ProgramSignature(PROGRAM).declared.known()


def files_of(state: Blob) -> VersionFiles:
    """A version of a program that was defined in a notebook."""
    return VersionFiles.of(None, fields=FIELDS, state=get_blob(state))


def not_tried(_files: VersionFiles) -> None:
    pytest.fail("a version without code cannot be loaded")


@pytest.fixture
def client(settings: Settings):
    with mlflow_client(settings.tracking_uri) as client:
        yield client


def state_of(settings: Settings, *answers: str):
    program = dspy.Predict("question -> answer")
    program.demos = [dspy.Example(question="q", answer=answer) for answer in answers]
    return put_blob(settings.storage_uri, "programs", dump_state(program), suffix=".json")


def baseline(client, settings: Settings, version_id: str = "1.0.0") -> ProgramVersion:
    return ensure_baseline(
        client,
        name="P",
        version_id=version_id,
        files=files_of(state_of(settings)),
        try_out=not_tried,
        storage_uri=settings.storage_uri,
        who="test",
    )


def register(client, settings: Settings, key: str, parent: ProgramVersion) -> ProgramVersion:
    run = client.create_run(internal_experiment(client, "teleprompt/P"))
    return register_version(
        client,
        name="P",
        run_id=run.info.run_id,
        run_key=key * 64,
        version_id="1.0.0-opt-bfs-20260101000000",
        parent=parent,
        files=files_of(state_of(settings, key)),
        try_out=not_tried,
        state=state_of(settings, key),
        tags={"deltaone": "true"},
    )


def champion(client, settings: Settings) -> int:
    return find_version(client, "P", alias="champion", storage_uri=settings.storage_uri).number


def test_the_program_as_written_becomes_version_one_and_champion(client, settings: Settings) -> None:
    assert find_version(client, "P", alias="champion", storage_uri=settings.storage_uri) is None
    first = baseline(client, settings)
    assert (first.number, first.version_id) == (1, "1.0.0")
    assert baseline(client, settings) == first
    assert find_version(client, "P", alias="champion", storage_uri=settings.storage_uri) == first


def test_a_version_lies_in_its_programs_own_experiment(
    client, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in the caller's active experiment, which keeps its files below whatever directory he is in."""
    monkeypatch.chdir(tmp_path)
    first = baseline(client, settings)
    version = client.get_model_version("P", str(first.number))
    own = client.get_experiment_by_name("teleprompt/P")
    model_id = version.source.rpartition("/")[2]
    assert client.get_logged_model(model_id).experiment_id == own.experiment_id
    assert not (tmp_path / "mlruns").exists()


def test_a_baseline_that_lost_its_alias_in_a_crash_is_not_registered_twice(client, settings: Settings) -> None:
    first = baseline(client, settings)
    client.delete_registered_model_alias("P", "champion")
    assert baseline(client, settings) == first
    assert len(list_versions(client, "P")) == 1


def test_the_same_key_registers_once_and_moves_no_alias(client, settings: Settings) -> None:
    first = baseline(client, settings)
    second = register(client, settings, "1", first)
    assert register(client, settings, "1", first) == second
    assert [(v.number, v.aliases, v.parent) for v in list_versions(client, "P")] == [
        (2, (), 1),
        (1, ("champion",), None),
    ]


def test_ids_are_unique_though_two_runs_decide_in_one_second(client, settings: Settings) -> None:
    first = baseline(client, settings)
    ids = [register(client, settings, key, first).version_id for key in "123"]
    assert ids == [f"1.0.0-opt-bfs-2026010100000{second}" for second in range(3)]


def test_a_raised_baseline_version_starts_anew(client, settings: Settings) -> None:
    register(client, settings, "1", baseline(client, settings))
    fresh = baseline(client, settings, "2.0.0")
    assert (fresh.number, fresh.version_id, champion(client, settings)) == (3, "2.0.0", 3)


def test_a_version_that_was_tampered_with_is_not_used(client, settings: Settings) -> None:
    first = baseline(client, settings)
    client.set_model_version_tag("P", str(first.number), "state_digest", "0" * 64)
    with pytest.raises(TelepromptError, match="does not hold the state"):
        baseline(client, settings)


def test_registering_leaves_the_processs_mlflow_where_it_was(
    client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow sets the variable for its children; settings that are read later would follow it."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    baseline(client, settings)
    assert "MLFLOW_TRACKING_URI" not in os.environ
