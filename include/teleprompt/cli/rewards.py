"""`teleprompt rewards`: what each contributor of an attestation is due."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from teleprompt.cli.output import JsonOption, print_json, print_table, write_new

if TYPE_CHECKING:
    from teleprompt.attest.document import Attestation


def rewards(
    attestation_id: Annotated[str, typer.Argument(metavar="ID", help="Id or hash of the attestation.")],
    total: Annotated[str, typer.Option(help="Amount to divide, in tokens.")],
    decimals: Annotated[int, typer.Option(min=0, max=36, help="Decimals of the token.")] = 18,
    tree: Annotated[
        Path | None, typer.Option(help="Write the Merkle tree of (address, amount) here, for npm's StandardMerkleTree.")
    ] = None,
    contract: Annotated[bool, typer.Option("--contract", help="Show what the DeltaVerifier's own rule gives.")] = False,
    json_: JsonOption = False,
) -> None:
    """Divide a total among the contributors of an attestation, exactly to the last base unit.

    The audit trail of the program says who did, once for each total.
    """
    from teleprompt.attest.proofs import RewardTree
    from teleprompt.attest.stored import open_attestations
    from teleprompt.attribution.rewards import base_units, format_units, reward_shares
    from teleprompt.config.attribution import Unpayable
    from teleprompt.config.settings import Settings

    amount = base_units(total, decimals=decimals)
    with open_attestations(Settings()) as store:
        attestation = store.find(attestation_id).attestation
    if contract:
        _print_contract(attestation, amount, decimals, json_)
        _note(attestation, amount, decimals, rule="the contract's rule")
        return
    unpayable = Unpayable(attestation.credit.unpayable) if attestation.credit else Unpayable.HOLD_BACK
    shares = reward_shares(attestation.to_dict()["contributors"], amount, unpayable=unpayable)
    if tree is not None:
        write_new(tree, json.dumps(RewardTree(attestation, amount).dump(), indent=1) + "\n")
    _note(attestation, amount, decimals, rule="our rule")
    if json_:
        print_json({"total": str(amount), "decimals": decimals, "rewards": [r.model_dump() for r in shares]})
        return
    print_table(
        ("contributor", "address", "amount"),
        [
            (
                r.contributor_id,
                r.address or "none: held back",
                format_units(int(r.base_units), decimals=decimals),
            )
            for r in shares
        ],
        empty="The attestation credits nobody.",
    )


def _note(attestation: "Attestation", amount: int, decimals: int, *, rule: str) -> None:
    """Write into the program's audit trail that a total was divided."""
    from teleprompt.config.settings import Settings
    from teleprompt.environment import system_user
    from teleprompt.registry.audit_trail import AuditAction, AuditEvent, append
    from teleprompt.tracking.connection import mlflow_client

    who = system_user()
    done = AuditEvent(
        deed=AuditAction.REWARD,
        who=who,
        about=f"{attestation.attestation_id} {amount} by {rule} ({who})",
        after={"total": str(amount), "decimals": decimals},
    )
    with mlflow_client(Settings().tracking_uri) as client:
        append(client, attestation.model_info.model_id, done)


def _print_contract(attestation: "Attestation", amount: int, decimals: int, json_: bool) -> None:
    """The contract's rule: basis points, each share rounded down, the dust to the first."""
    from teleprompt.attribution.rewards import contract_shares, format_units
    from teleprompt.chain.mint_request import mint_contributors
    from teleprompt.config.files import find_program_file, load_program_file
    from teleprompt.config.settings import Settings

    config = load_program_file(find_program_file(Settings().programs_dir, attestation.model_info.model_id))
    held_back_to = getattr(config.chain, "held_back_to", None)
    people = mint_contributors(attestation, held_back_to)
    parts = contract_shares([person.weight_bps for person in people], amount)
    if json_:
        rewards = [{**p.model_dump(), "base_units": str(part)} for p, part in zip(people, parts, strict=True)]
        print_json({"total": str(amount), "decimals": decimals, "rewards": rewards})
        return
    print_table(
        ("address", "basis points", "amount"),
        [
            (p.address, p.weight_bps, format_units(part, decimals=decimals))
            for p, part in zip(people, parts, strict=True)
        ],
        empty="The attestation credits nobody.",
    )
