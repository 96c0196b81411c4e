"""The page on an Airflow of one's own; its DAG is run by tests/airflow/test_by_hand.py."""

from importlib import resources

import pytest

from tests.support import fenced_blocks


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
