"""Appending to the log: once, by many at a time, through crashes, and not to another log than MLflow knows."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from teleprompt.config.settings import Settings
from teleprompt.errors import ConfigurationError, TelepromptError
from teleprompt.tracking.connection import mlflow_client
from teleprompt.transparency import append as appending
from teleprompt.transparency.append import LogWriter
from teleprompt.transparency.checkpoint import Checkpoint, SignedCheckpoint
from teleprompt.transparency.log import PENDING, LogForkedError, PublicLog, index_name
from teleprompt.transparency.tiles import LogDamagedError, hashes_of, read_entries, reader_of
from teleprompt.transparency.tree import consistency_proof, is_consistent
from tests.conftest import store_in
from tests.empty_store import empty_store
from tests.transparency.keys import ORIGIN, log_config


class Killed(BaseException):
    """In the place of a process's death."""


@pytest.fixture
def log(settings: Settings) -> PublicLog:
    with mlflow_client(settings.tracking_uri) as client:
        yield PublicLog(client, settings.storage_uri)


def writer(log: PublicLog, **config: object) -> LogWriter:
    return LogWriter(log, log_config(**config))  # type: ignore[arg-type]


def entries(log: PublicLog) -> list[bytes]:
    signed = log.checkpoint()
    return [entry for _, entry in read_entries(log.read, 0, signed.checkpoint.size)] if signed else []


def test_an_entry_is_added_once(log: PublicLog) -> None:
    assert writer(log).append(b"one", b"two") == [0, 1]
    assert writer(log).append(b"two", b"three", b"one") == [1, 2, 0]
    assert entries(log) == [b"one", b"two", b"three"]


def test_the_checkpoint_is_signed_by_the_log(log: PublicLog) -> None:
    writer(log).append(b"one")
    signed, key = log.checkpoint(), writer(log).key
    assert signed is not None
    signed.check_signed(key)
    assert signed.data.decode().startswith(f"{ORIGIN}\n1\n")
    assert str(log.key) == str(key)


def test_an_entry_changes_a_few_files_only(log: PublicLog) -> None:
    writer(log).append(*(bytes([i]) for i in range(20)))
    folder = Path(log.uri)
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}
    writer(log).append(b"next")
    changed = [file for file in folder.rglob("*") if file.is_file() and before.get(file) != file.stat().st_mtime_ns]
    assert sorted(str(file.relative_to(folder)) for file in changed if "index" not in file.parts) == [
        "checkpoint", "tile/0/000.p/21", "tile/entries/000.p/21",
    ]  # fmt: skip


def test_many_add_at_a_time(log: PublicLog) -> None:
    made = [f"entry {i % 12}".encode() for i in range(24)]
    with ThreadPoolExecutor(4) as pool:
        indices = [found[0] for found in pool.map(writer(log).append, made)]
    kept = entries(log)
    assert sorted(kept) == sorted(set(made))
    assert [kept[index] for index in indices] == made


