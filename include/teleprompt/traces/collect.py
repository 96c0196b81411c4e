"""The first stage: from MLflow to a snapshot of a window."""

import errno
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from teleprompt.config.program import ProgramConfig
from teleprompt.errors import InsufficientTracesError, TransientError
from teleprompt.program.fields import DeclaredFields
from teleprompt.records import Digest
from teleprompt.traces._incremental import DayCache, read_new, utc_now
from teleprompt.traces._staging import Staged, stage
from teleprompt.traces._write import valid_step, write_snapshot
from teleprompt.traces.curation.decide import Decisions, decide
from teleprompt.traces.first_use import FirstUse
from teleprompt.traces.found_instead import calls_instead
from teleprompt.traces.snapshot import Reading, SnapshotRecord, SourceReading
from teleprompt.traces.sources.choose import open_store
from teleprompt.traces.sources.merge import in_time_order
from teleprompt.traces.sources.of_program import call_shape, maturing, program_sources, spans_need
from teleprompt.traces.sources.raw import DATASET, TraceSource
from teleprompt.window import Window, format_utc

if TYPE_CHECKING:
    import pyarrow as pa
    from mlflow import MlflowClient

log = logging.getLogger(__name__)


class Collected(NamedTuple):
    """What a window holds."""

    snapshot: SnapshotRecord
    first_uses: dict[str, FirstUse]
    """Of all calls, in the snapshot or not, by contributor's id."""
    instead: str | None
    """What there is in place of usable calls; None where there are some, or nothing that helps."""


def collect_snapshot(
    client: "MlflowClient",
    *,
    config: ProgramConfig,
    declared: DeclaredFields,
    window: Window,
    storage_uri: str,
    fingerprint: Digest | None = None,
    least: int | None = None,
) -> Collected:
    """Read, curate, split and store the traces of `window`.

    Raises:
        UnmeasuredFieldsError: the calls hold other fields than would be compared.
        InsufficientTracesError: fewer than `least` usable traces (by default `optimization.min_traces`).
        TelepromptError: the storage is full.
    """
    with _working_folder() as folder:
        with open_reading(client, config=config, declared=declared, window=window, storage_uri=storage_uri) as reading:
            staged = stage(
                reading.batches(), config=config, declared=declared, folder=folder, now_ms=_milliseconds_now()
            )
        decisions = decide(staged.facts, config)
        _report(staged, decisions)
        staged.logged.check(config.name, staged.fields, declared)
        usable = sum(part is not None for part in decisions.parts)
        least = config.optimization.min_traces if least is None else least
        instead = None
        if usable < max(least, 1):
            instead = (
                staged.outcomes.instead_of(config)
                if staged.read
                else calls_instead(client, config, maturing(window, config))
            )
        if usable < least:
            quarantined = staged.reasons + Counter(reason for reason in decisions.reasons if reason is not None)
            raise InsufficientTracesError(
                usable,
                least,
                program=config.name,
                window=str(window),
                quarantined=dict(quarantined.most_common()),
                instead=instead,
            )
        _, record = write_snapshot(
            staged,
            decisions,
            config=config,
            window=window,
            fields=staged.fields,
            reading=Reading(sources=reading.watermarks(), config_fingerprint=fingerprint),
            folder=folder,
            storage_uri=storage_uri,
        )
        return Collected(record, staged.first_uses, instead)


@contextmanager
def _working_folder() -> Iterator[Path]:
    """A folder for what does not stay in memory.

    Raises:
        TransientError: its disk is full.
    """
    with TemporaryDirectory(prefix="teleprompt-collect-") as name:
        try:
            yield Path(name)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise TransientError(
                f"The disk of the temporary folder {Path(name).parent} is full; make room, or set TMPDIR to a folder "
                "with room for the texts of the window."
            ) from error


@dataclass
class OpenReading:
    """Sources of a program's window, and how far they were read."""

    sources: list[TraceSource]
    streams: list[Iterable["pa.Table"]]
    span: Window
    rows: dict[str, int] = field(default_factory=dict)
    newest_ms: dict[str, int] = field(default_factory=dict)

    def batches(self) -> Iterator["pa.Table"]:
        """All raw traces in time order."""
        watched = [self._watch(source.kind, stream) for source, stream in zip(self.sources, self.streams, strict=True)]
        return in_time_order(watched)

    def watermarks(self) -> tuple[SourceReading, ...]:
        """How far each source was read."""
        return tuple(
            SourceReading(
                kind=source.kind,
                route=source.route,
                rows=self.rows.get(source.kind, 0),
                read_until=format_utc(self.span.end),
                newest=_iso(self.newest_ms.get(source.kind)),
            )
            for source in self.sources
        )

    def _watch(self, kind: str, stream: Iterable["pa.Table"]) -> Iterator["pa.Table"]:
        for batch in stream:
            if len(batch):
                self.rows[kind] = self.rows.get(kind, 0) + len(batch)
                self.newest_ms[kind] = batch["started_at_ms"][-1].as_py()
            yield batch


@contextmanager
def open_reading(
    client: "MlflowClient",
    *,
    config: ProgramConfig,
    window: Window,
    declared: DeclaredFields | None = None,
    storage_uri: str | None = None,
) -> Iterator[OpenReading]:
    """All logged calls that mature in `window`; with a storage, read incrementally."""
    span = maturing(window, config)
    with open_store(client) as store:
        sources = program_sources(store, config, declared=declared)
        redacts = any(step.step == "redact" for step in config.curation)  # unredacted texts are not kept
        if storage_uri is None or not config.traces.incremental or redacts:
            streams: list[Iterable[pa.Table]] = [source.read(config.name, span) for source in sources]
        else:
            streams = [
                source.read(config.name, span)
                if source.kind == DATASET
                else read_new(
                    source,
                    config.name,
                    span,
                    cache=DayCache.of(
                        storage_uri,
                        store=client.tracking_uri,
                        experiments=list(config.traces.experiments),
                        program=config.name,
                        kind=source.kind,
                        outcomes=spans_need(config),
                        call=call_shape(config, declared).identity,
                        source=config.traces.source,
                        options=config.traces.options,
                    ),
                    settled=timedelta(days=config.traces.settled_days),
                    now=utc_now(),
                )
                for source in sources
            ]
        yield OpenReading(sources, streams, span)


def _report(staged: Staged, decisions: Decisions) -> None:
    for step in (valid_step(staged), *decisions.funnel):
        why = ", ".join(f"{reason} {count}" for reason, count in step.reasons.items())
        log.info("%s: %d -> %d%s", step.step, step.rows_in, step.rows_out, f" ({why})" if why else "")
    if decisions.imputed:
        log.warning("%d rows without an outcome have an imputed score", decisions.imputed)


def _milliseconds_now() -> int:
    return round(utc_now().timestamp() * 1000)


def _iso(milliseconds: int | None) -> str | None:
    from datetime import UTC, datetime

    return None if milliseconds is None else format_utc(datetime.fromtimestamp(milliseconds / 1000, tz=UTC))
