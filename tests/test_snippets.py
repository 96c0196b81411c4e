"""The snippets of the original documents, with only their import lines changed, one after the other on a seeded store.

Their placeholders `...` stand for values of the reader's own; a placeholder in a call, set or list is filled with what
the surrounding words ask for. The `schedule` loop is Airflow's work and left out.
"""

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dspy
import mlflow
import pytest

from include.programs.email_draft import EmailDraft
from teleprompt import OptimizationAttestationService, OptimizationConfig, OptimizationStrategy
from teleprompt.config.settings import LMConfig, Settings
from teleprompt.lm.build import build_lm
from teleprompt.tracking.connection import fluent_tracking
from tests.attest.test_attestation import service_facts
from tests.support import ALICE, fenced_blocks

SNIPPETS = Path(__file__).parent / "snippets"


class FillPlaceholders(ast.NodeTransformer):
    """`f(...)` becomes `f(**given)`, `name={...}` and `name=[...]` become `name=given["name"]`."""

    def visit_keyword(self, node: ast.keyword) -> ast.keyword:
        if isinstance(node.value, (ast.Set, ast.List)) and is_placeholder(node.value.elts):
            node.value = ast.parse(f"given[{node.arg!r}]", mode="eval").body
        return node

    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        if is_placeholder(node.args):
            node.args = []
            node.keywords = [ast.keyword(arg=None, value=ast.Name("given", ast.Load()))]
        return node


def is_placeholder(nodes: list[Any]) -> bool:
    return len(nodes) == 1 and isinstance(nodes[0], ast.Constant) and nodes[0].value is ...


def run(name: str, namespace: dict[str, Any]) -> dict[str, Any]:
    tree = FillPlaceholders().visit(ast.parse((SNIPPETS / f"{name}.py").read_text()))
    exec(compile(ast.fix_missing_locations(tree), f"{name}.py", "exec"), namespace)
    return namespace


@pytest.fixture
def seeded(email_store: Settings, monkeypatch: pytest.MonkeyPatch):
    """The environment names a store with a week of e-mail traffic up to now."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", email_store.tracking_uri.get_secret_value())
    monkeypatch.setenv("TELEPROMPT_STORAGE_URI", email_store.storage_uri)
    with fluent_tracking(email_store.tracking_uri.get_secret_value()):
        mlflow.set_experiment("production")
        yield
    mlflow.tracking.fluent._active_experiment_id = None  # MLflow has no way to take `set_experiment` back


@pytest.mark.slow
@pytest.mark.usefixtures("seeded")
def test_the_snippets_of_the_documentation_run() -> None:
    names: dict[str, Any] = {"email_draft_program": EmailDraft()}
    for page in ("docs/traces.md", "docs/python.md"):
        for snippet in fenced_blocks(page, "python"):
            exec(snippet, names)
    assert names["attestation"]["performance"]["deltaone_achieved"]


@pytest.mark.slow
@pytest.mark.usefixtures("seeded")
def test_the_snippets_run_in_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    end = datetime.now(UTC) + timedelta(minutes=1)
    names: dict[str, Any] = {
        "datetime": datetime,
        "timedelta": timedelta,
        "my_dspy_program": EmailDraft(),
        "email_draft_program": EmailDraft(),
        "start_date": end - timedelta(days=7),
        "end_date": end,
    }
    # Naive times mean UTC, and `datetime.now()` is naive local time: the tests run in UTC (see conftest.py).
    run("configure_and_run", names)
    assert names["result"].success, names["result"].error
    assert names["result"].trace_count > 1000

    run("load_traces", names)
    assert names["traces"] == []  # nobody logged an engagement score

    run("create_attestation", names | {"given": service_facts()})

    names |= {"OptimizationConfig": OptimizationConfig, "OptimizationStrategy": OptimizationStrategy}
    run("options", names)

    run("basic_optimization", names)
    assert not names["result"].success
    assert names["result"].error.startswith("Insufficient traces: ")  # it asks for 5000
    snippet = (SNIPPETS / "basic_optimization.py").read_text().replace("min_traces=5000", "min_traces=500")
    exec(snippet, names)
    assert names["deltaone"]["deltaone_achieved"], names["deltaone"]["reason"]
    assert names["model_info"]["version_id"].startswith("1.0.0-opt-bfs-")
    assert OptimizationAttestationService().verify_attestation(names["attestation"]).valid
    again = names["finetuner"].save_optimized_model(names["result"], model_name="EmailDraft-Optimized")
    assert again == names["model_info"]  # saving again adds no version

    given = {
        "program": EmailDraft(),
        "start_date": names["result"].stages.pipeline.window.start,
        "end_date": names["result"].stages.pipeline.window.end,
        "outcome_metric": "reply_rate",
    }
    names |= {"OptimizationAttestationService": OptimizationAttestationService, "given": given}
    run("contributors", names)
    assert sum(info["weight"] for info in names["result"].contributors.values()) == pytest.approx(1)
    assert 0 < sum(names["rewards"].values()) <= 1000

    run("retrieve_models", names)
    assert "DeltaOne achieved: true" in capsys.readouterr().out

    with dspy.context(lm=build_lm(LMConfig())):
        run(
            "log_a_trace",
            names
            | {
                "dspy_program": EmailDraft(),
                "inputs": {"recipient": "Ann", "subject": "the audit"},
                "actual_reply_rate": 0.9,
                "normalized_score": 0.9,
                "contributor_id": "alice",
                "eth_address": ALICE,
            },
        )
