"""The public log over the API: its key, its newest checkpoint, and a document's place in it."""

from teleprompt.attest.logged import log_policy
from teleprompt.attest.public_log import log_everything
from teleprompt.attest.stored import open_attestations
from teleprompt.attest.verify import verify_attestation
from tests.airflow.api.conftest import World
from tests.transparency.keys import ORIGIN, log_config


def test_who_may_see_attestations_proves_that_they_are_logged(world: World) -> None:
    own = f"/attestations/{world.run.attestation_id}"
    for path in ("/public-log", f"{own}/proofs/log"):
        assert world.call("GET", path).status_code == 404
    with open_attestations(world.settings) as store:
        issued = store.find_issued(str(world.run.attestation_id))
        settings = world.settings.model_copy(update={"public_log": log_config()})
        log_everything(settings, store.client, [issued.attestation])
    log = world.get("/public-log")
    assert (log["origin"], log["checkpoint"].startswith(f"{ORIGIN}\n{log['size']}\n")) == (ORIGIN, True)
    proof = world.call("GET", f"{own}/proofs/log", role="viewer")
    assert proof.headers["content-type"].startswith("text/plain")
    found = verify_attestation(issued.data, log=log_policy([log["key"]]), log_proof=proof.content)
    assert found.valid
    assert found.logged is not None
    assert found.logged.size == log["size"]
