"""Where scores come from: a file, or a run of `mlflow.genai.evaluate`."""

from pathlib import Path

from teleprompt.errors import ConfigurationError
from teleprompt.score_files.columns import Columns
from teleprompt.score_files.scores import Scores, read_scores, scores_of_log

RUNS = "runs:/"


def read_source(source: Path, columns: Columns, *, scale: float = 1.0) -> Scores:
    """The scores of a file, or of the run `runs:/ID` in the configured MLflow.

    Raises:
        ConfigurationError: they cannot be had, or are none.
    """
    if not str(source).startswith(RUNS):
        return read_scores(source, columns, scale=scale)
    if columns.group is not None:
        raise ConfigurationError(f"--group is for files; {source} is grouped by its traces' sessions, so leave it out.")
    try:
        from teleprompt.config.settings import Settings
        from teleprompt.queries.evaluation_runs import read_evaluation_run
        from teleprompt.tracking.connection import mlflow_client

        with mlflow_client(Settings().tracking_uri) as client:
            log = read_evaluation_run(client, str(source).removeprefix(RUNS))
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{source} can be read where teleprompt-airflow is installed; there is no {error.name}."
        ) from error
    return scores_of_log(log, columns, scale=scale)
