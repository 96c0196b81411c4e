"""The public log in a backup: whole, whatever is added while it is made; and it goes on where it was restored."""

from pathlib import Path

import pytest

from teleprompt.config.settings import Settings
from teleprompt.maintenance import backup
from teleprompt.maintenance.restore import restore
from teleprompt.tracking.connection import mlflow_client
from teleprompt.transparency.append import LogWriter
from teleprompt.transparency.check import CheckedLog
from teleprompt.transparency.entries import signers_entry
from teleprompt.transparency.log import PublicLog
from tests.conftest import store_in
from tests.empty_store import empty_store
from tests.transparency.keys import log_config

ENTRIES = [signers_entry(number=number, list_digest="ab" * 32) for number in range(1, 5)]


def test_a_log_that_grows_while_it_is_backed_up_is_whole(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = settings.model_copy(update={"programs_dir": tmp_path / "programs"})
    (tmp_path / "there").mkdir()
    there = store_in(tmp_path / "there", empty_store()).model_copy(update={"programs_dir": tmp_path / "restored"})
    survey = backup.survey
    with mlflow_client(own.tracking_uri) as client:
        writer = LogWriter(PublicLog(client, own.storage_uri), log_config())
        writer.append(*ENTRIES[:2])

        def growing(*arguments: object) -> object:
            found = survey(*arguments)  # type: ignore[arg-type]
            writer.append(ENTRIES[2])
            return found

        monkeypatch.setattr(backup, "survey", growing)
        backup.back_up(client, own, str(tmp_path / "backup"))
    with mlflow_client(there.tracking_uri) as client:
        restore(client, there, str(tmp_path / "backup"))
        log = PublicLog(client, there.storage_uri)
        assert CheckedLog.open(log.read, log.key).report().size == 2
        assert LogWriter(log, log_config()).append(ENTRIES[1], ENTRIES[3]) == [1, 2]
