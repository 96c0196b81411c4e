"""Which source reads a program's calls: the fastest that the store allows."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from teleprompt.config.project import project_dir
from teleprompt.config.traces import IN_MLFLOW, TraceAccess, TracesConfig
from teleprompt.errors import ConfigurationError
from teleprompt.traces.sources._datasets import DatasetSource
from teleprompt.traces.sources._runs_processes import RunsProcessesSource
from teleprompt.traces.sources._runs_rest import RunsRestSource
from teleprompt.traces.sources._second_process import SecondProcess
from teleprompt.traces.sources._trace_rows import SpanReader
from teleprompt.traces.sources._traces_client import TracesClientSource
from teleprompt.traces.sources._traces_rest import TracesRestSource
from teleprompt.traces.sources.call_span import CallShape
from teleprompt.traces.sources.experiments import production_experiments
from teleprompt.traces.sources.own import own_source
from teleprompt.traces.sources.raw import TraceSource
from teleprompt.traces.sources.sql.database import Database, FastPathUnavailableError
from teleprompt.traces.sources.sql.open import open_database
from teleprompt.traces.sources.sql.runs import RunsSqlSource
from teleprompt.traces.sources.sql.traces import TracesSqlSource

if TYPE_CHECKING:
    from mlflow import MlflowClient


log = logging.getLogger(__name__)


class Store:
    """MLflow as programs' sources see it: one client, and one way to its database if there is one."""

    def __init__(self, client: "MlflowClient") -> None:
        self._client = client
        self._second_process = SecondProcess(client.tracking_uri)
        self._database: Database | None = None
        self._unavailable: FastPathUnavailableError | None = None

    def sources(
        self, config: TracesConfig, *, outcomes: Sequence[str], page_size: int, shape: CallShape | None = None
    ) -> list[TraceSource]:
        """The sources that hold a program's calls.

        `outcomes` names the metrics without which a trace's spans are not worth reading; empty means they always are.
        `shape` tells the program's call among a trace's spans.

        Raises:
            ConfigurationError: an experiment does not exist, or `traces.access: sql` cannot be met.
        """
        shape = shape or CallShape(span=config.span)
        datasets = [DatasetSource(self._client, name) for name in config.datasets]
        if config.source not in IN_MLFLOW:
            return [own_source(config.source, config.options, shape=shape, project=project_dir()), *datasets]
        experiments = production_experiments(self._client, config.experiments)
        wanted = {"runs", "traces"} if config.source == "auto" else {config.source}
        traces = TracesClientSource(self._client, experiments, page_size=page_size, outcomes=outcomes, shape=shape)
        found: tuple[TraceSource, ...]
        database = self._fast_path(config.access)
        if database is not None:
            found = (
                RunsSqlSource(database, experiments, page_size=page_size),
                TracesSqlSource(
                    database,
                    experiments,
                    page_size=page_size,
                    outcomes=outcomes,
                    shape=shape,
                    elsewhere=SpanReader(traces.payloads, traces.places),
                ),
            )
        elif self._client.tracking_uri.startswith(("http://", "https://")):
            found = (
                RunsRestSource(self._client, experiments, page_size=page_size),
                TracesRestSource(self._client, experiments, page_size=page_size, outcomes=outcomes, shape=shape),
            )
        else:
            runs = RunsProcessesSource(
                self._client, experiments, page_size=page_size, second_process=self._second_process
            )
            found = (runs, traces)
        return [*(source for source in found if source.kind in wanted), *datasets]

    def close(self) -> None:
        """Close the way to the database, and end what was started."""
        self._second_process.close()
        if self._database is not None:
            self._database.close()

    def _fast_path(self, access: TraceAccess) -> Database | None:
        if access is TraceAccess.API:
            return None
        if self._database is None and self._unavailable is None:
            try:
                self._database = open_database(self._client.tracking_uri)
            except FastPathUnavailableError as unavailable:
                self._unavailable = unavailable
                log.info("%s", unavailable)
        if self._unavailable is not None and access is TraceAccess.SQL:
            raise ConfigurationError(f"`traces.access: sql` cannot be met: {self._unavailable}")
        return self._database


@contextmanager
def open_store(client: "MlflowClient") -> Iterator[Store]:
    """The store that `client` talks to."""
    store = Store(client)
    try:
        yield store
    finally:
        store.close()
