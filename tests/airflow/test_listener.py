"""How runs end, and what failed them, as they are counted."""

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.listeners.listener import get_listener_manager
from airflow.sdk.exceptions import AirflowFailException

from teleprompt.config.dag_ids import dag_id, program_of, watch_dag_id
from teleprompt.errors import ConfigurationError
from teleprompt_airflow import listener
from teleprompt_airflow.notifications.failure import error_class
from teleprompt_airflow.operators.base import domain_errors


def run(dag_id: str, *, note: str | None = None, **states: str) -> Any:
    tasks = [SimpleNamespace(task_id=task, state=state) for task, state in states.items()]
    return SimpleNamespace(dag_id=dag_id, note=note, task_instances=tasks)


@pytest.mark.parametrize(
    ("ended", "is_noted"),
    [
        (run("teleprompt_shelves", wait_for_traces="skipped", collect="skipped", conclude="success"), True),
        (run("teleprompt_shelves", wait_for_traces="success", collect="skipped"), True),
        (run("teleprompt_shelves", wait_for_traces="success", collect="success", register="skipped"), False),
        (run("teleprompt_shelves", note="mine", collect="skipped"), False),
        (run("teleprompt_shelves.watch", collect="skipped"), False),
        (run("somebody_elses", collect="skipped"), False),
    ],
)
def test_a_run_that_was_skipped_for_want_of_traces_bears_a_note(ended: Any, is_noted: bool) -> None:
    get_listener_manager().hook.on_dag_run_success(dag_run=ended, msg="")
    assert (ended.note or "").startswith("Skipped: the window holds too few usable traces") is is_noted


def test_airflow_has_every_ended_run_of_ours_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setattr(listener, "count", lambda name, **labels: seen.append((name, labels)))
    hook = get_listener_manager().hook
    hook.on_dag_run_success(dag_run=run("teleprompt_shelves"), msg="")
    hook.on_dag_run_failed(dag_run=SimpleNamespace(dag_id="teleprompt_shelves.watch"), msg="")
    hook.on_dag_run_failed(dag_run=SimpleNamespace(dag_id="somebody_elses"), msg="")
    assert seen == [
        ("runs", {"program": "shelves", "kind": "program", "state": "success"}),
        ("runs", {"program": "shelves", "kind": "watch", "state": "failed"}),
    ]


def test_a_dag_is_known_by_its_name() -> None:
    assert program_of(dag_id("shelves")) == ("shelves", "program")
    assert program_of(watch_dag_id("shelves")) == ("shelves", "watch")
    assert program_of("teleprompt_maintenance") == ("maintenance", "maintenance")
    assert program_of("shelves") is None


def test_an_error_of_ours_is_named_and_not_what_airflow_made_of_it() -> None:
    with pytest.raises(AirflowFailException) as failed, domain_errors(skip_without_traces=True):
        raise ConfigurationError("The file changed.")
    assert error_class(failed.value) == "ConfigurationError"
    assert error_class(AirflowFailException("version 2 does worse")) == "AirflowFailException"
    assert error_class(ValueError("a customer's letter")) == "ValueError"
    assert error_class(None) == error_class("killed") == "ProcessEnded"


def test_the_plugin_loads_nothing_heavy() -> None:
    code = (
        "import sys, airflow.sdk.plugins_manager, airflow.listeners; before = set(sys.modules); "
        "import teleprompt_airflow.plugin; new = set(sys.modules) - before; "
        "print([m for m in ('fastapi', 'dspy', 'mlflow', 'web3', 'numpy', 'pandas', 'pyarrow') if m in new])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
