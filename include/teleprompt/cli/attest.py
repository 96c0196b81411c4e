"""`teleprompt attest`: attestations."""

from pathlib import Path
from typing import Annotated

import typer

from include.teleprompt.cli.output import JsonOption, print_json, print_table, window_text

app = typer.Typer(help="Attestations.", no_args_is_help=True)


@app.command("list")
def list_all(json_: JsonOption = False) -> None:
    """List the attestations, newest first."""
    from include.teleprompt.config.settings import Settings
    from include.teleprompt.history import list_attestations
    from include.teleprompt.tracking.connection import mlflow_client

    with mlflow_client(Settings().tracking_uri) as client:
        found = list_attestations(client)
    if json_:
        print_json([item.model_dump() for item in found])
        return
    print_table(
        ("id", "program", "window", "hash"),
        [(a.attestation_id, a.program, window_text(a.window_start, a.window_end), a.attestation_hash) for a in found],
        empty="No attestation yet: there is one for each promoted version.",
    )


@app.command()
def show(
    attestation_id: Annotated[str, typer.Argument(metavar="ID", help="Id or hash.")],
    json_: JsonOption = False,
) -> None:
    """Print the exact bytes of an attestation."""
    del json_  # it is JSON in any case
    from include.teleprompt.config.settings import Settings
    from include.teleprompt.history import read_attestation
    from include.teleprompt.tracking.connection import mlflow_client

    with mlflow_client(Settings().tracking_uri) as client:
        typer.echo(read_attestation(client, attestation_id), nl=False)


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="The attestation's file.")],
    trusted_signer: Annotated[
        list[str] | None, typer.Option(metavar="ADDR", help="Must be signed by one of these.")
    ] = None,
    require_signature: Annotated[bool, typer.Option("--require-signature", help="A hash is not enough.")] = False,
    json_: JsonOption = False,
) -> None:
    """Check an attestation offline, from its file alone."""
    from include.teleprompt.attest.load import MAX_BYTES
    from include.teleprompt.attest.verify import verify_attestation
    from include.teleprompt.errors import ConfigurationError

    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read ({error.strerror}); name an attestation's file.") from error
    result = verify_attestation(data, trusted_signers=trusted_signer or (), require_signature=require_signature)
    if json_:
        print_json(result.model_dump(mode="json"))
    else:
        typer.echo(f"{'valid' if result.valid else 'INVALID'}: {result.code} ({result.detail})")
    if not result.valid:
        raise typer.Exit(1)
