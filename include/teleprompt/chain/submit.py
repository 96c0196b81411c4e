"""Handing an attestation in at the contract that its program names."""

import logging

from teleprompt.attest.document import Attestation
from teleprompt.chain._cost import cost_e6
from teleprompt.chain._eas_client import EasClient
from teleprompt.chain._open import ChainClient, open_client
from teleprompt.chain.receipt import ChainState, Receipt
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.errors import ConfigurationError
from teleprompt.registry.audit_trail import AuditAction, AuditEvent, append
from teleprompt.tracking.pipeline_run import PipelineRun

log = logging.getLogger(__name__)

RECEIPT = "receipt"
"""Record of the pipeline run: what the chain answered."""


def submit_attestation(
    run: PipelineRun, attestation: Attestation, config: ProgramConfig, settings: Settings, *, send: bool, who: str
) -> Receipt:
    """Hand an attestation in at the program's contract and keep the receipt with its run; without `send` a dry run.

    Raises:
        ConfigurationError: the program names no contract, or there is no node or signer.
        TelepromptError: the contract refuses, or it is not confirmed in time.
    """
    client = _client(run, config, settings)
    receipt = client.submit(attestation) if send else client.show(attestation)
    log.info("%s on chain %d: %s", attestation.attestation_id, receipt.chain_id, receipt.note)
    _keep(run, receipt)
    if receipt.state is not ChainState.DRY_RUN:
        _write_down(run, config, AuditAction.SUBMIT, attestation, receipt, who=who)
    return receipt


def chain_status(
    run: PipelineRun, attestation: Attestation, config: ProgramConfig, settings: Settings
) -> Receipt | None:
    """What the program's contract holds of an attestation now; None if nothing. The kept receipt follows.

    Raises:
        ConfigurationError: the program names no contract, or there is no node or signer.
    """
    receipt = _client(run, config, settings).read(attestation)
    _keep(run, receipt)
    return receipt


def revoke_attestation(
    run: PipelineRun, attestation: Attestation, config: ProgramConfig, settings: Settings, *, who: str
) -> Receipt:
    """Revoke an attestation at EAS.

    Raises:
        ConfigurationError: the program's contract is not EAS, or holds none by this signer.
        TelepromptError: the contract refuses, or it is not confirmed in time.
    """
    client = _client(run, config, settings)
    if not isinstance(client, EasClient):
        raise ConfigurationError(f"What {config.name} was minted cannot be revoked; only EAS attestations can.")
    receipt = client.revoke(attestation)
    _keep(run, receipt)
    _write_down(run, config, AuditAction.REVOKE, attestation, receipt, who=who)
    return receipt


def _client(run: PipelineRun, config: ProgramConfig, settings: Settings) -> ChainClient:
    if config.chain is None:
        raise ConfigurationError(f"{config.name} names no contract; add `chain` to its program file.")
    return open_client(config.chain, settings, actual_cost_usd_micro=cost_e6(run))


def _write_down(
    run: PipelineRun, config: ProgramConfig, deed: AuditAction, attestation: Attestation, receipt: Receipt, *, who: str
) -> None:
    place = {"chain_id": receipt.chain_id, "contract": receipt.contract}
    about = f"{attestation.attestation_id} on {receipt.chain_id} {receipt.contract}"
    append(
        run.client,
        config.name,
        AuditEvent(deed=deed, who=who, about=about, after={**place, "tx_hash": receipt.tx_hash}),
    )


def _keep(run: PipelineRun, receipt: Receipt | None) -> None:
    if receipt is None:
        if run.read(RECEIPT, Receipt) is not None:  # a reorganisation took it away
            run.tag(chain_state="gone")
    elif receipt.state is not ChainState.DRY_RUN:
        run.write(RECEIPT, receipt)
        run.tag(chain_state=receipt.state.value, chain_tx=receipt.tx_hash or "")
