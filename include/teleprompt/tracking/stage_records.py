"""Each stage of a run once: made, kept in MLflow, and read back by whoever asks again."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from teleprompt.encoding.secret_uri import SecretUri
from teleprompt.records import Record
from teleprompt.tracking.connection import mlflow_client
from teleprompt.tracking.pipeline_run import PipelineRun
from teleprompt.tracking.run_key import RunKey

log = logging.getLogger(__name__)

R = TypeVar("R", bound=Record)


class StageRecords:
    """The records of one key in one MLflow."""

    def __init__(self, tracking_uri: SecretUri, key: RunKey) -> None:
        self._tracking_uri = tracking_uri
        self._key = key
        self.made: list[str] = []
        """Stages that were done here, not read back."""

    def once(
        self,
        name: str,
        model: type[R],
        stage: Callable[[PipelineRun], R],
        *,
        is_final: Callable[[R], bool] = lambda _record: True,
    ) -> R:
        """The record of the stage `name`: read back, or made by `stage` and kept.

        One that is not final is returned and not kept, so that another try makes it anew.

        Raises:
            RecordUnreadableError: another version of the package wrote it.
            TrackingUnavailableError: MLflow does not answer.
        """
        with self.open() as run:
            record = run.read(name, model)
            if record is not None:
                log.info("%s: done before for %s, read back", name, self._key.window)
                return record
            with run.under_way():
                record = stage(run)
            if not is_final(record):
                return record
            first = run.read(name, model)
            if first is not None:  # another task did the same meanwhile; all go on from one record
                log.warning("%s: done for %s by another task meanwhile, read back", name, self._key.window)
                return first
            run.write(name, record)
            self.made.append(name)
            return record

    @contextmanager
    def open(self) -> Iterator[PipelineRun]:
        """The run of the key, with its client.

        Raises:
            TrackingUnavailableError: from inside the block, when MLflow does not answer.
        """
        with mlflow_client(self._tracking_uri) as client:
            yield PipelineRun.open(client, self._key)
