"""A marked password in the connections: no answer of the API shows it, no page, no alert, and no log of the server."""

import json

import pytest

from tests.airflow.api.conftest import World

MARK = "hunter2MARK"
CLOSED = "127.0.0.1:9"
PLACES = [
    f"http://mlflow:{MARK}@{CLOSED}",
    f"http://{MARK}@{CLOSED}",
    f"http://{CLOSED}/{MARK}",
    f"http://{CLOSED}?token={MARK}",
    f"htp://mlflow:{MARK}@{CLOSED}",
    f"postgresql+none://mlflow:{MARK}@{CLOSED}/mlflow",
    f"postgresql://mlflow:{MARK}@{CLOSED}x/mlflow",
]
API_PATHS = ["/health/ready", "/overview", "/metrics", "/programs", "/programs/shelves", "/attestations", "/traces"]
PAGES = ["", "programs/shelves", "programs/shelves/runs/" + "0" * 32]


@pytest.mark.parametrize("uri", PLACES)
def test_mlflow(world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, uri: str) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv(
        "AIRFLOW_CONN_MLFLOW_DEFAULT", json.dumps({"conn_type": "generic", "extra": {"tracking_uri": uri}})
    )
    answers = [world.call("GET", path) for path in API_PATHS]
    token = {"Authorization": f"Bearer {world.tokens['admin']}"}
    answers += [world.http.get(f"/teleprompt/ui/{page}", headers=token) for page in PAGES]
    assert answers[0].status_code == 503
    assert sum(answer.status_code >= 500 for answer in answers) >= 5
    assert not [answer.url for answer in answers if MARK in answer.text]
    assert MARK not in caplog.text


@pytest.mark.parametrize("uri", [f"s3://KEY:{MARK}@bucket/storage", f"s3://bucket?secret={MARK}"])
def test_the_storage(world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, uri: str) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TELEPROMPT_STORAGE", json.dumps({"conn_type": "generic", "extra": {"uri": uri}}))
    answers = [world.call("GET", path) for path in API_PATHS]
    assert not [answer.url for answer in answers if MARK in answer.text]
    assert MARK not in caplog.text
