"""`teleprompt attest submit | status | revoke`: attestations on the chain."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from teleprompt.cli.attest import AttestationId, app
from teleprompt.cli.output import JsonOption, print_json, say

if TYPE_CHECKING:
    from teleprompt.chain.receipt import Receipt

SendOption = Annotated[bool, typer.Option("--send", help="Really send it; without, only show what would be sent.")]


@app.command()
def submit(attestation_id: AttestationId, send: SendOption = False, json_: JsonOption = False) -> None:
    """Hand an attestation in at its program's contract, once; a dry run unless --send."""
    from teleprompt.chain.submit import submit_attestation
    from teleprompt.environment import current_user

    receipt = _at_contract(attestation_id, partial(submit_attestation, send=send, who=current_user()))
    _print(receipt, json_)


@app.command()
def status(attestation_id: AttestationId, json_: JsonOption = False) -> None:
    """Ask the contract what it holds of an attestation; exit status 1 if nothing, or if it was revoked."""
    from teleprompt.chain.receipt import ChainState
    from teleprompt.chain.submit import chain_status

    receipt = _at_contract(attestation_id, chain_status)
    if receipt is None:
        say("null" if json_ else "not on the chain")
    else:
        _print(receipt, json_)
    if receipt is None or receipt.state is not ChainState.ON_CHAIN:
        raise typer.Exit(1)


@app.command()
def revoke(attestation_id: AttestationId, send: SendOption = False, json_: JsonOption = False) -> None:
    """Revoke an attestation at EAS; without --send only say what it is."""
    from teleprompt.chain.submit import chain_status, revoke_attestation
    from teleprompt.environment import current_user
    from teleprompt.errors import ConfigurationError

    receipt = _at_contract(attestation_id, partial(revoke_attestation, who=current_user()) if send else chain_status)
    if receipt is None:
        raise ConfigurationError(f"{attestation_id} is not on the chain; there is nothing to revoke.")
    _print(receipt, json_)
    if not send:
        say("Nothing was sent; --send revokes it.", err=True)


def _at_contract(attestation_id: str, do: Callable[..., Any]) -> Any:
    """What `do` answers for the attestation's run, its document, its program and the settings."""
    from teleprompt.attest.stored import open_attestations
    from teleprompt.audit.attested_run import AttestedRun
    from teleprompt.config.files import find_program_file, load_program_file
    from teleprompt.config.settings import Settings

    settings = Settings()
    with open_attestations(settings) as store:
        attested = AttestedRun(store, attestation_id)
        config = load_program_file(find_program_file(settings.programs_dir, attested.stored.program))
        return do(attested.run, attested.attestation, config, settings)


def _print(receipt: "Receipt", json_: bool) -> None:
    if json_:
        print_json(receipt.model_dump(mode="json"))
        return
    say(f"{receipt.state.value}: {receipt.note}")
    shown = {
        "contract": f"{receipt.contract} on chain {receipt.chain_id} ({receipt.adapter})",
        "sender": receipt.sender,
        "transaction": receipt.tx_hash and f"{receipt.tx_hash} in block {receipt.block_number}",
        "uid": receipt.uid,
        "reward": receipt.reward and f"{receipt.reward} base units",
        "data": receipt.data,
    }
    for name, value in shown.items():
        if value:
            say(f"  {name:<12}{value}")
