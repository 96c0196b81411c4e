"""Lines that survive a kill."""

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest

from teleprompt.storage.journal import Journal

A, B = "a" * 64, "b" * 64


@pytest.fixture(params=["folder", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path) if request.param == "folder" else f"memory://{uuid.uuid4().hex}"


def test_what_was_written_is_read_in_order_also_by_those_who_come_later(storage: str) -> None:
    for part in ([1, 2], [3]):
        with Journal(storage, "deep/log", fingerprint=A) as journal:
            for entry in part:
                journal.append({"n": entry})
    assert Journal(storage, "deep/log", fingerprint=A).read() == [{"n": 1}, {"n": 2}, {"n": 3}]


def test_the_order_is_that_of_writing_though_the_clock_is_put_back(
    storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n, clock in enumerate((10**18, 10**17, 5 * 10**17)):
        monkeypatch.setattr(time, "time_ns", lambda clock=clock: clock)
        with Journal(storage, "log", fingerprint=A) as journal:
            journal.append(n)
    assert Journal(storage, "log", fingerprint=A).read() == [0, 1, 2]


def test_under_another_fingerprint_it_starts_afresh_and_says_so(storage: str, caplog: pytest.LogCaptureFixture) -> None:
    with Journal(storage, "log", fingerprint=A) as journal:
        journal.append({"n": 1})
    with caplog.at_level("INFO"):
        other = Journal(storage, "log", fingerprint=B)
        assert other.read() == []
    assert "starts afresh" in caplog.text
    with other:
        other.append({"n": 2})
    assert Journal(storage, "log", fingerprint=B).read() == [{"n": 2}]


def test_a_torn_line_is_left_out_and_harms_no_other(tmp_path: Path) -> None:
    with Journal(str(tmp_path), "log", fingerprint=A) as journal:
        journal.append({"n": 1})
    with (tmp_path / "log.jsonl").open("ab") as file:
        file.write('{"n": "half of a lett\u00e9'.encode()[:-1])
    with Journal(str(tmp_path), "log", fingerprint=A) as journal:
        journal.append({"n": 2})
    assert Journal(str(tmp_path), "log", fingerprint=A).read() == [{"n": 1}, {"n": 2}]


def test_several_writers_lose_nothing(storage: str) -> None:
    def write(writer: int) -> None:
        with Journal(storage, "log", fingerprint=A) as journal:
            for i in range(50):
                journal.append([writer, i])

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = Journal(storage, "log", fingerprint=A).read()
    assert sorted(found) == [[writer, i] for writer in range(4) for i in range(50)]


def test_every_line_survives_kill_9(tmp_path: Path) -> None:
    code = (
        "import sys; from teleprompt.storage.journal import Journal\n"
        f"journal = Journal({str(tmp_path)!r}, 'log', fingerprint='{A}')\n"
        "for i in range(100000):\n    journal.append(i); print(i, flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    for _ in range(200):
        said = int(process.stdout.readline())
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    found = Journal(str(tmp_path), "log", fingerprint=A).read()
    assert found == list(range(len(found)))
    assert len(found) > said


def test_no_character_of_a_text_ends_a_line(storage: str) -> None:
    text = "a\u2028b\u2029c\x85d\ud800e\n"
    with Journal(storage, "log", fingerprint=A) as journal:
        journal.append({"text": text})
    assert Journal(storage, "log", fingerprint=A).read() == [{"text": text}]


def test_where_only_whole_objects_are_kept_a_second_is_the_most_that_waits() -> None:
    storage = f"memory://{uuid.uuid4().hex}"
    journal = Journal(storage, "log", fingerprint=A)
    journal.append({"n": 1})
    time.sleep(1.5)
    assert Journal(storage, "log", fingerprint=A).read() == [{"n": 1}]


def test_only_ones_own_is_forgotten(storage: str) -> None:
    with Journal(storage, "log", fingerprint=A) as journal:
        journal.append({"n": 1})
    Journal(storage, "log", fingerprint=B).forget_own()
    assert Journal(storage, "log", fingerprint=A).read() == [{"n": 1}]
    Journal(storage, "log", fingerprint=A).forget_own()
    assert Journal(storage, "log", fingerprint=A).read() == []


def test_the_first_lines_are_kept_where_a_folder_is_there_only_with_something_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As in S3, where to make a folder makes nothing."""
    from upath.implementations.memory import MemoryPath

    monkeypatch.setattr(MemoryPath, "mkdir", lambda *_args, **_more: None)
    storage = f"memory://{uuid.uuid4().hex}"
    for number in (1, 2):
        with Journal(storage, "log", fingerprint=A) as journal:
            journal.append({"n": number})
    assert Journal(storage, "log", fingerprint=A).read() == [{"n": 1}, {"n": 2}]
