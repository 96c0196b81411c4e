"""Handing an attestation in, and what is kept of it with the run."""

from collections.abc import Iterator

import pytest

from teleprompt.chain._cost import cost_e6
from teleprompt.chain.submit import chain_status, revoke_attestation, submit_attestation
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.lm.meter import Spend
from teleprompt.lm.stage_spend import with_spend
from teleprompt.registry.audit_trail import AuditAction, read_trail
from teleprompt.tracking.connection import mlflow_client
from teleprompt.tracking.pipeline_run import PipelineRun
from teleprompt.tracking.run_key import RunKey
from tests.attest.documents import SIGNED
from tests.chain.anvil import Anvil
from tests.support import WEEK


@pytest.fixture
def run(settings: Settings) -> Iterator[PipelineRun]:
    with mlflow_client(settings.tracking_uri) as client:
        yield PipelineRun.open(client, RunKey(program="Shelves", window=WEEK, fingerprint="0" * 64))


def test_what_a_run_cost_is_that_of_all_its_stages(run: PipelineRun) -> None:
    assert cost_e6(run) == 0
    for stage in ("compile_seed_0", "select", "gate"):
        run.measure(**with_spend(run.measures(), stage, Spend(calls=2, cost_e6=1_500)))
    assert cost_e6(run) == 4_500


def state(run: PipelineRun) -> str | None:
    """What lists and the alert of a stuck outbox read."""
    found = run.client.get_run(run.run_id).data.tags.get("teleprompt.chain_state")
    return None if found is None else str(found)


def test_the_trail_tells_contracts_apart_and_knows_of_revocations(
    run: PipelineRun, chained: Settings, anvil: Anvil
) -> None:
    for _ in range(2):
        config = shelves(anvil)
        for _ in range(2):
            submit_attestation(run, SIGNED, config, chained, send=True, who="ann")
    revoke_attestation(run, SIGNED, config, chained, who="bob")
    first, second, third = read_trail(run.client, "Shelves")
    assert [(entry.deed, entry.who) for entry in (first, second, third)] == [
        (AuditAction.SUBMIT, "ann"), (AuditAction.SUBMIT, "ann"), (AuditAction.REVOKE, "bob"),
    ]  # fmt: skip
    assert first.after["contract"] != second.after["contract"] == third.after["contract"]


def shelves(anvil: Anvil) -> ProgramConfig:
    """A program with an EAS of its own."""
    return ProgramConfig.model_validate({"name": "Shelves", "slug": "shelves", "chain": anvil.eas_section()})


def test_what_a_reorganisation_takes_away_is_shown_as_gone(run: PipelineRun, chained: Settings, anvil: Anvil) -> None:
    config = shelves(anvil)
    assert chain_status(run, SIGNED, config, chained) is None
    assert state(run) is None  # it never was there

    submit_attestation(run, SIGNED, config, chained, send=False, who="ann")
    assert state(run) is None
    receipt = submit_attestation(run, SIGNED, config, chained, send=True, who="ann")
    assert state(run) == "on_chain"

    anvil.rpc("anvil_reorg", 1, [])
    anvil.rpc("anvil_dropTransaction", receipt.tx_hash)
    assert chain_status(run, SIGNED, config, chained) is None
    assert state(run) == "gone"
