"""What Airflow finds of the package by its entry points."""

import json
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

import airflow
import jsonschema
import pytest
from airflow.providers_manager import ProvidersManager
from airflow.sdk import Connection

from teleprompt.config.settings import Settings
from teleprompt_airflow.hooks.connections import LanguageModelHook, MlflowTrackingHook, SignerHook, StorageHook
from teleprompt_airflow.links import ProgramLink
from teleprompt_airflow.operators import BaselineOperator
from teleprompt_airflow.provider import provider_info


def test_the_metadata_are_as_airflow_wants_them() -> None:
    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
    jsonschema.validate(provider_info(), schema)


def modules() -> Iterator[str]:
    for kind in ("operators", "sensors", "triggers", "hooks"):
        for entry in provider_info()[kind]:
            yield from entry["python-modules"]


def classes() -> Iterator[str]:
    yield from provider_info()["notifications"]
    yield from provider_info()["extra-links"]
    yield from (entry["hook-class-name"] for entry in provider_info()["connection-types"])
    yield from (entry["plugin-class"] for entry in provider_info()["plugins"])


def test_all_that_it_names_is_there() -> None:
    for module in modules():
        import_module(module)
    for name in classes():
        module, _, attribute = name.rpartition(".")
        assert hasattr(import_module(module), attribute), name


def test_airflow_finds_provider_and_plugin() -> None:
    assert "teleprompt-airflow" in ProvidersManager().providers
    (plugin,) = entry_points(group="airflow.plugins", name="teleprompt")
    assert plugin.load().name == "teleprompt"


def test_each_connection_type_has_its_form_and_hook() -> None:
    hooks = ProvidersManager().hooks
    for entry in provider_info()["connection-types"]:
        hook = hooks[entry["connection-type"]]
        assert hook is not None
        assert hook.connection_testable


def test_a_connection_can_be_tested_from_its_form(airflow: dict[str, Connection], settings: Settings) -> None:
    assert MlflowTrackingHook().test_connection()[0]
    assert StorageHook().test_connection() == (True, f"{settings.storage_uri} can be written and read")
    airflow["teleprompt_lm"] = Connection(
        conn_id="teleprompt_lm", conn_type="teleprompt_lm", extra='{"model": "offline/nearest-demo"}'
    )
    assert LanguageModelHook().test_connection() == (True, "offline/nearest-demo answers")
    assert LanguageModelHook().get_conn().model == "offline/nearest-demo"
    assert MlflowTrackingHook().get_conn().search_experiments(max_results=1)


def test_a_connection_that_cannot_be_used_says_why(airflow: dict[str, Connection]) -> None:
    airflow["teleprompt_signer"] = Connection(conn_id="teleprompt_signer", conn_type="teleprompt_signer")
    assert SignerHook().test_connection() == (
        False, "The connection teleprompt_signer lacks `keystore` in its extra; add it."
    )  # fmt: skip


def test_a_task_links_to_its_programs_page() -> None:
    operator = BaselineOperator(task_id="baseline", program="shelves", waited={})
    (link,) = operator.operator_extra_links
    assert isinstance(link, ProgramLink)
    assert link.get_link(operator, ti_key=None) == "/teleprompt/ui/programs/shelves"  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["program_dags", "maintenance_dag", "report_dag"])
def test_a_dag_file_gets_functions_however_often_it_asks(name: str) -> None:
    """A submodule of the same name would take the function's place once it is imported."""
    import teleprompt_airflow

    assert all(callable(getattr(teleprompt_airflow, name)) for _ in range(2))
