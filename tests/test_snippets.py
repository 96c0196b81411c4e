"""The snippets of the original documents, with only their import lines changed, one after the other on a seeded store.

Their placeholders `...` stand for values of the reader's own; a placeholder in a call, set or list is filled with what
the surrounding words ask for. The `schedule` loop is Airflow's work and left out.
"""

import ast
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dspy
import mlflow
import pytest

from include.programs.email_draft import EmailDraft
from teleprompt import OptimizationAttestationService, OptimizationConfig, OptimizationStrategy, TraceLoader
from teleprompt.attest.stored import AttestationStore
from teleprompt.config.settings import LMConfig, Settings
from teleprompt.lm.build import build_lm
from teleprompt.queries.history import list_runs
from teleprompt.registry.changes import rollback
from teleprompt.registry.listing import list_versions
from teleprompt.tracking.connection import fluent_tracking, mlflow_client
from tests.attest.test_attestation import service_facts
from tests.support import ALICE, fenced_blocks

SNIPPETS = Path(__file__).parent / "snippets"
USABLE = 1042
"""Of the seeded week's calls."""
A_FEW = 10
"""Of them the oldest leave the week while other tests run; a wrong time zone would lose forty and more."""


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
def seeded(_email_traffic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The environment names a store with a week of e-mail traffic up to now, in which nothing ran yet."""
    shutil.copy(_email_traffic, tmp_path / "mlflow.db")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("TELEPROMPT_STORAGE_URI", str(tmp_path / "storage"))
    with fluent_tracking(uri):
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


@pytest.fixture
def zone(request: pytest.FixtureRequest):
    """Python's local time is that of another place."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.slow
@pytest.mark.usefixtures("seeded", "zone")
@pytest.mark.parametrize("zone", ["Asia/Tokyo"], indirect=True)
def test_a_window_up_to_now_is_the_same_traffic_where_the_sun_rises_earlier() -> None:
    names = run("configure_and_run", surroundings())
    assert names["result"].success, names["result"].error
    assert USABLE - A_FEW <= names["result"].trace_count <= USABLE


@pytest.mark.slow
@pytest.mark.usefixtures("seeded", "zone")
@pytest.mark.parametrize("zone", ["America/Los_Angeles"], indirect=True)
def test_the_snippets_run_in_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    names = surroundings()
    run("configure_and_run", names)
    assert names["result"].success, names["result"].error
    assert USABLE - A_FEW <= names["result"].trace_count <= USABLE

    run("load_traces", names)
    assert names["traces"] == []  # nobody logged an engagement score yet

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
    printed = capsys.readouterr().out
    assert "Latest optimized version: 1" in printed
    assert "DeltaOne achieved: true" in printed
    assert_that_the_rest_of_the_product_knows_of_it(names)

    logged_and_read_back(names)


def surroundings() -> dict[str, Any]:
    """What the documents take for granted."""
    end = datetime.now(UTC) + timedelta(minutes=1)
    return {
        "datetime": datetime,
        "timedelta": timedelta,
        "my_dspy_program": EmailDraft(),
        "email_draft_program": EmailDraft(),
        "start_date": end - timedelta(days=7),
        "end_date": end,
    }


def assert_that_the_rest_of_the_product_knows_of_it(names: dict[str, Any]) -> None:
    settings = Settings()
    with mlflow_client(settings.tracking_uri) as client:
        (promoted, *_) = (found for found in list_runs(client, program="EmailDraft") if found.verdict == "promote")
        assert (promoted.state, promoted.stage) == ("finished", "attestation")
        issued = AttestationStore(client).find(promoted.attestation_id).attestation.to_dict()
        champion = next(line for line in list_versions(client, "EmailDraft") if "champion" in line.aliases)
        assert champion.version_id == names["model_info"]["version_id"] == issued["model_info"]["optimized_version"]
        own = client.get_experiment_by_name("teleprompt/EmailDraft")
        states = {found.info.status for found in client.search_runs([own.experiment_id])}
        assert states <= {"FINISHED", "FAILED"}  # none runs for ever
        assert rollback(client, "EmailDraft", who="test", why="one step back") is not None


def logged_and_read_back(names: dict[str, Any]) -> None:
    before = datetime.now(UTC)
    call = {
        "dspy_program": EmailDraft(),
        "inputs": {"recipient": "Ann", "subject": "the audit"},
        "actual_reply_rate": 0.9,
        "normalized_score": 0.9,
        "contributor_id": "alice",
        "eth_address": ALICE,
    }
    with dspy.context(lm=build_lm(LMConfig())):
        run("log_a_trace", names | call)
    after = datetime.now(UTC) + timedelta(seconds=1)
    (trace,) = TraceLoader().load_traces("EmailDraft", before, after, outcome_metric="reply_rate")
    assert trace["inputs"] == call["inputs"]
    assert trace["outputs"]["email_body"]
    assert (trace["score"], trace["outcomes"]["outcome_score"]) == (0.9, 0.9)
    assert (trace["contributor_id"], trace["contributor_address"]) == ("alice", ALICE)
