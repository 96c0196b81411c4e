"""The documents' `TraceLoader`: traces as dictionaries, for notebooks and scripts."""

from datetime import datetime
from typing import Any

from include.teleprompt.config.program import TracesConfig
from include.teleprompt.config.settings import Settings
from include.teleprompt.traces.experiments import production_experiments
from include.teleprompt.traces.raw import RawTrace
from include.teleprompt.traces.runs_source import RunsSource
from include.teleprompt.traces.traces_source import TracesSource
from include.teleprompt.tracking.connection import mlflow_client
from include.teleprompt.window import Window


class TraceLoader:
    """Loads a program's logged calls from MLflow.

    Args:
        settings: which MLflow; by default that of the environment.
        experiments: names of the experiments to read; empty means every active one.
    """

    def __init__(self, settings: Settings | None = None, *, experiments: tuple[str, ...] = ()) -> None:
        self._settings = settings or Settings()
        self._experiments = TracesConfig(experiments=experiments).experiments

    def load_traces(
        self,
        program_name: str,
        start_date: datetime,
        end_date: datetime,
        min_score: float = 0.0,
        outcome_metric: str = "outcome_score",
        limit: int = 100_000,
    ) -> list[dict[str, Any]]:
        """The calls in `[start_date, end_date)` (naive means UTC) whose `outcome_metric` is at least `min_score`.

        Calls without that outcome are left out, for they have no score. At most `limit`, oldest first.
        Each is a dict with `trace_id`, `program`, `program_version`, `started_at`, `inputs`, `outputs`,
        `outcomes`, `score`, `contributor_id`, `contributor_address`, `source`.
        """
        window = Window(start=start_date, end=end_date)
        loaded = []
        with mlflow_client(self._settings.tracking_uri) as client:
            ids = production_experiments(client, self._experiments)
            for source in (
                RunsSource(client, ids, outcome=outcome_metric, page_size=1000),
                TracesSource(client, ids, page_size=1000),
            ):
                for raw in source.read(program_name, window):
                    score = raw.outcomes.get(outcome_metric)
                    if score is not None and score >= min_score and not raw.failed:
                        loaded.append(_as_dict(raw, program=program_name, score=score))
        loaded.sort(key=lambda trace: (trace["started_at"], trace["trace_id"]))
        return loaded[:limit]


def _as_dict(raw: RawTrace, *, program: str, score: float) -> dict[str, Any]:
    from datetime import UTC

    return {
        "trace_id": raw.trace_id,
        "program": program,
        "program_version": raw.program_version,
        "started_at": datetime.fromtimestamp(raw.started_at_ms / 1000, tz=UTC),
        "inputs": dict(raw.inputs),
        "outputs": dict(raw.outputs),
        "outcomes": dict(raw.outcomes),
        "score": score,
        "contributor_id": raw.contributor_id,
        "contributor_address": raw.contributor_address,
        "source": raw.source,
    }
