"""The scores that a run of `mlflow.genai.evaluate` holds, as a log like those of other tools."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teleprompt.errors import ConfigurationError
from teleprompt.score_files.log import Log, Sample, canonical

if TYPE_CHECKING:
    from mlflow import MlflowClient

SCHEME = "runs:/"
PAGE = 100
SESSION = "mlflow.trace.session"


def read_evaluation_run(client: "MlflowClient", run_id: str) -> Log:
    """One answer for each trace of the run: what the scorers gave, and its session as group.

    The inputs name the example, for each evaluation has traces of its own. What a scorer failed to give is missing.

    Raises:
        ConfigurationError: there is no such run, or it has no trace.
    """
    traces = list(_traces(client, run_id))
    if not traces:
        raise ConfigurationError(
            f"The run {run_id} holds no trace; name a run of `mlflow.genai.evaluate`, by its id, as {SCHEME}{run_id}."
        )
    return Log(Path(f"{SCHEME}{run_id}"), "trace", [_answer(trace) for trace in traces])


def _answer(trace: Any) -> Sample:
    return Sample(
        number=trace.info.trace_id,
        example=_canonical(trace.data.request),
        scores=_feedback(trace),
        group=trace.info.trace_metadata.get(SESSION),
    )


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
        return canonical(json.loads(request))
    except (TypeError, ValueError):
        return str(request)
