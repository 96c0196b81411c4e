"""Waiting for an MLflow that is being restarted."""

import logging
from collections.abc import Callable
from typing import TypeVar

from teleprompt.tracking.connection import is_outage

log = logging.getLogger(__name__)

MAX_WAIT_SECONDS = 300
"""How long one page is asked for again; a restart of `mlflow server` takes about fifteen seconds."""

T = TypeVar("T")


def patiently(fetch: Callable[[], T], *, max_wait_seconds: float = MAX_WAIT_SECONDS) -> T:
    """What `fetch` gives; asked again, with growing pauses, while MLflow does not answer.

    Raises:
        Exception: whatever `fetch` raised last, if that was no outage or the time is up.
    """
    from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_exponential_jitter

    def say(_state: object) -> None:
        log.warning("MLflow does not answer; asking again for up to %d s", max_wait_seconds)

    retrying = Retrying(
        retry=retry_if_exception(is_outage),
        stop=stop_after_delay(max_wait_seconds),
        wait=wait_exponential_jitter(multiplier=0.5, max=15),
        before_sleep=say,
        reraise=True,
    )
    return retrying(fetch)
