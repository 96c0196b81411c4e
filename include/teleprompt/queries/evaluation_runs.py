"""The scores that a run of `mlflow.genai.evaluate` holds, as a table like that of a file of scores."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teleprompt.errors import ConfigurationError
from teleprompt.score_files.table import Table

if TYPE_CHECKING:
    from mlflow import MlflowClient

SCHEME = "runs:/"
ID, GROUP = "id", "group"
PAGE = 100
SESSION = "mlflow.trace.session"


def read_evaluation_run(client: "MlflowClient", run_id: str, *, scorers: Sequence[str]) -> Table:
    """One row for each trace of the run: its inputs as `id`, what the scorers gave, and its session as `group`.

    Inputs are the id as canonical JSON, for each evaluation has traces of its own. What a scorer failed to give is
    missing.

    Raises:
        ConfigurationError: the run has no trace, or none has feedback of one of the scorers.
    """
    traces = list(_traces(client, run_id))
    if not traces:
        raise ConfigurationError(
            f"The run {run_id} holds no trace; name a run of `mlflow.genai.evaluate`, by its id, as {SCHEME}{run_id}."
        )
    found = [_feedback(trace) for trace in traces]
    given = list(dict.fromkeys(name for feedback in found for name in feedback))
    for scorer in scorers:
        if scorer not in given:
            names = ", ".join(map(repr, given)) or "none"
            raise ConfigurationError(
                f"The run {run_id} has no feedback {scorer!r}; its scorers are {names}: name one by --score."
            )
    columns: dict[str, Sequence[object]] = {name: [feedback.get(name) for feedback in found] for name in scorers}
    columns[ID] = [_canonical(trace.data.request) for trace in traces]
    sessions = [trace.info.trace_metadata.get(SESSION) for trace in traces]
    if all(sessions):
        columns[GROUP] = sessions
    return Table(Path(f"{SCHEME}{run_id}"), "trace", [trace.info.trace_id for trace in traces], columns, typed=True)


def _traces(client: "MlflowClient", run_id: str) -> Iterator[Any]:
    from mlflow.exceptions import MlflowException

    try:
        experiment = client.get_run(run_id).info.experiment_id
    except MlflowException as error:
        if error.error_code not in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            raise
        raise ConfigurationError(f"MLflow has no run {run_id!r}; check the id, and TELEPROMPT_TRACKING_URI.") from error
    token: str | None = None
    while True:
        page = client.search_traces(locations=[experiment], run_id=run_id, max_results=PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _feedback(trace: Any) -> dict[str, object]:
    """The latest valid value of each scorer."""
    given = [each for each in trace.info.assessments if each.feedback is not None and each.valid is not False]
    given.sort(key=lambda each: each.last_update_time_ms or 0)
    return {each.name: each.feedback.value for each in given}


def _canonical(request: str) -> str:
    """JSON with its keys in order; what is no JSON as it is."""
    try:
        return json.dumps(json.loads(request), sort_keys=True, ensure_ascii=False)
    except (TypeError, ValueError):
        return str(request)
