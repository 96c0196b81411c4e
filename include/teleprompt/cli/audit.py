"""`teleprompt audit`: who did what to a program."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from teleprompt.cli.output import JsonOption, print_json, print_table, say
from teleprompt.config.files import find_program_file, load_program_file
from teleprompt.config.settings import Settings
from teleprompt.errors import ConfigurationError
from teleprompt.window import format_utc

if TYPE_CHECKING:
    from teleprompt.registry.audit_trail import AuditEntry

app = typer.Typer(help="Who did what to a program, and whether the trail is whole.", no_args_is_help=True)


@app.command("list")
def list_entries(program: str, json_: JsonOption = False) -> None:
    """List the entries, oldest first; `--json` is the export, with the digests that chain them."""
    from teleprompt.registry.audit_trail import read_trail
    from teleprompt.tracking.connection import mlflow_client

    settings = Settings()
    name = load_program_file(find_program_file(settings.programs_dir, program)).name
    with mlflow_client(settings.tracking_uri) as client:
        entries = read_trail(client, name)
    if json_:
        print_json([entry.model_dump(mode="json") for entry in entries])
        return
    print_table(
        ("number", "at", "who", "deed", "before", "after"),
        [(e.number, format_utc(e.at), e.who, e.deed.value, _brief(e.before), _brief(e.after)) for e in entries],
        empty=f"Nobody did anything to {name} yet.",
    )


@app.command()
def verify(
    program: str,
    against: Annotated[
        Path | None,
        typer.Option(help="An export (`list --json`): the trail must begin with it.", exists=True, dir_okay=False),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """See that no entry is missing, changed or out of order; exit status 1 if one is."""
    from teleprompt.registry.audit_trail import find_departures, find_gaps, read_trail
    from teleprompt.tracking.connection import mlflow_client

    settings = Settings()
    name = load_program_file(find_program_file(settings.programs_dir, program)).name
    exported = _read_export(against) if against else []
    with mlflow_client(settings.tracking_uri) as client:
        entries = read_trail(client, name)
        problems = [*find_gaps(client, name, entries), *find_departures(entries, exported)]
    if json_:
        print_json({"whole": not problems, "entries": len(entries), "problems": problems})
    else:
        for line in problems or [f"{len(entries)} entries, none is missing or changed."]:
            say(line)
    if problems:
        raise typer.Exit(1)


def _read_export(file: Path) -> "list[AuditEntry]":
    from pydantic import TypeAdapter, ValidationError

    from teleprompt.registry.audit_trail import AuditEntry

    try:
        return TypeAdapter(list[AuditEntry]).validate_json(file.read_bytes())
    except ValidationError as error:
        raise ConfigurationError(f"{file} is no export of a trail; write one with `audit list --json`.") from error


def _brief(values: dict[str, object]) -> str | None:
    return ", ".join(f"{key}: {value}" for key, value in values.items() if value is not None)[:80] or None
