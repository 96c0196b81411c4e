"""How far a stage is, as a tag of its pipeline run: readable from outside while it runs."""

import logging
import time

from teleprompt.tracking.pipeline_run import PipelineRun

log = logging.getLogger(__name__)

PROGRESS = "progress."
EVERY_SECONDS = 5.0


class ProgressTags:
    """Shows the progress of one part of a stage, no more often than people look."""

    def __init__(self, run: PipelineRun, part: str) -> None:
        self._run = run
        self._tag = f"{PROGRESS}{part}"
        self._last = -EVERY_SECONDS

    def show(self, text: str) -> None:
        """Log `text`, and set it as the tag `teleprompt.progress.<part>`."""
        if time.monotonic() - self._last < EVERY_SECONDS:
            return
        self._last = time.monotonic()
        log.info("%s", text)
        self._set(text)

    def end(self, text: str) -> None:
        """Set what it came to."""
        self._set(text)

    def _set(self, text: str) -> None:
        """A moment without MLflow costs a look at the progress, and must not cost the work."""
        try:
            self._run.tag(**{self._tag: text})
        except Exception as error:  # noqa: BLE001
            log.warning("The progress could not be written to MLflow (%s).", type(error).__name__)
