"""A document that was taken back: no route pays or shows it, and its run's page says why."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from teleprompt.attest.key_changes import revoke_document
from teleprompt.attest.published import publish
from teleprompt.attest.stored import open_attestations
from teleprompt.tracking.connection import mlflow_client
from tests.airflow.api.conftest import World
from tests.airflow.api.test_pages import page

WHY = "The labels were wrong."


@pytest.fixture
def taken_back(world: World) -> Iterator[bytes]:
    """The document, which is revoked for the time of a test."""
    with open_attestations(world.settings) as store:
        issued = store.find(str(world.run.attestation_id))
        revoke_document(world.settings, store.client, issued, why=WHY, who="ana", now=datetime.now(UTC))
    yield issued.data
    with mlflow_client(world.settings.tracking_uri) as client:
        publish(
            world.settings,
            client,
            lambda before: before.model_copy(update={"revoked_documents": ()}),
            who="ana",
            now=datetime.now(UTC),
        )


def test_it_is_neither_paid_nor_shown_nor_proven(world: World, taken_back: bytes) -> None:
    del taken_back
    own = f"/attestations/{world.run.attestation_id}"
    for path in (own, f"{own}/proofs/rewards/alice?total=1", f"{own}/proofs/traces/t"):
        answer = world.call("GET", path)
        detail = answer.json()["detail"]
        assert (answer.status_code, "DOCUMENT_REVOKED" in detail, WHY in detail) == (409, True, True), path
    assert world.get("/contributors", total="1000")["contributors"] == []
    (listed,) = world.get("/attestations", contributor="alice")["attestations"]  # that it was issued is no secret
    assert listed["attestation_id"] == world.run.attestation_id


def test_a_copy_of_it_is_not_valid_here(world: World, taken_back: bytes) -> None:
    answer = world.call("POST", "/attestations/verification", content=taken_back)
    assert (answer.json()["valid"], answer.json()["code"]) == (False, "DOCUMENT_REVOKED")
    other = taken_back.replace(b"Shelves", b"Shelved")
    assert world.call("POST", "/attestations/verification", content=other).json()["code"] == "HASH_MISMATCH"


def test_the_page_of_its_run_says_why(world: World, taken_back: bytes) -> None:
    del taken_back
    html = page(world, f"/programs/shelves/runs/{world.run.run_id}")
    assert "DOCUMENT_REVOKED" in html
    assert WHY in html
    assert 'id="contributors"' not in html
    said = page(world, f"/programs/shelves/runs/{world.run.run_id}/verify", method="POST", status=404)
    assert WHY in said
