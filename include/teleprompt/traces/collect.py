"""The first stage: from MLflow to a snapshot of a window."""

import logging
from collections.abc import Iterator
from itertools import chain
from typing import Any

from include.teleprompt.config.program import ProgramConfig, TraceSourceName
from include.teleprompt.errors import InsufficientTracesError
from include.teleprompt.program.fields import ProgramFields
from include.teleprompt.traces.curate import curate
from include.teleprompt.traces.experiments import production_experiments
from include.teleprompt.traces.raw import RawTrace, TraceSource
from include.teleprompt.traces.runs_source import RunsSource
from include.teleprompt.traces.snapshot import SnapshotRecord, write_snapshot
from include.teleprompt.traces.split import split
from include.teleprompt.traces.traces_source import TracesSource
from include.teleprompt.window import Window

log = logging.getLogger(__name__)


def collect_snapshot(
    client: Any, *, config: ProgramConfig, fields: ProgramFields, window: Window, storage_uri: str
) -> SnapshotRecord:
    """Read, curate, split and store the traces of `window`.

    Raises:
        InsufficientTracesError: fewer than `optimization.min_traces` usable traces.
    """
    curated = curate(
        read_traces(client, config=config, window=window),
        program=config.name,
        fields=fields,
        outcome=config.outcome,
        max_traces=config.optimization.max_traces,
    )
    for step in curated.funnel:
        log.info("%s: %d -> %d", step.step, step.rows_in, step.rows_out)
    if len(curated.rows) < config.optimization.min_traces:
        raise InsufficientTracesError(
            len(curated.rows), config.optimization.min_traces, program=config.name, window=str(window)
        )
    snapshot, record = write_snapshot(
        curated,
        split(curated.rows, config.split),
        program=config.name,
        window=window,
        fields=fields,
        storage_uri=storage_uri,
    )
    for reason, count in snapshot.quarantined.items():
        log.info("quarantined %d: %s", count, reason)
    return record


def read_traces(client: Any, *, config: ProgramConfig, window: Window) -> Iterator[RawTrace]:
    """All logged calls of the window, from every source that the program names."""
    return chain.from_iterable(source.read(config.name, window) for source in _sources(client, config))


def count_traces(client: Any, *, config: ProgramConfig, window: Window, enough: int) -> int:
    """How many calls the window holds before curation; counting stops at `enough`."""
    count = 0
    for source in _sources(client, config):
        count += source.count(config.name, window, enough=enough - count)
        if count >= enough:
            break
    return count


def _sources(client: Any, config: ProgramConfig) -> list[TraceSource]:
    experiments = production_experiments(client, config.traces.experiments)
    page = config.optimization.batch_size
    runs = RunsSource(client, experiments, outcome=config.outcome.metric, page_size=page)
    traces = TracesSource(client, experiments, page_size=page)
    match config.traces.source:
        case TraceSourceName.RUNS:
            return [runs]
        case TraceSourceName.TRACES:
            return [traces]
        case TraceSourceName.AUTO:
            return [runs, traces]
