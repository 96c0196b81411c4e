"""`teleprompt maintenance`: what would go, and letting it go."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from teleprompt.cli.output import size
from teleprompt.config.settings import Settings
from teleprompt.storage.blobs import put_blob
from tests.cli.conftest import Result


@pytest.fixture
def old(settings: Settings) -> Path:
    """A program's state that nobody needed for 100 days."""
    blob = put_blob(settings.storage_uri, "programs", b"x" * 2500, suffix=".json")
    os.utime(blob.uri, (time.time() - 100 * 86_400,) * 2)
    return Path(blob.uri)


def test_the_plan_shows_and_apply_deletes(call: Callable[..., Result], old: Path) -> None:
    shown = call("maintenance", "plan")
    assert (shown.status, shown.err) == (0, "")
    assert "1 files of 2.5 kB may go" in shown.out
    assert call("maintenance", "plan", "--json").json["leaving"][0]["file"]["uri"] == str(old)
    assert old.exists()
    assert "1 files of 2.5 kB were deleted." in call("maintenance", "apply").out
    assert not old.exists()
    assert call("maintenance", "apply", "--json").json["done"]["deleted"] == 0


def test_an_empty_storage(call: Callable[..., Result]) -> None:
    assert "The storage is empty." in call("maintenance", "plan").out


def test_the_days_come_from_the_environment(
    call: Callable[..., Result], old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELEPROMPT_RETENTION__CANDIDATES_DAYS", "0")
    assert "0 files" in call("maintenance", "plan").out
    monkeypatch.setenv("TELEPROMPT_RETENTION__CANDIDATES_DAYS", "120")
    assert "120 days" in call("maintenance", "plan").out


def test_a_doubt_is_an_error(call: Callable[..., Result], old: Path, settings: Settings) -> None:
    put_blob(settings.storage_uri, "attestations", b"{}", suffix=".json")
    refused = call("maintenance", "apply")
    assert refused.status == 1
    assert refused.err.startswith("Error: The storage holds 1 attestations")
    assert old.exists()


def test_bytes_for_people() -> None:
    assert [size(n) for n in (0, 999, 1000, 2_500_000, 4 * 10**12)] == ["0 B", "999 B", "1.0 kB", "2.5 MB", "4000.0 GB"]
