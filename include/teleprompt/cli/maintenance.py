"""`teleprompt maintenance`: what the storage keeps, and deleting what is old and no evidence."""

from typing import TYPE_CHECKING

import typer

from teleprompt.cli.output import JsonOption, print_json, print_table, say, size

if TYPE_CHECKING:
    from teleprompt.maintenance.plan import Plan

app = typer.Typer(help="Deleting what is old and no evidence.", no_args_is_help=True)


@app.command()
def plan(json_: JsonOption = False) -> None:
    """Show what would be deleted now, and what stays and why; nothing is deleted."""
    from teleprompt.config.settings import Settings
    from teleprompt.maintenance.clean import plan_cleaning
    from teleprompt.tracking.connection import mlflow_client

    settings = Settings()
    with mlflow_client(settings.tracking_uri) as client:
        made = plan_cleaning(client, settings)
    if json_:
        print_json(made.model_dump(mode="json"))
        return
    _show(made)
    going = f"{len(made.leaving)} files of {size(made.leaving_bytes)}"
    say(f"{going} may go; `teleprompt maintenance apply` deletes them.")


@app.command()
def apply(json_: JsonOption = False) -> None:
    """Make the plan anew and delete what it says may go."""
    from teleprompt.config.settings import Settings
    from teleprompt.maintenance.clean import clean, plan_cleaning, summary_of
    from teleprompt.tracking.connection import mlflow_client

    settings = Settings()
    with mlflow_client(settings.tracking_uri) as client:
        made = plan_cleaning(client, settings)
    done = clean(made, settings)
    if json_:
        print_json(summary_of(made, done).model_dump(mode="json"))
        return
    _show(made)
    again = f" {done.needed_again} were needed again meanwhile and stay." if done.needed_again else ""
    say(f"{done.deleted} files of {size(done.deleted_bytes)} were deleted.{again}")


def _show(made: "Plan") -> None:
    print_table(
        ("kind", "kept for", "kept", "bytes", "leaving", "bytes", "why kept"),
        [
            (
                kind.kind,
                f"{kind.days} days" if kind.days else "good",
                kind.kept,
                size(kind.kept_bytes),
                kind.leaving,
                size(kind.leaving_bytes),
                ", ".join(f"{count} {reason}" for reason, count in kind.why_kept.items()),
            )
            for kind in made.kinds
        ],
        empty="The storage is empty.",
    )
    if made.missing:
        say(f"{made.missing} files that are evidence are not in the storage; restore them from its backup.")
