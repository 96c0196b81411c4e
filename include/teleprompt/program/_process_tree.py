"""What a process has started: how much, and how to end it."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress

ROUNDS = 50
"""Of ending what a process that forks faster than it is ended has started meanwhile."""


def count_and_memory(session: int) -> tuple[int, int]:
    """How many processes the session has, and the bytes of memory that they hold together."""
    import psutil

    count = memory = 0
    for pid in _of_session(session):
        with suppress(psutil.Error):
            memory += psutil.Process(pid).memory_info().rss
            count += 1
    return count, memory


def end_session(session: int) -> None:
    """Kill all processes of the session, also those that left the group."""
    for _ in range(ROUNDS):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(session, signal.SIGKILL)
        alive = [pid for pid in _of_session(session) if pid != session]
        if not alive:
            return
        for pid in alive:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def _of_session(session: int) -> Iterator[int]:
    import psutil

    for pid in psutil.pids():
        with suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) == session:
                yield pid
