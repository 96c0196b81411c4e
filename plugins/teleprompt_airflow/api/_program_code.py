"""Running program code for a request: in a process of its own, one at a time."""

import ctypes
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from fastapi import HTTPException

log = logging.getLogger(__name__)

PR_SET_DUMPABLE = 4
_RUNNING = Lock()


@contextmanager
def program_code() -> Iterator[None]:
    """Hold the place in which program code may be run.

    Raises:
        HTTPException: 429, somebody else holds it.
    """
    if not _RUNNING.acquire(blocking=False):
        raise HTTPException(429, "Another program is looked at; try again when that is over.", {"Retry-After": "10"})
    try:
        hide_from_own_user()
        yield
    finally:
        _RUNNING.release()


def hide_from_own_user() -> None:
    """Keep other processes of the same user from reading this one's environment and memory, as Airflow does in tasks.

    Only Linux can do it, and not against root.
    """
    if sys.platform != "linux":
        return
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0):
        log.warning("The API server could not be hidden from program code (errno %d).", ctypes.get_errno())
