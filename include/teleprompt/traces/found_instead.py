"""What a window holds where it lacks what was asked for: a metric of another name, calls of another program."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from teleprompt.config.program import ProgramConfig
from teleprompt.config.traces import IN_MLFLOW, Labels
from teleprompt.encoding.secret_uri import without_credentials
from teleprompt.traces.sources import tags
from teleprompt.traces.sources.experiments import production_experiments
from teleprompt.tracking.connection import quoted
from teleprompt.window import Window, format_utc

if TYPE_CHECKING:
    import pyarrow as pa
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

LOOKED_AT = 200
"""Calls of each kind whose program's name is read."""

MOST_NAMED = 3

FEW = 20
"""A metric that one in so many calls holds has the right name, and is merely rare."""


@dataclass
class LoggedOutcomes:
    """How many calls hold an outcome of each name, counted over a stream of raw traces."""

    calls: int = 0
    names: Counter[str] = field(default_factory=Counter)

    def add(self, raw: "pa.Table") -> None:
        """Count raw traces."""
        import pyarrow as pa
        import pyarrow.compute as pc

        self.calls += len(raw)
        lists = raw["outcomes"].combine_chunks()
        names = pc.list_flatten(lists).field("name")
        once = pa.table({"call": pc.list_parent_indices(lists), "name": names}).group_by(["call", "name"]).aggregate([])
        self.names.update({count["values"]: count["counts"] for count in pc.value_counts(once["name"]).to_pylist()})

    def instead_of(self, config: ProgramConfig) -> str | None:
        """What calls hold in place of the program's metric; None where some hold it, or none another."""
        metric, known = config.outcome.metric, {one.metric for one in config.outcome.metrics}
        if config.traces.labels is not Labels.OUTCOME or FEW * self.names[metric] >= self.calls:
            return None
        others = {name: count for name, count in self.names.items() if name not in known}
        if not others:
            return None
        return (
            f"{self.names[metric]} of {self.calls} calls hold the outcome `{metric}`, they hold "
            f"{_listed(metric, others)}; correct `outcome.metric`, or log it under that name."
        )


def calls_instead(client: "MlflowClient", config: ProgramConfig, span: Window) -> str | None:
    """What MLflow holds where the program has no call in a span; None where it holds nothing that helps."""
    if config.traces.source not in IN_MLFLOW:
        return None
    try:
        return _calls_instead(client, config, span)
    except Exception as error:  # noqa: BLE001 - a hint that cannot be given must not end what it was for
        log.warning("What there is instead of calls of %s cannot be told: %s", config.name, type(error).__name__)
        return None


def _calls_instead(client: "MlflowClient", config: ProgramConfig, span: Window) -> str | None:
    kinds = {"runs", "traces"} if config.traces.source == "auto" else {config.traces.source}
    experiments = production_experiments(client, config.traces.experiments)
    newest = max(_newest(client, experiments, config.name, kinds), default=None)
    if newest is not None:
        return f"the newest call of `{config.name}` is of {format_utc(newest)}; choose a window that holds it."
    elsewhere = [name for name in production_experiments(client, ()) if name not in experiments]
    if elsewhere and any(_newest(client, elsewhere, config.name, kinds)):
        named = ", ".join(config.traces.experiments)
        return f"`{config.name}` has no call in {named}, but in other experiments; correct `traces.experiments`."
    programs = Counter(_programs(client, experiments, span, kinds))
    unnamed = programs.pop(None, 0)
    if programs:
        return (
            f"calls there name {_listed(config.name, programs)}, none names `{config.name}`; correct the program "
            f"file's `name`, or the tag `{tags.PROGRAM}` of the calls."
        )
    if unnamed:
        return f"calls there ({unnamed} were looked at) name no program; give them the tag `{tags.PROGRAM}`."
    if config.traces.experiments:
        return None
    return (
        f"the MLflow at {without_credentials(client.tracking_uri)} holds no call of `{config.name}` at all, and "
        "none of another program in that window; name the MLflow that your programs log to, by TELEPROMPT_TRACKING_URI "
        "or in Airflow by the connection mlflow_default."
    )


def _newest(client: "MlflowClient", experiments: list[str], program: str, kinds: set[str]) -> Iterator[Any]:
    """When the newest run and the newest trace of a program started."""
    if not experiments:
        return
    mine = f"tags.{tags.PROGRAM} = {quoted(program)}"
    if "runs" in kinds:
        for run in client.search_runs(experiments, mine, order_by=["attributes.start_time DESC"], max_results=1):
            yield datetime.fromtimestamp(run.info.start_time / 1000, UTC)
    if "traces" not in kinds:
        return
    for trace in client.search_traces(
        locations=experiments,
        filter_string=mine,
        order_by=["timestamp_ms DESC"],
        max_results=1,
        include_spans=False,
    ):
        yield datetime.fromtimestamp(trace.info.request_time / 1000, UTC)


def _programs(client: "MlflowClient", experiments: list[str], span: Window, kinds: set[str]) -> Iterator[str | None]:
    """The programs that some calls of a span name; None for one that names none."""
    if not experiments:
        return
    runs = f"attributes.start_time >= {span.start_ms} AND attributes.start_time < {span.end_ms}"
    if "runs" in kinds:
        for run in client.search_runs(experiments, runs, max_results=LOOKED_AT):
            yield run.data.tags.get(tags.PROGRAM)
    if "traces" not in kinds:
        return
    traces = f"trace.timestamp_ms >= {span.start_ms} AND trace.timestamp_ms < {span.end_ms}"
    for trace in client.search_traces(
        locations=experiments, filter_string=traces, max_results=LOOKED_AT, include_spans=False
    ):
        yield {**trace.info.trace_metadata, **trace.info.tags}.get(tags.PROGRAM)


def _listed(wanted: str, found: dict[Any, int]) -> str:
    """The names that are most like the one that was wanted, then the most frequent, with their numbers."""

    def by_likeness(name: str) -> tuple[float, int, str]:
        like = SequenceMatcher(None, wanted.lower(), name.lower()).ratio()
        return -like if like > 0.6 else 0.0, -found[name], name

    return _joined(f"`{name}` ({found[name]})" for name in sorted(found, key=by_likeness)[:MOST_NAMED])


def _joined(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
