"""`teleprompt signer`: the key that signs attestations."""

from pathlib import Path
from typing import Annotated

import typer

from teleprompt.cli.output import JsonOption, print_json, say

app = typer.Typer(help="The key that signs attestations.", no_args_is_help=True)


@app.command()
def new(
    keystore: Annotated[Path, typer.Argument(help="File to write: Web3 Secret Storage.", dir_okay=False)],
    password_file: Annotated[Path, typer.Option(help="File to write: its password.", dir_okay=False)],
    json_: JsonOption = False,
) -> None:
    """Make a key, protected by a password that is made too, and show its address."""
    from teleprompt.signing.keystore import write_keystore

    address = write_keystore(keystore, password_file)
    if json_:
        print_json({"address": address, "keystore": str(keystore), "password_file": str(password_file)})
    else:
        say(address)


@app.callback()
def _group() -> None:
    """A group, though it has one command."""
