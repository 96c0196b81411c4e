"""`teleprompt backup` and `teleprompt restore`."""

from typing import Annotated

import typer

from teleprompt.cli.output import JsonOption, print_json, say, size


def backup(
    target: Annotated[str, typer.Argument(help="An empty folder, or a URI such as s3://bucket/backup.")],
    with_snapshots: Annotated[
        bool, typer.Option("--with-snapshots", help="Also the rows of snapshots that are no evidence.")
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Back up runs, versions, attestations and all their evidence, and the program files; no keys."""
    from teleprompt.config.settings import Settings
    from teleprompt.maintenance.backup import back_up
    from teleprompt.maintenance.plan import Kind
    from teleprompt.tracking.connection import mlflow_client

    settings = Settings()
    also = frozenset({Kind.ROWS}) if with_snapshots else frozenset()
    with mlflow_client(settings.tracking_uri) as client:
        manifest = back_up(client, settings, target, also=also)
    if json_:
        print_json(manifest.model_dump(mode="json"))
        return
    counts = ", ".join(f"{count} {what}" for what, count in manifest.counts.items())
    say(f"{target}: {counts}; {len(manifest.files)} files of {size(manifest.size)}.")


def restore(
    source: Annotated[str, typer.Argument(help="What `teleprompt backup` wrote.")], json_: JsonOption = False
) -> None:
    """Restore a backup into a new place; it is checked whole, and swapped in when it is all there."""
    from teleprompt.config.settings import Settings
    from teleprompt.maintenance.restore import restore as restore_backup
    from teleprompt.tracking.connection import mlflow_client

    settings = Settings()
    with mlflow_client(settings.tracking_uri) as client:
        manifest = restore_backup(client, settings, source)
    if json_:
        print_json(manifest.model_dump(mode="json"))
        return
    counts = ", ".join(f"{count} {what}" for what, count in manifest.counts.items())
    say(f"Restored from {manifest.made_at:%Y-%m-%d %H:%M} UTC: {counts}.")
    say("Verify it: `teleprompt attest list`, then `teleprompt attest verify --deep` with each of them.")