@pytest.mark.parametrize("dies_at", range(7))
def test_a_process_that_dies_anywhere_contradicts_nothing(
    log: PublicLog, dies_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies before its n-th write, in the storage or in MLflow; another one comes and adds something else first."""
    writer(log).append(b"one")
    with monkeypatch.context() as patched:
        kill_before(patched, dies_at)
        with pytest.raises(Killed):
            writer(log).append(b"two")
    left = log.stored_checkpoint(writer(log).key)
    assert left is not None
    writer(log).append(b"three")
    writer(log).append(b"two")
    assert sorted(entries(log)) == [b"one", b"three", b"two"]
    assert log.tags[PENDING] == "-"
    assert goes_on(log, left.checkpoint)


def goes_on(log: PublicLog, old: Checkpoint) -> bool:
    now = log.checkpoint()
    assert now is not None
    proof = consistency_proof(hashes_of(log.read, now.checkpoint.size), old.size, now.checkpoint.size)
    return is_consistent(old.size, old.root, now.checkpoint.size, now.checkpoint.root, proof)


def kill_before(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    count = 0

    def dying(act: Callable[..., None]) -> Callable[..., None]:
        def wrapped(*arguments: object) -> None:
            nonlocal count
            if count == number:
                raise Killed
            count += 1
            act(*arguments)

        return wrapped

    monkeypatch.setattr(appending, "write_file", dying(appending.write_file))
    monkeypatch.setattr(PublicLog, "tag", dying(PublicLog.tag))


def test_what_was_signed_and_not_written_is_what_comes_next(log: PublicLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who signed outside may have shown it: the next head of that size has to be the same one."""
    writer(log).append(b"one")
    signed_texts = []
    original = LogWriter._note

    def dying_after(self: LogWriter, head: object) -> bytes:
        signed_texts.append(original(self, head))  # type: ignore[arg-type]
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(LogWriter, "_note", dying_after)
        with pytest.raises(Killed):
            writer(log).append(b"two")
    writer(log).append(b"three")
    lost = SignedCheckpoint.parse(signed_texts[0]).checkpoint
    assert lost.size == 2
    assert goes_on(log, lost)


def test_a_second_installation_with_the_same_storage_is_refused(log: PublicLog, tmp_path: Path) -> None:
    writer(log).append(b"one")
    (tmp_path / "elsewhere").mkdir()
    elsewhere = store_in(tmp_path / "elsewhere", empty_store())
    with mlflow_client(elsewhere.tracking_uri) as client:
        other = PublicLog(client, log.storage_uri)
        with pytest.raises(LogForkedError, match="begun by another installation"):
            writer(other).append(b"two")
    assert entries(log) == [b"one"]


def test_another_key_is_refused(log: PublicLog) -> None:
    writer(log).append(b"one")
    with pytest.raises(ConfigurationError, match="configure the former"):
        writer(log, seed=2).append(b"two")


def test_the_storage_alone_rolls_nothing_back(log: PublicLog) -> None:
    writer(log).append(b"one")
    older = Path(log.uri).with_name("older")
    shutil.copytree(log.uri, older)
    writer(log).append(b"two")
    shutil.rmtree(log.uri)
    older.rename(log.uri)
    with pytest.raises(LogForkedError, match="rolled back"):
        log.checkpoint()
    with pytest.raises(LogForkedError, match="rolled back"):
        writer(log).append(b"three")


def test_an_older_checkpoint_over_whole_tiles_is_put_right(log: PublicLog) -> None:
    writer(log).append(b"one")
    older = log.read("checkpoint")
    writer(log).append(b"two")
    assert older is not None
    (Path(log.uri) / "checkpoint").write_bytes(older)
    with pytest.raises(LogForkedError, match="has 1 entries, and had 2"):
        log.checkpoint()
    assert writer(log).append(b"three") == [2]
    assert entries(log) == [b"one", b"two", b"three"]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("tile/0/000.p/3", None, "is missing"),
        ("tile/0/000.p/3", b"x" * 96, "other hashes"),
        ("tile/0/000.p/3", b"x", "too short"),
        ("tile/entries/000.p/3", None, "is missing"),
        ("tile/entries/000.p/3", b"\x00\x03one", "too short"),
        ("tile/entries/000.p/3", b"\x00\x09one", "in the middle of an entry"),
        ("checkpoint", None, "rolled back|is missing"),
        ("checkpoint", b"log.example/teleprompt\n3\nAAAA\n\n\n", "not what was signed"),
    ],
)
def test_nothing_is_added_to_a_log_that_is_damaged(log: PublicLog, name: str, data: bytes | None, said: str) -> None:
    writer(log).append(b"one", b"two", b"three")
    file = Path(log.uri) / name
    if data is None:
        file.unlink()
    else:
        file.write_bytes(data)
    if (name, data) == ("checkpoint", None):
        assert writer(log).append(b"four") == [3]  # its tiles are whole
        return
    with pytest.raises(TelepromptError, match=said):
        writer(log).append(b"four")


def test_an_index_that_names_another_entry_is_found_out(log: PublicLog) -> None:
    """Else who writes the storage could keep an opening out of the log by saying that it is there."""
    writer(log).append(b"one", b"two")
    file = Path(log.uri) / index_name(b"three")
    file.parent.mkdir(exist_ok=True)
    file.write_text("1")
    with pytest.raises(LogDamagedError, match="another one stands"):
        writer(log).append(b"three")


def test_an_entry_whose_index_was_deleted_is_not_added_again(log: PublicLog) -> None:
    writer(log).append(b"one", b"two")
    shutil.rmtree(Path(log.uri) / "index")
    assert writer(log).append(b"two", b"three", b"one") == [1, 2, 0]


def test_a_swapped_entry_is_found_out(log: PublicLog) -> None:
    writer(log).append(b"one", b"two", b"three")
    (Path(log.uri) / "tile/entries/000.p/3").write_bytes(b"\x00\x03one\x00\x03TWO\x00\x05three")
    signed = log.checkpoint()
    assert signed is not None
    with pytest.raises(LogDamagedError, match="another entry 1 than was hashed"):
        list(read_entries(log.read, 0, 3))


def test_a_copy_is_read_like_the_log(log: PublicLog, tmp_path: Path) -> None:
    writer(log).append(b"one", b"two")
    shutil.copytree(log.uri, tmp_path / "copy")
    assert [entry for _, entry in read_entries(reader_of(str(tmp_path / "copy")), 1, 2)] == [b"two"]
