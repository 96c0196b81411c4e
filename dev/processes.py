"""Starting processes so that all of them, and all that they start, end with us."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType

import psutil

GRACE_SECONDS = 10
PR_SET_CHILD_SUBREAPER = 36


class ProcessFamily:
    """Processes that we started, and all that these start.

    On Linux we adopt descendants whose parents end before them, so that none escapes: Airflow's start sessions of their
    own and overwrite their environment.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._started: dict[str, subprocess.Popen[bytes]] = {}
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def start(
        self, name: str, *arguments: str, env: Mapping[str, str], cwd: Path, program: str = sys.executable
    ) -> subprocess.Popen[bytes]:
        """Start a Python module or script, or another program; it writes to `<logs>/<name>.log`."""
        self._logs.mkdir(parents=True, exist_ok=True)
        with self.log(name).open("wb") as log:
            process = subprocess.Popen(
                [program, *arguments],
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started[name] = process
        return process

    def log(self, name: str) -> Path:
        """Where the process `name` writes to."""
        return self._logs / f"{name}.log"

    def fallen(self) -> list[str]:
        """Names of processes that ended by themselves with an error."""
        return [name for name, process in self._started.items() if process.poll() not in {None, 0}]

    def stop(self) -> None:
        """End every process of the family, politely first; returns when none is left."""
        for ask in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            family = self._alive()
            for process in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(ask)
            deadline = time.monotonic() + GRACE_SECONDS
            while self._alive() and time.monotonic() < deadline:
                time.sleep(0.2)
            if not self._alive():
                return

    def _alive(self) -> list[psutil.Process]:
        for process in self._started.values():
            process.poll()  # collects the exit status, so that no zombie counts as alive
        alive = []
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.status() != psutil.STATUS_ZOMBIE:
                    alive.append(process)
        return alive


@contextlib.contextmanager
def process_family(logs: Path) -> Iterator[ProcessFamily]:
    """A family that is stopped at the end, also after an error, Ctrl-C, SIGTERM or a closed terminal."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    family = ProcessFamily(logs)
    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield family
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not leave half of them behind
        try:
            family.stop()
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for number, handler in before.items():
                signal.signal(number, handler)


def clean_environment() -> dict[str, str]:
    """Our environment, with which imports may be cached as byte code."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
