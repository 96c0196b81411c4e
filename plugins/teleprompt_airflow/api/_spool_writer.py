"""Writes submitted traces from the spool to MLflow, in the background of the API server."""

import logging
from threading import Event, Thread

from teleprompt.alerts.of_spool import alerts_of_set_aside
from teleprompt.config.program import ProgramConfig
from teleprompt.errors import TelepromptError
from teleprompt.traces.submission.spool import Spool
from teleprompt.traces.submission.submit import drain
from teleprompt_airflow.api.access import find_program
from teleprompt_airflow.hooks.settings import shared_settings
from teleprompt_airflow.metrics import gauge
from teleprompt_airflow.notifications.tell import tell

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 15.0
"""Between two tries while MLflow is away, and two looks for what another process left behind."""


class SpoolWriter:
    """One thread, begun with the first trace or the first look at the health; what waits is on disk, so it may die.

    Never begun while the server starts: beside its imports and its asking for connections, a real server hung.
    """

    def __init__(self) -> None:
        self._call = Event()
        self._thread: Thread | None = None

    def wake(self) -> None:
        """There is something to write."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = Thread(target=self._work, name="teleprompt-spool-writer", daemon=True)
            self._thread.start()
        self._call.set()

    def _work(self) -> None:
        while True:
            self._call.wait(PATIENCE_SECONDS)
            self._call.clear()
            try:
                self._write()
            except TelepromptError as error:
                log.warning("%s Submitted traces wait.", error)
            except Exception:  # the thread must outlive whatever happens: what waits is carried by nobody else
                log.exception("Submitted traces wait")

    def _write(self) -> None:
        from teleprompt.tracking.connection import mlflow_client

        settings = shared_settings()
        spool = Spool(settings.spool_dir)
        waiting = len(spool)
        gauge("spool_waiting", waiting)
        try:
            if waiting:
                with mlflow_client(settings.tracking_uri) as client:
                    drain(spool, client, _config_of)
        finally:  # that MLflow is away hinders nobody to tell of what was set aside before
            gauge("spool_waiting", len(spool))
            gauge("spool_set_aside", spool.aside())
            _tell_of_set_aside(spool)


def _tell_of_set_aside(spool: Spool) -> None:
    rows = spool.untold_aside()
    if rows:
        tell(alerts_of_set_aside(rows), {})
        spool.mark_told([row.number for row in rows])


def _config_of(slug: str) -> ProgramConfig:
    return find_program(slug).config


SPOOL_WRITER = SpoolWriter()
"""The API server's own."""
