"""`teleprompt attest submit | status | revoke`: attestations on the chain, and taken back."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from teleprompt.cli.attest import app
from teleprompt.cli.attestation_id import AttestationId
from teleprompt.cli.output import JsonOption, print_json, say

if TYPE_CHECKING:
    from teleprompt.attest.stored import AttestationStore, IssuedAttestation
    from teleprompt.chain.receipt import Receipt

SendOption = Annotated[bool, typer.Option("--send", help="Really send it; without, only show what would be sent.")]


@app.command()
def submit(attestation_id: AttestationId, send: SendOption = False, json_: JsonOption = False) -> None:
    """Hand an attestation in at its program's contract, once; a dry run unless --send."""
    from teleprompt.chain.submit import submit_attestation
    from teleprompt.environment import system_user

    receipt = _at_contract(attestation_id, partial(submit_attestation, send=send, who=system_user()))
    _print(receipt, json_)


@app.command()
def status(attestation_id: AttestationId, json_: JsonOption = False) -> None:
    """Ask the contract what it holds of an attestation; exit status 1 if nothing, or if it was revoked."""
    from teleprompt.attest.stored import AttestationStore
    from teleprompt.chain.receipt import ChainState
    from teleprompt.chain.submit import chain_status

    receipt = _at_contract(attestation_id, chain_status, find=AttestationStore.find_issued)
    if receipt is None:
        say("null" if json_ else "not on the chain")
    else:
        _print(receipt, json_)
    if receipt is None or receipt.state is not ChainState.ON_CHAIN:
        raise typer.Exit(1)


@app.command()
def revoke(
    attestation_id: AttestationId,
    send: SendOption = False,
    why: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Revoke it in the published list of signers; one sentence.")
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Take an attestation back: with --why in the list of signers, with --send at EAS; without only say what it is."""
    if why is not None:
        _revoke_in_list(attestation_id, why, json_=json_ and not send)
    if send or why is None:
        _revoke_at_eas(attestation_id, send=send, json_=json_)


def _revoke_in_list(attestation_id: str, why: str, *, json_: bool) -> None:
    from teleprompt.attest.key_changes import revoke_document
    from teleprompt.attest.stored import open_attestations
    from teleprompt.cli.signer import now, print_list, publishable
    from teleprompt.config.settings import Settings
    from teleprompt.environment import system_user

    settings = Settings()
    with open_attestations(settings) as store:
        issued = store.find_issued(attestation_id)
        reason = publishable(why)
        published = revoke_document(settings, store.client, issued, why=reason, who=system_user(), now=now())
    print_list(published, json_)


def _revoke_at_eas(attestation_id: str, *, send: bool, json_: bool) -> None:
    from teleprompt.attest.stored import AttestationStore
    from teleprompt.chain.submit import chain_status, revoke_attestation
    from teleprompt.environment import system_user
    from teleprompt.errors import ConfigurationError

    do = partial(revoke_attestation, who=system_user()) if send else chain_status
    receipt = _at_contract(attestation_id, do, find=AttestationStore.find_issued)
    if receipt is None:
        raise ConfigurationError(f"{attestation_id} is not on the chain; there is nothing to revoke.")
    _print(receipt, json_)
    if not send:
        say("Nothing was sent; --send revokes it.", err=True)


def _at_contract(
    attestation_id: str,
    do: Callable[..., Any],
    *,
    find: "Callable[[AttestationStore, str], IssuedAttestation] | None" = None,
) -> Any:
    """What `do` answers for the attestation's run, its document, its program and the settings."""
    from teleprompt.attest.stored import open_attestations
    from teleprompt.audit.attested_run import AttestedRun
    from teleprompt.config.files import find_program_file, load_program_file
    from teleprompt.config.settings import Settings

    settings = Settings()
    with open_attestations(settings) as store:
        issued = store.find(attestation_id) if find is None else find(store, attestation_id)
        attested = AttestedRun(store.client, issued)
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
