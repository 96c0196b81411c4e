"""A program at a glance: what runs, what the last run found, and how much there is for the next one."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from teleprompt.config.program import ProgramConfig
from teleprompt.queries.history import RunSummary, page_of_runs
from teleprompt.records import Record
from teleprompt.registry.listing import VersionLine, list_versions
from teleprompt.traces.volume import volume
from teleprompt.window import Window

if TYPE_CHECKING:
    from mlflow import MlflowClient


RECENT = 10
"""Runs that are looked at for the last verdict and the spend."""


class Overview(Record):
    """One program at a glance."""

    program: str
    name: str
    champion: VersionLine | None
    last_run: RunSummary | None
    last_verdict: RunSummary | None
    """The newest run that came to a verdict."""
    backlog: int
    """Calls since the newest window ended, or in the lookback if there was none; counted to `min_traces` at least."""
    min_traces: int
    cost_usd: float
    """Of the last 10 runs, all stages, as far as prices are known."""


def overview(client: "MlflowClient", *, slug: str, config: ProgramConfig, now: datetime | None = None) -> Overview:
    """What is known of a program now."""
    now = (now or datetime.now(UTC)).replace(microsecond=0)
    runs, _ = page_of_runs(client, program=config.name, limit=RECENT)
    versions = list_versions(client, config.name)
    since = max((datetime.fromisoformat(run.window_end) for run in runs), default=now - config.lookback)
    enough = config.optimization.min_traces
    waiting = 0
    if since < now:
        waiting = volume(client, config=config, window=Window(start=since, end=now), enough=enough).calls
    return Overview(
        program=slug,
        name=config.name,
        champion=next((version for version in versions if "champion" in version.aliases), None),
        last_run=runs[0] if runs else None,
        last_verdict=next((run for run in runs if run.verdict is not None), None),
        backlog=waiting,
        min_traces=enough,
        cost_usd=sum(run.cost_usd or 0 for run in runs),
    )
