"""`teleprompt rewards`: what each contributor of an attestation is due."""

from typing import Annotated

import typer

from include.teleprompt.cli.output import JsonOption, print_json, print_table


def rewards(
    attestation_id: Annotated[str, typer.Argument(metavar="ID", help="Id or hash of the attestation.")],
    total: Annotated[str, typer.Option(help="Amount to divide, in tokens.")],
    decimals: Annotated[int, typer.Option(min=0, max=36, help="Decimals of the token.")] = 18,
    json_: JsonOption = False,
) -> None:
    """Divide a total among the contributors of an attestation, exactly to the last base unit."""
    from include.teleprompt.attest.load import load_attestation
    from include.teleprompt.attest.verify import check_content
    from include.teleprompt.attribution.rewards import base_units, format_units, reward_shares
    from include.teleprompt.config.settings import Settings
    from include.teleprompt.history import read_attestation
    from include.teleprompt.tracking.connection import mlflow_client

    amount = base_units(total, decimals=decimals)
    with mlflow_client(Settings().tracking_uri) as client:
        attestation, document = load_attestation(read_attestation(client, attestation_id))
    check_content(attestation, document)
    shares = reward_shares(document["contributors"], amount)
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
