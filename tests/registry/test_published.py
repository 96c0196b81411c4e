"""`<name>-Optimized`: the promoted versions of a program, for who looks for them by the specification's name."""

from collections.abc import Iterator

import mlflow
import pytest

from teleprompt.errors import ConfigurationError
from teleprompt.registry.aliases import CHAMPION, aliases_of
from teleprompt.registry.changes import rollback
from teleprompt.registry.published import PublishedVersion, latest_version, publish_version
from teleprompt.tracking.connection import fluent_tracking, mlflow_client
from tests.conftest import PromotedStore


@pytest.fixture
def client(promoted_store: PromotedStore) -> Iterator[mlflow.MlflowClient]:
    with mlflow_client(promoted_store.settings.tracking_uri) as client:
        yield client


def test_a_promoted_version_is_found_with_what_it_is_made_of(client: mlflow.MlflowClient) -> None:
    latest = latest_version(client, "Shelves-Optimized")
    assert (latest.number, latest.uri) == (1, "models:/Shelves-Optimized/1")
    assert latest.tags["published_from"] == "Shelves/2"
    assert latest.tags["deltaone"] == "true"
    assert latest.tags["parent_version_id"] == "1.0.0"
    assert set(latest.tags) >= {
        "optimizer",
        "seed",
        "contributors",
        "contributor_count",
        "trace_count",
        "attestation_id",
    }
    assert aliases_of(client, "Shelves-Optimized") == {CHAMPION: 1}


def test_the_copy_serves_the_same_program(client: mlflow.MlflowClient) -> None:
    with fluent_tracking(client.tracking_uri):
        model = mlflow.pyfunc.load_model("models:/Shelves-Optimized@champion")
    assert model.metadata.run_id == client.get_model_version("Shelves", "2").run_id


def test_after_a_rollback_to_the_program_as_written_no_copy_is_champion(client: mlflow.MlflowClient) -> None:
    rollback(client, "Shelves", who="test", why="a test")
    assert aliases_of(client, "Shelves-Optimized") == {}
    rollback(client, "Shelves", to=2, who="test", why="and back")
    assert aliases_of(client, "Shelves-Optimized") == {CHAMPION: 1}
    assert latest_version(client, "Shelves-Optimized").number == 1


def test_publishing_again_adds_nothing(client: mlflow.MlflowClient) -> None:
    assert publish_version(client, "Shelves", 2, to="Shelves-Optimized") == 1
    assert publish_version(client, "Shelves", 2, to="Elsewhere") == 1
    assert publish_version(client, "Shelves", 2, to="Elsewhere") == 1


def test_the_eleventh_is_newer_than_the_ninth(client: mlflow.MlflowClient) -> None:
    client.create_registered_model("Many")
    for _ in range(11):
        client.create_model_version("Many", "runs:/none")
    assert latest_version(client, "Many") == PublishedVersion(name="Many", number=11, tags={})


def test_what_was_never_promoted_is_said(client: mlflow.MlflowClient) -> None:
    with pytest.raises(ConfigurationError, match="no version of 'Nobody'"):
        latest_version(client, "Nobody")
