"""The task that hands an attestation in, against a real node."""

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from teleprompt.chain._context import ChainContext
from teleprompt.config.files import load_program_file
from teleprompt.config.settings import Settings
from teleprompt.pipeline.pipeline import Pipeline
from teleprompt.pipeline.promotion import ComparedCandidate
from teleprompt.signing.signer import open_signer
from teleprompt_airflow.hooks.settings import settings_from_connections
from teleprompt_airflow.operators import SubmitOperator
from tests.airflow.test_tasks import context
from tests.chain.anvil import Anvil
from tests.support import WEEK, local_signer, log_shelf_calls, write_program


def name_contract(folder: Path, anvil: Anvil, **changes: Any) -> Path:
    """The program `shelves`, with EAS on the node."""
    chain = anvil.eas_section(**changes)
    return write_program(folder, yaml=f"name: Shelves\noptimization:\n  min_traces: 20\nchain: {json.dumps(chain)}\n")


def attested(file: Path, settings: Settings, airflow: dict[str, Connection]) -> dict[str, Any]:
    """What the task `attest` returned; the signer's connection is there."""
    signer = local_signer()
    airflow["teleprompt_signer"] = Connection(
        conn_id="teleprompt_signer",
        conn_type="generic",
        password=signer.password.get_secret_value(),
        extra=json.dumps({"keystore": signer.keystore}),
    )
    log_shelf_calls(settings, count=160)
    pipeline = Pipeline.of_file(file, settings=settings.model_copy(update={"signer": signer}), window=WEEK)
    snapshot, baseline = pipeline.collect(), pipeline.baseline()
    candidates = [pipeline.compile(snapshot, baseline, seed=seed) for seed in pipeline.seeds]
    selection = pipeline.select(snapshot, candidates)
    comparison = pipeline.comparing.gate(snapshot, selection, baseline)
    compared = ComparedCandidate(snapshot=snapshot, selection=selection, baseline=baseline, comparison=comparison)
    version = pipeline.promotion.promote(compared)
    return pipeline.promotion.attest(compared, version).model_dump(mode="json")


def submit(attestation: Any) -> dict[str, Any]:
    return SubmitOperator(task_id="submit", program="shelves", attestation=attestation).execute(context())


def test_it_is_a_dry_run_until_the_program_says_send(
    airflow: dict[str, Connection], settings: Settings, tmp_path: Path, anvil: Anvil
) -> None:
    record = attested(name_contract(tmp_path / "programs", anvil), settings, airflow)
    with pytest.raises(AirflowFailException, match="teleprompt_web3 names no node"):
        submit(record)
    airflow["teleprompt_web3"] = Connection(conn_id="teleprompt_web3", conn_type="generic", password=anvil.url)
    assert submit(record)["state"] == "dry_run"

    name_contract(tmp_path / "programs", anvil, send=True)
    receipt = submit(record)
    assert receipt["state"] == "on_chain"
    assert submit(record) == receipt
    assert submit({"attestation": record}) == receipt  # as the watch reports it


def test_the_payer_is_a_connection_of_its_own(
    airflow: dict[str, Connection], settings: Settings, tmp_path: Path, anvil: Anvil
) -> None:
    file = name_contract(tmp_path / "programs", anvil)
    for name, signer in (("teleprompt_signer", local_signer()), ("teleprompt_payer", local_signer("22" * 32))):
        airflow[name] = Connection(
            conn_id=name,
            conn_type="generic",
            password=signer.password.get_secret_value(),
            extra=json.dumps({"keystore": signer.keystore}),
        )
    airflow["teleprompt_web3"] = Connection(conn_id="teleprompt_web3", conn_type="generic", password=anvil.url)
    config = load_program_file(file)
    assert config.chain is not None
    context = ChainContext(config.chain, settings_from_connections(config, signer=True, chain=True))
    assert context.payer.address == open_signer(local_signer("22" * 32)).address
    assert [signer.address for signer in context.signers] == [open_signer(local_signer()).address]
    assert settings_from_connections(config, signer=True).payer is None  # a task that does not send has no coins


def test_where_nothing_was_attested_it_is_skipped() -> None:
    with pytest.raises(AirflowSkipException, match="Nothing was attested"):
        submit({"attestation": None})
