"""How commands name an attestation."""

from typing import Annotated

import typer

AttestationId = Annotated[str, typer.Argument(metavar="ID", help="Id or hash.")]
