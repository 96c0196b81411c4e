"""The page on an Airflow of one's own: its DAG is a DAG, and ends in an attestation."""

from importlib import resources
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag

from tests.support import fenced_blocks


def by_hand(folder: Path) -> DagBag:
    (code,) = fenced_blocks("docs/install.md", "python")
    (folder / "by_hand.py").write_text(code)
    return DagBag(str(folder), bundle_path=folder, bundle_name="by-hand")


def test_the_dag_composed_by_hand_has_all_stages(tmp_path: Path) -> None:
    bag = by_hand(tmp_path)
    assert bag.import_errors == {}
    dag = bag.dags["improve_support_queue"]
    assert dag.get_task("gate").upstream_task_ids == {"wait", "collect", "select", "baseline"}
    assert dag.get_task("attest").upstream_task_ids >= {"register", "gate"}
    assert dag.get_task("deltaone").downstream_task_ids == {"register", "keep"}


def test_the_files_that_init_writes_are_those_of_the_page() -> None:
    text = fenced_blocks("docs/install.md", "console")[0]
    assert {line.rpartition("/")[2] for line in text.splitlines() if line.startswith("wrote")} >= {
        f.name for f in resources.files("teleprompt.example").iterdir() if f.name.startswith("support_queue")
    }


@pytest.mark.parametrize("extra", ["chain", "keccak", "mipro", "pii", "postgres", "s3", "sentry"])
def test_each_extra_is_named(extra: str) -> None:
    import tomllib

    from tests import REPOSITORY

    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert extra in project["optional-dependencies"]
    assert f"| `{extra}` |" in (REPOSITORY / "docs/install.md").read_text()
