"""Runs of `mlflow.genai.evaluate`, as MLflow itself writes them, are compared like two files."""

import os
import re
import subprocess
import sys

import pytest

from teleprompt.config.settings import Settings
from teleprompt.errors import ConfigurationError
from teleprompt.queries.evaluation_runs import read_evaluation_run
from teleprompt.tracking.connection import mlflow_client
from tests import REPOSITORY


@pytest.fixture
def runs(settings: Settings) -> list[str]:
    """A program that answers half of the questions right and fails at one, and one that answers all."""
    environment = {**os.environ, "MLFLOW_TRACKING_URI": settings.tracking_uri.get_secret_value()}
    command = [sys.executable, "-m", "tests.cli.evaluate_twice"]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True)
    return re.findall(r"^run (\w+)$", done.stdout, flags=re.MULTILINE)


def test_inputs_are_the_ids_and_feedback_the_scores(runs: list[str], settings: Settings, call) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        log = read_evaluation_run(client, runs[0])
        by_input = {sample.example: sample.scores["right"] for sample in log.samples}
        assert [by_input[f'{{"question": "q{i}"}}'] for i in range(5)] == [False, False, False, True, False]
        assert (len(by_input), {sample.group for sample in log.samples}) == (12, {None})
        with pytest.raises(ConfigurationError, match="MLflow has no run 'nothing'"):
            read_evaluation_run(client, "nothing")
        empty = client.create_run(client.get_run(runs[0]).info.experiment_id).info.run_id
        with pytest.raises(ConfigurationError, match="holds no trace"):
            read_evaluation_run(client, empty)

    sources = [f"runs:/{run}" for run in runs]
    found = call("gate", *sources, "--score", "right", "--guardrail", "graded:higher", "--json")
    assert (found.status, found.json["report"]["wins"], found.json["report"]["n"]) == (0, 7, 12)
    assert found.json["report"]["guardrails"][0]["holds"]
    unnamed, wrong = call("gate", *sources), call("gate", *sources, "--score", "wrong")
    assert (unnamed.status, "; name one by --score" in unnamed.err) == (2, True)
    assert (wrong.status, "has no score 'wrong'; it has '" in wrong.err) == (2, True)
    grouped = call("gate", *sources, "--score", "right", "--group", "customer")
    assert (grouped.status, "--group is for files" in grouped.err) == (2, True)
