"""The DAG composed by hand of docs/install.md, task by task over real traces."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from pydantic import ValidationError

from teleprompt.config.settings import Settings
from teleprompt.registry.listing import list_versions
from teleprompt.tracking.connection import mlflow_client
from teleprompt_airflow.operators import AttestOperator, DeltaOneBranchOperator
from tests.airflow.test_tasks import context, waited
from tests.support import fenced_blocks, log_shelf_calls, write_program


@pytest.fixture
def execute(airflow: Any, tmp_path: Path) -> Callable[[str], Any]:
    """Runs a task of the page's DAG, for the program `shelves`, after its sensor."""
    del airflow
    (code,) = fenced_blocks("docs/install.md", "python")
    (tmp_path / "by_hand.py").write_text(code.replace("support_queue", "shelves"))
    bag = DagBag(str(tmp_path / "by_hand.py"), bundle_path=tmp_path, bundle_name="by-hand")
    assert bag.import_errors == {}
    dag = bag.dags["improve_shelves"]
    assert [sorted(dag.get_task(task).downstream_task_ids) for task in ("wait", "compile", "deltaone")] == [
        ["attest", "compile", "deltaone"], ["deltaone"], ["attest", "keep"],
    ]  # fmt: skip

    def run(name: str) -> Any:
        task = dag.get_task(name)
        if task.is_mapped:
            task = task.unmap({"seed": 0})
        task.waited = waited()
        return task.choose_branch(context()) if name == "deltaone" else task.execute(context())

    return run


def test_its_four_parts_lead_to_an_attestation(settings: Settings, execute: Callable[[str], Any]) -> None:
    log_shelf_calls(settings, count=160)
    assert execute("compile")["seed"] == 0
    assert execute("deltaone") == "attest"
    attested = execute("attest")
    assert execute("attest") == attested  # tried again
    with mlflow_client(settings.tracking_uri) as client:
        assert [version.aliases for version in list_versions(client, "Shelves")] == [("champion",), ("previous",)]


def test_without_a_gain_it_attests_nothing(settings: Settings, execute: Callable[[str], Any]) -> None:
    log_shelf_calls(settings, count=20)
    with pytest.raises(AirflowFailException, match="no verdict yet; put a DeltaOneBranchOperator"):
        execute("attest")
    assert execute("deltaone") == "keep"
    with pytest.raises(AirflowSkipException, match="did not promote"):
        execute("attest")


def test_it_promotes_nothing_past_a_person_who_is_to_approve(
    settings: Settings, tmp_path: Path, execute: Callable[[str], Any]
) -> None:
    write_program(tmp_path / "programs", yaml="name: Shelves\noptimization: {min_traces: 20}\napproval: {}\n")
    log_shelf_calls(settings, count=160)
    with pytest.raises(AirflowFailException, match="wants an approval before a promotion; put a GateApprovalOperator"):
        execute("attest")


def test_a_skipped_tasks_record_promotes_nothing(settings: Settings, execute: Callable[[str], Any]) -> None:
    log_shelf_calls(settings, count=160)
    execute("deltaone")
    attest = AttestOperator(task_id="attest", program="shelves", waited=waited(), version={})
    attest.version = None  # as it is rendered
    with pytest.raises(ValidationError):
        attest.execute(context())


def test_whoever_signs_waits_in_the_signers_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    run: dict[str, Any] = {"program": "shelves", "waited": {}}
    assert AttestOperator(task_id="attest", **run).queue == "default"
    monkeypatch.setenv("TELEPROMPT_SIGNER_QUEUE", "signer")
    assert AttestOperator(task_id="attest", **run).queue == "signer"
    assert AttestOperator(task_id="attest", queue="own", **run).queue == "own"


def test_a_branch_is_given_a_comparison_or_makes_one() -> None:
    with pytest.raises(ValueError, match="takes the `comparison` of a GateOperator, or `program` and `waited`"):
        DeltaOneBranchOperator(task_id="deltaone", on_promote="a", otherwise="b", program="shelves")
