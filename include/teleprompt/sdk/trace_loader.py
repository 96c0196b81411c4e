"""The documents' `TraceLoader`: traces as dictionaries or Arrow, for notebooks and scripts."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from teleprompt.config.outcome import OutcomeConfig
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.config.traces import TracesConfig
from teleprompt.encoding.addresses import checksum_address
from teleprompt.traces.collect import open_reading
from teleprompt.traces.curation.decide import evenly_spaced
from teleprompt.traces.outcomes import resolve
from teleprompt.tracking.connection import mlflow_client
from teleprompt.window import Window

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Truncation:
    """What a load left out because there was more than `limit`."""

    found: int
    """Traces that reached the score."""
    returned: int
    rule: str = "evenly spaced in time"


class TraceLoader:
    """Loads a program's logged calls from MLflow.

    Args:
        settings: which MLflow; by default that of the environment.
        experiments: names of the experiments to read; empty means every active one.
    """

    def __init__(self, settings: Settings | None = None, *, experiments: tuple[str, ...] = ()) -> None:
        self._settings = settings or Settings()
        self._traces = TracesConfig(experiments=experiments)
        self.truncated: Truncation | None = None
        """What the last load left out; None if it left out nothing."""

    def load_traces(
        self,
        program_name: str,
        start_date: datetime,
        end_date: datetime,
        min_score: float = 0.0,
        outcome_metric: str = "outcome_score",
        limit: int = 100_000,
    ) -> list[dict[str, Any]]:
        """The calls in `[start_date, end_date)` whose `outcome_metric` is at least `min_score`.

        Times without a zone are local, as everywhere in Python. Calls without that outcome are left out, for they have
        no score. Of more than `limit`, so many are returned, evenly spaced in time; `truncated` and a warning then say
        how many there were. Oldest first. Each is a dict with `trace_id`, `program`, `program_version`, `started_at`,
        `inputs`, `outputs`, `outcomes`, `score`, `contributor_id`, `contributor_address`, `source`,
        and `problem`: for what a run would not use it, `invalid_address`, `missing_input` or `missing_output`, else
        None. What a run looks at beyond that takes the program's own fields (`teleprompt traces inspect`).
        """
        table = self.load_table(program_name, start_date, end_date, min_score, outcome_metric, limit)
        return [_as_dict(row) for row in table.to_pylist()]

    def load_table(
        self,
        program_name: str,
        start_date: datetime,
        end_date: datetime,
        min_score: float = 0.0,
        outcome_metric: str = "outcome_score",
        limit: int = 100_000,
    ) -> "pa.Table":
        """What `load_traces` returns, as an Arrow table; inputs, outputs and outcomes are maps."""
        import pyarrow as pa

        batches = list(
            self.iter_batches(program_name, start_date, end_date, min_score, outcome_metric, batch_size=10_000)
        )
        table = pa.concat_tables(batches) if batches else _empty(program_name, outcome_metric)
        kept = evenly_spaced(len(table), limit)
        self.truncated = None
        if len(kept) < len(table):
            self.truncated = Truncation(found=len(table), returned=len(kept))
            log.warning("%d traces of %s: %d returned, evenly spaced in time", len(table), program_name, len(kept))
            table = table.take(kept)
        return table

    def iter_batches(
        self,
        program_name: str,
        start_date: datetime,
        end_date: datetime,
        min_score: float = 0.0,
        outcome_metric: str = "outcome_score",
        *,
        batch_size: int = 1000,
    ) -> Iterator["pa.Table"]:
        """All such calls as Arrow tables of at most `batch_size` rows, oldest first, in bounded memory."""
        window = Window.of_datetimes(start_date, end_date)
        config = ProgramConfig(
            name=program_name, slug="loader", traces=self._traces, outcome=OutcomeConfig(metric=outcome_metric)
        )
        with (
            mlflow_client(self._settings.tracking_uri) as client,
            open_reading(client, config=config, window=window) as reading,
        ):
            for raw in reading.batches():
                table = _scored(raw, program_name, config.outcome, min_score)
                for first in range(0, len(table), batch_size):
                    yield table.slice(first, batch_size)


def _scored(raw: "pa.Table", program: str, outcome: OutcomeConfig, min_score: float) -> "pa.Table":
    """The rows of a raw table that did not fail and whose outcome is at least `min_score`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    raw = raw.combine_chunks()
    resolved = resolve(raw["outcomes"], outcome)
    score = resolved.values[outcome.metric]
    good = pc.and_not(pc.greater_equal(score, min_score), raw["failed"].combine_chunks())
    return pa.table(
        {
            "trace_id": raw["trace_id"],
            "program": pa.repeat(program, len(raw)),
            "program_version": raw["program_version"],
            "started_at": raw["started_at_ms"].cast(pa.timestamp("ms", tz="UTC")),
            "inputs": raw["inputs"],
            "outputs": raw["outputs"],
            "outcomes": resolved.outcomes,
            "score": score,
            "contributor_id": raw["contributor_id"],
            "contributor_address": raw["contributor_address"],
            "source": raw["source"],
        }
    ).filter(good)


def _empty(program: str, metric: str) -> "pa.Table":
    from teleprompt.traces.sources.raw import raw_schema

    return _scored(raw_schema().empty_table(), program, OutcomeConfig(metric=metric), 0.0)


def _as_dict(row: dict[str, Any]) -> dict[str, Any]:
    trace = {**row, **{name: dict(row[name]) for name in ("inputs", "outputs", "outcomes")}}
    return {**trace, "problem": _problem(trace)}


def _problem(trace: dict[str, Any]) -> str | None:
    if trace["contributor_address"] is not None:
        try:
            checksum_address(trace["contributor_address"])
        except ValueError:
            return "invalid_address"
    for part, reason in (("inputs", "missing_input"), ("outputs", "missing_output")):
        if not trace[part] or not all(trace[part].values()):
            return reason
    return None
