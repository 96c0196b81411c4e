"""`teleprompt versions`: the registered versions of a program, and which of them runs."""

from typing import Annotated

import typer

from teleprompt.cli.output import JsonOption, points, print_diff_line, print_json, print_table, say

app = typer.Typer(help="Registered versions, and which of them runs.", no_args_is_help=True)


@app.command("list")
def list_versions(program: str, json_: JsonOption = False) -> None:
    """List a program's versions, newest first, with what their alias and lineage are."""
    from teleprompt.config.files import find_program_file, load_program_file
    from teleprompt.config.settings import Settings
    from teleprompt.registry.listing import list_versions as listing
    from teleprompt.tracking.connection import mlflow_client

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


@app.command()
def diff(
    program: str,
    before: Annotated[str, typer.Argument(help="Number, id or alias of a version.")] = "previous",
    after: Annotated[str, typer.Argument(help="Another one.")] = "champion",
    json_: JsonOption = False,
) -> None:
    """Show what changes in the prompt between two versions: instructions, fields and demonstrations."""
    from teleprompt.config.files import find_program_file, load_program_file
    from teleprompt.config.settings import Settings
    from teleprompt.program.prompt_diff import diff_in_text
    from teleprompt.queries.version_prompts import diff_versions
    from teleprompt.tracking.connection import mlflow_client

    settings = Settings()
    config = load_program_file(find_program_file(settings.programs_dir, program))
    with mlflow_client(settings.tracking_uri) as client:
        found = diff_versions(client, config.name, before, after)
    if json_:
        print_json(found.model_dump(mode="json"))
        return
    for line in diff_in_text(found):
        print_diff_line(line)


@app.command()
def rollback(
    program: str,
    to: Annotated[
        str | None, typer.Option(help="Number or id of a version that was champion; default: the one before.")
    ] = None,
    why: Annotated[str, typer.Option(help="For the log of changes.")] = "rolled back by hand",
    json_: JsonOption = False,
) -> None:
    """Make the previous champion champion again, in one step; with --to, any that was champion, later ones too."""
    from teleprompt.config.files import find_program_file, load_program_file
    from teleprompt.config.settings import Settings
    from teleprompt.environment import system_user
    from teleprompt.registry.aliases import CHAMPION, aliases_of
    from teleprompt.registry.changes import rollback as roll_back
    from teleprompt.registry.listing import number_of
    from teleprompt.tracking.connection import mlflow_client

    settings = Settings()
    config = load_program_file(find_program_file(settings.programs_dir, program))
    with mlflow_client(settings.tracking_uri) as client:
        target = None if to is None else number_of(client, config.name, to)
        change = roll_back(client, config.name, to=target, who=system_user(), why=why)
        champion = aliases_of(client, config.name)[CHAMPION]
    if json_:
        print_json({"champion": champion, "change": change.model_dump(mode="json") if change else None})
    elif change is None:
        say(f"Version {champion} of {config.name} is champion already; nothing was changed.")
    else:
        say(f"Version {champion} of {config.name} is champion again, instead of {change.before[CHAMPION]}.")


@app.command()
def log(
    program: str,
    limit: Annotated[int, typer.Option(min=1, help="Most changes to show, newest first.")] = 20,
    json_: JsonOption = False,
) -> None:
    """Show who changed which version runs, when and why, newest first."""
    from teleprompt.config.files import find_program_file, load_program_file
    from teleprompt.config.settings import Settings
    from teleprompt.registry.aliases import CHAMPION
    from teleprompt.registry.change_log import list_changes
    from teleprompt.tracking.connection import mlflow_client
    from teleprompt.window import format_utc

    settings = Settings()
    config = load_program_file(find_program_file(settings.programs_dir, program))
    with mlflow_client(settings.tracking_uri) as client:
        changes = list_changes(client, config.name, limit=limit)
    if json_:
        print_json([change.model_dump(mode="json") for change in changes])
        return
    print_table(
        ("when", "what", "champion", "state", "who", "why"),
        [
            (
                format_utc(change.at.replace(microsecond=0)),
                change.action,
                f"{change.before.get(CHAMPION, '-')} -> {change.after.get(CHAMPION, '-')}",
                change.state,
                change.who,
                change.why,
            )
            for change in changes
        ],
        empty=f"Nothing was changed yet: the first run registers {config.name} as written.",
    )
