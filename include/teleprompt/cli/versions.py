"""`teleprompt versions`: the registered versions of a program."""

import typer

from include.teleprompt.cli.output import JsonOption, points, print_json, print_table

app = typer.Typer(help="Registered versions.", no_args_is_help=True)


@app.command("list")
def list_versions(program: str, json_: JsonOption = False) -> None:
    """List a program's versions, newest first, with what their alias and lineage are."""
    from include.teleprompt.config.files import find_program_file, load_program_file
    from include.teleprompt.config.settings import Settings
    from include.teleprompt.registry.listing import list_versions as listing
    from include.teleprompt.tracking.connection import mlflow_client

    settings = Settings()
    config = load_program_file(find_program_file(settings.programs_dir, program))
    with mlflow_client(settings.tracking_uri) as client:
        found = listing(client, config.name)
    if json_:
        print_json([version.model_dump() for version in found])
        return
    print_table(
        ("version", "id", "alias", "from", "change", "attestation"),
        [
            (
                v.number,
                v.version_id,
                ", ".join(v.aliases) or None,
                v.parent,
                points(v.delta_e6),
                v.attestation_id,
            )
            for v in found
        ],
        empty=f"No version of {config.name} yet: the first run registers the program as written.",
    )
