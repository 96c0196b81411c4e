"""The rehearsal: back up, restore into an empty place, and go on there as before."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from teleprompt.attest.key_changes import publish_signer
from teleprompt.attest.published import read_published
from teleprompt.attest.stored import AttestationStore
from teleprompt.audit.attested_run import AttestedRun
from teleprompt.audit.verify_deep import verify_deep
from teleprompt.config.settings import Settings
from teleprompt.errors import ConfigurationError, TelepromptError
from teleprompt.health import examine
from teleprompt.maintenance._archive import MANIFEST
from teleprompt.maintenance._inventory import list_files
from teleprompt.maintenance.backup import back_up
from teleprompt.maintenance.plan import Kind
from teleprompt.maintenance.restore import restore
from teleprompt.pipeline.whole_run import Outcome, run_all_stages
from teleprompt.queries.history import list_runs
from teleprompt.registry.aliases import CHAMPION, aliases_of
from teleprompt.registry.change_log import list_changes
from teleprompt.registry.changes import rollback
from teleprompt.registry.listing import list_versions
from teleprompt.tracking.connection import mlflow_client
from tests import REPOSITORY
from tests.attest.documents import SIGNER_ADDRESS
from tests.maintenance.conftest import shelves


def back(shop: Settings, target: Path, **options: frozenset[Kind]) -> Path:
    with mlflow_client(shop.tracking_uri) as client:
        back_up(client, shop, str(target), **options)
    return target


@pytest.fixture
def empty(shop: Settings, settings: Settings, tmp_path: Path) -> Settings:
    """Another MLflow, storage and programs folder, with nothing in them."""
    return settings.model_copy(update={"programs_dir": tmp_path / "restored", "signer": shop.signer})


def restored(source: Path, into: Settings) -> None:
    with mlflow_client(into.tracking_uri) as client:
        restore(client, into, str(source))


def test_all_is_there_again_holds_deep_and_goes_on(
    shop: Settings, empty: Settings, promoted: Outcome, storage: Path, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    with mlflow_client(shop.tracking_uri) as client:
        publish_signer(
            shop, client, SIGNER_ADDRESS, valid_from=now - timedelta(days=900), valid_until=None, who="ana", now=now
        )
    source = back(shop, tmp_path / "backup")
    with mlflow_client(shop.tracking_uri) as client:
        before = [run.model_dump(exclude={"run_id"}) for run in list_runs(client)]
        versions, document = (
            list_versions(client, "Shelves"),
            AttestationStore(client).find(promoted.attestation.attestation_id).data,
        )
        changes = [change.model_dump(exclude={"change_id"}) for change in list_changes(client, "Shelves")]
    moved = storage.rename(storage.with_name("gone"))  # nothing restored may lean on the old place
    try:
        restored(source, empty)
        with mlflow_client(empty.tracking_uri) as client:
            assert [run.model_dump(exclude={"run_id"}) for run in list_runs(client)] == before
            assert list_versions(client, "Shelves") == versions
            assert [change.model_dump(exclude={"change_id"}) for change in list_changes(client, "Shelves")] == changes
            store = AttestationStore(client)
            (stored,) = store.list()
            assert store.find(stored.attestation_id).data == document
            assert all(
                check.holds for check in verify_deep(AttestedRun(store.client, store.find(stored.attestation_id)))
            )
            again = run_all_stages(shelves(empty))
            assert again.attestation.attestation_id == promoted.attestation.attestation_id
            assert (len(list_runs(client)), len(list_versions(client, "Shelves"))) == (2, 2)
            rollback(client, "Shelves", who="me", why="rehearsal")
            assert aliases_of(client, "Shelves")[CHAMPION] == 1
        with mlflow_client(empty.tracking_uri) as client:
            assert read_published(empty, client) is not None
        assert all(finding.ok for finding in examine(empty, ["mlflow", "storage", "programs"]))
    finally:
        moved.rename(storage)


def test_only_an_empty_place_is_restored_into(shop: Settings, empty: Settings, tmp_path: Path) -> None:
    source = back(shop, tmp_path / "backup")
    with pytest.raises(ConfigurationError, match="holds 'teleprompt/Shelves' already"):
        restored(source, empty.model_copy(update={"tracking_uri": shop.tracking_uri}))
    with pytest.raises(ConfigurationError, match="is not empty"):
        restored(source, empty.model_copy(update={"storage_uri": shop.storage_uri}))
    with pytest.raises(ConfigurationError, match="There is something in"):
        back(shop, source)


def test_a_changed_a_truncated_and_a_lost_file_are_refused_before_anything_is_written(
    shop: Settings, empty: Settings, tmp_path: Path
) -> None:
    source = back(shop, tmp_path / "backup")
    victim = next((source / "storage/traces").iterdir())
    data = victim.read_bytes()
    for bad in (data[:-1], data[:-1] + bytes([data[-1] ^ 1])):
        victim.write_bytes(bad)
        with pytest.raises(TelepromptError, match="is not what was written; nothing was restored"):
            restored(source, empty)
    victim.unlink()
    with pytest.raises(TelepromptError, match="lacks storage/traces"):
        restored(source, empty)
    victim.write_bytes(data)
    (source / MANIFEST).write_text((source / MANIFEST).read_text()[:-9])
    with pytest.raises(TelepromptError, match="cannot be read"):
        restored(source, empty)
    assert not list_files(empty.storage_uri)
    with mlflow_client(empty.tracking_uri) as client:
        assert not list_runs(client)


def test_a_backup_that_is_killed_is_none(shop: Settings, empty: Settings, tmp_path: Path) -> None:
    code = f"""
import os, signal
from teleprompt.config.settings import Settings
from teleprompt.maintenance import _archive as archive
from teleprompt.maintenance import backup
from teleprompt.tracking.connection import mlflow_client
copy, files = archive.ArchiveWriter.copy, []
def counted(self, name, source):
    files.append(name)
    return os.kill(os.getpid(), signal.SIGKILL) if len(files) > 12 else copy(self, name, source)
archive.ArchiveWriter.copy = counted
settings = Settings(tracking_uri={shop.tracking_uri.get_secret_value()!r}, storage_uri={shop.storage_uri!r})
with mlflow_client(settings.tracking_uri) as client:
    backup.back_up(client, settings, {str(tmp_path / "backup")!r})
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True)
    assert done.returncode == -9, done.stderr.decode()
    assert any((tmp_path / "backup").rglob("*.*"))
    with pytest.raises(TelepromptError, match=r"lacks manifest\.json, which comes last"):
        restored(tmp_path / "backup", empty)


def test_no_key_is_in_a_backup(shop: Settings, tmp_path: Path) -> None:
    (shop.programs_dir / "keystore.json").write_text(json.dumps(shop.signer.keystore))
    source = back(shop, tmp_path / "backup")
    (shop.programs_dir / "keystore.json").unlink()
    ciphertext = json.dumps(shop.signer.keystore["crypto"]["ciphertext"]).strip('"').encode()
    files = [path for path in source.rglob("*") if path.is_file()]
    assert (source / "programs/shelves.py") in files
    assert not [path for path in files if ciphertext in path.read_bytes()]


def test_rows_that_are_no_evidence_come_along_on_demand(shop: Settings, tmp_path: Path) -> None:
    lean = {path.name for path in (back(shop, tmp_path / "lean") / "storage/traces").iterdir()}
    whole = {
        path.name for path in (back(shop, tmp_path / "whole", also=frozenset({Kind.ROWS})) / "storage/traces").iterdir()
    }
    assert lean < whole
