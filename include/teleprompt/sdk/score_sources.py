"""Where scores come from: a file, a run of `mlflow.genai.evaluate`, or what a Python program holds."""

from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from teleprompt.encoding.secret_uri import SecretUri
from teleprompt.errors import ConfigurationError
from teleprompt.score_files.columns import Columns
from teleprompt.score_files.log import Log, Sample, canonical
from teleprompt.score_files.pairing import Pairs, pair
from teleprompt.score_files.scores import Scores, read_scores, scores_of_log

if TYPE_CHECKING:
    from dspy.evaluate import EvaluationResult

RUNS = "runs:/"

ScoreSource: TypeAlias = "str | PathLike[str] | Mapping[str, object] | EvaluationResult"
"""A file, `runs:/ID`, scores by the examples' ids, or what `dspy.Evaluate` returns."""


def pair_sources(
    baseline: ScoreSource,
    candidate: ScoreSource,
    columns: Columns,
    *,
    scale: float = 1.0,
    tracking_uri: SecretUri | None = None,
) -> Pairs:
    """Two programs' scores on the same examples.

    Raises:
        ConfigurationError: they cannot be had, or do not pair.
    """
    named = {"baseline": baseline, "candidate": candidate}
    return pair(
        *(
            read_source(source, columns, scale=scale, name=name, tracking_uri=tracking_uri)
            for name, source in named.items()
        )
    )


def read_source(
    source: ScoreSource,
    columns: Columns,
    *,
    scale: float = 1.0,
    name: str = "scores",
    tracking_uri: SecretUri | None = None,
) -> Scores:
    """The scores of a file, of the run `runs:/ID`, or of an object that errors call `name`.

    Runs are of the MLflow at `tracking_uri`, or the one that the environment names.

    Raises:
        ConfigurationError: they cannot be had, or are none.
    """
    if isinstance(source, (str, PathLike)):
        path = Path(fspath(source))
        if str(path).startswith(RUNS):
            return _of_run(path, columns, scale, tracking_uri)
        return read_scores(path, columns, scale=scale)
    samples = _of_mapping(source) if isinstance(source, Mapping) else _of_evaluation(source)
    if not samples:
        raise ConfigurationError(f"The {name} is empty: it holds no score; check what made it.")
    return scores_of_log(Log(Path(f"the {name}"), "answer", samples), columns, scale=scale)


def _of_run(source: Path, columns: Columns, scale: float, tracking_uri: SecretUri | None) -> Scores:
    if columns.group is not None:
        raise ConfigurationError(f"--group is for files; {source} is grouped by its traces' sessions, so leave it out.")
    try:
        from teleprompt.config.settings import Settings
        from teleprompt.queries.evaluation_runs import read_evaluation_run
        from teleprompt.tracking.connection import mlflow_client

        with mlflow_client(tracking_uri or Settings().tracking_uri) as client:
            log = read_evaluation_run(client, str(source).removeprefix(RUNS))
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{source} can be read where teleprompt-airflow is installed; there is no {error.name}."
        ) from error
    return scores_of_log(log, columns, scale=scale)


def _of_mapping(scores: Mapping[str, object]) -> list[Sample]:
    return [Sample(number=i, example=name, scores={"score": score}) for i, (name, score) in enumerate(scores.items())]


def _of_evaluation(result: "EvaluationResult") -> list[Sample]:
    """DSPy's examples have no ids, so their inputs name them."""
    return [
        Sample(
            number=i,
            example=canonical(example.inputs().toDict()),
            scores={"score": getattr(score, "score", score)},  # a metric may give its reasons with the score
            about=example.toDict(),
        )
        for i, (example, _, score) in enumerate(result.results)
    ]
