"""The snippet of docs/api.md, against a server with its real login."""

import json
import os
from pathlib import Path

import pytest

from tests import REPOSITORY
from tests.airflow.api.conftest import World
from tests.support import fenced_blocks


def test_the_documented_client_works(world: World, address: str, capsys: pytest.CaptureFixture[str]) -> None:
    passwords = Path(os.environ["AIRFLOW_HOME"]) / "simple_auth_manager_passwords.json.generated"
    (password,) = [json.loads(line)["admin"] for line in passwords.read_text().splitlines()[:1]]
    (block,) = fenced_blocks("docs/api.md", "python")
    exec(block, {"airflow": address, "user": "admin", "password": password})
    assert "queued" in capsys.readouterr().out


def test_every_route_is_documented(world: World) -> None:
    text = (REPOSITORY / "docs/api.md").read_text()
    for path in world.get("/openapi.json")["paths"]:
        last = [part for part in path.split("/") if part and not part.startswith("{")][-1]
        assert last in text, path
