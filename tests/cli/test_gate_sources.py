"""Runs of `mlflow.genai.evaluate`, as MLflow itself writes them, are compared like two files."""

from collections.abc import Callable

import mlflow
import pytest
from mlflow.genai import scorer
from mlflow.genai.evaluation.entities import EvaluationResult

from teleprompt.config.settings import Settings
from teleprompt.errors import ConfigurationError
from teleprompt.queries.evaluation_runs import read_evaluation_run
from teleprompt.tracking.connection import mlflow_client

DATA = [{"inputs": {"question": f"q{i}"}, "expectations": {"answer": str(i)}} for i in range(12)]


@scorer
def right(outputs: str, expectations: dict[str, str]) -> bool:
    return outputs == expectations["answer"]


@scorer
def graded(outputs: str) -> str:
    return "yes" if outputs else "no"


def evaluated(answer: Callable[[str], str]) -> EvaluationResult:
    return mlflow.genai.evaluate(data=DATA, predict_fn=lambda question: answer(question), scorers=[right, graded])


def half(question: str) -> str:
    if question == "q1":
        raise ValueError("no answer")
    return question[1:] if int(question[1:]) % 2 else ""


@pytest.fixture
def runs(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """A program that answers half of the questions right and fails at one, and one that answers all."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", settings.tracking_uri.get_secret_value())
    mlflow.set_tracking_uri(settings.tracking_uri.get_secret_value())
    mlflow.set_experiment("evaluations")
    return evaluated(half).run_id, evaluated(lambda question: question[1:]).run_id


def test_inputs_are_the_ids_and_feedback_the_scores(runs: tuple[str, str], settings: Settings) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        table = read_evaluation_run(client, runs[0], scorers=["right", "graded"])
        assert set(table.columns["id"]) == {f'{{"question": "q{i}"}}' for i in range(12)}
        by_id = dict(zip(table.columns["id"], table.columns["right"], strict=True))
        assert [by_id[f'{{"question": "q{i}"}}'] for i in range(5)] == [False, False, False, True, False]
        assert "group" not in table.columns
        with pytest.raises(ConfigurationError, match="has no feedback 'wrong'; its scorers are"):
            read_evaluation_run(client, runs[0], scorers=["wrong"])
        with pytest.raises(ConfigurationError, match="MLflow has no run 'nothing'"):
            read_evaluation_run(client, "nothing", scorers=["right"])
        empty = client.create_run(client.get_run(runs[0]).info.experiment_id).info.run_id
        with pytest.raises(ConfigurationError, match="holds no trace"):
            read_evaluation_run(client, empty, scorers=["right"])


def test_the_command_compares_them(runs: tuple[str, str], call) -> None:
    sources = [f"runs:/{run}" for run in runs]
    found = call("gate", *sources, "--score", "right", "--guardrail", "graded:higher", "--json")
    assert (found.status, found.json["report"]["wins"], found.json["report"]["n"]) == (0, 7, 12)
    assert found.json["report"]["guardrails"][0]["holds"]
    grouped = call("gate", *sources, "--score", "right", "--group", "customer")
    assert (grouped.status, "--group is for files" in grouped.err) == (2, True)
