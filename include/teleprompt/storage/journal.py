"""Lines that are kept the moment they are written, so that work that is killed goes on where it was.

A journal belongs to a fingerprint of all that its lines depend on; under another one it starts afresh. In a folder it
is one file, appended to; elsewhere (S3 keeps whole objects only) it is a row of small objects, the last of which holds
what came within a second.
"""

import json
import logging
import os
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from teleprompt.records import Digest
from teleprompt.storage.blobs import location

log = logging.getLogger(__name__)

SECONDS_IN_ONE_OBJECT = 1.0


class Journal:
    """Appends JSON lines to `<storage_uri>/<name>`; safe to use from threads, and by several processes at a time."""

    def __init__(self, storage_uri: str, name: str, *, fingerprint: Digest) -> None:
        place = location(storage_uri) / name
        self._lock = threading.Lock()
        self._lines: _File | _Objects = _File(place) if isinstance(place, Path) else _Objects(place)
        self._fingerprint = fingerprint
        self._head = json.dumps({"fingerprint": fingerprint})

    def read(self) -> list[Any]:
        """What was kept under this fingerprint; a line that was torn by a crash is left out."""
        entries = self._entries()
        if any(head != self._fingerprint for head in self._heads(entries)):
            log.info("The data, the program, its configuration or its model changed; what was under way starts afresh.")
            self.clear()
            return []
        return [entry for entry in entries if not _is_head(entry)]

    def _entries(self) -> list[Any]:
        return [entry for entry in map(_parsed, self._lines.read()) if entry is not None]

    @staticmethod
    def _heads(entries: list[Any]) -> list[str]:
        return [entry["fingerprint"] for entry in entries if _is_head(entry)]

    def append(self, entry: Any) -> None:
        """Keep `entry`."""
        line = json.dumps(entry, separators=(",", ":"))  # ASCII: some of Unicode's characters end lines
        with self._lock:
            self._lines.append(line, head=self._head)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._lines.clear()

    def forget_own(self) -> None:
        """Forget everything, unless another fingerprint's work is under way here."""
        if all(head == self._fingerprint for head in self._heads(self._entries())):
            self.clear()

    def close(self) -> None:
        """Keep what is not kept yet."""
        with self._lock:
            self._lines.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _is_head(entry: Any) -> bool:
    return isinstance(entry, dict) and entry.keys() == {"fingerprint"}


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


class _File:
    """One write a line: the system has it, whatever happens to the process."""

    def __init__(self, place: Path) -> None:
        self._path = place.with_name(place.name + ".jsonl")
        self._file: int | None = None

    def read(self) -> Iterator[str]:
        if self._path.exists():
            yield from self._path.read_text(encoding="utf-8", errors="replace").splitlines()

    def append(self, line: str, *, head: str) -> None:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            line = f"\n{head}\n{line}"  # the first break ends a line that was torn
        os.write(self._file, f"{line}\n".encode())

    def clear(self) -> None:
        self.close()
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


class _Objects:
    """Small objects, one for all lines of about a second."""

    def __init__(self, place: Any) -> None:
        self._place = place
        self._waiting: list[str] = []
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._number: int | None = None
        """Of the last object; None until the first is written."""

    def read(self) -> Iterator[str]:
        if self._place.exists():
            for part in sorted(self._place.iterdir(), key=lambda part: part.name):
                yield from part.read_text(encoding="utf-8").splitlines()

    def append(self, line: str, *, head: str) -> None:
        with self._lock:
            if not self._waiting:
                self._waiting.append(head)
                self._timer = threading.Timer(SECONDS_IN_ONE_OBJECT, self.close)
                self._timer.daemon = True
                self._timer.start()
            self._waiting.append(line)

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()
            self._number = None
        if self._place.exists():
            for part in self._place.iterdir():
                part.unlink(missing_ok=True)

    def close(self) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if not self._waiting:
                return
            self._place.mkdir(parents=True, exist_ok=True)
            self._number = 1 + (self._last_number() if self._number is None else self._number)
            name = f"{self._number:020d}-{secrets.token_hex(4)}.jsonl"
            (self._place / name).write_text("\n".join(self._waiting) + "\n", encoding="utf-8")
            self._waiting.clear()

    def _last_number(self) -> int:
        """Those that an earlier version of the package named by the time count too."""
        if not self._place.exists():  # in a bucket a folder is there when something is in it
            return 0
        numbers = (part.name.partition("-")[0] for part in self._place.iterdir())
        return max((int(number) for number in numbers if number.isdecimal()), default=0)
