"""`teleprompt traces set-aside`: submitted traces that could not be written to MLflow."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from teleprompt.cli.output import JsonOption, print_json, print_table, say, size, write_new
from teleprompt.window import format_utc

app = typer.Typer(help="Submitted traces that could not be written to MLflow, on this machine.", no_args_is_help=True)

OneProgram = Annotated[str | None, typer.Argument(help="By default of all programs.")]


@app.command("list")
def list_(program: OneProgram = None, json_: JsonOption = False) -> None:
    """Show them, and why each was set aside."""
    from teleprompt.config.settings import Settings
    from teleprompt.traces.submission.spool import Spool

    rows = Spool(Settings().spool_dir).list_aside(program)
    if json_:
        print_json([{**row._asdict(), "since": _iso(row.since)} for row in rows])
        return
    shown = [(row.program, row.trace_id, _iso(row.since), size(row.size), row.problem) for row in rows]
    print_table(("program", "trace", "since", "size", "why"), shown, empty="Nothing is set aside.")


@app.command()
def retry(program: OneProgram = None, json_: JsonOption = False) -> None:
    """Try once more to write them, for instance late outcomes whose call was handed in since."""
    from teleprompt.config.files import find_program_file, load_program_file
    from teleprompt.config.settings import Settings
    from teleprompt.traces.submission.spool import Spool
    from teleprompt.traces.submission.submit import drain
    from teleprompt.tracking.connection import mlflow_client

    settings = Settings()
    spool = Spool(settings.spool_dir)
    taken_up = spool.take_up(program)
    with mlflow_client(settings.tracking_uri) as client:
        written = drain(spool, client, lambda slug: load_program_file(find_program_file(settings.programs_dir, slug)))
    again = len(spool.list_aside(program))
    if json_:
        print_json({"taken_up": taken_up, "written": written, "set_aside": again, "waiting": len(spool)})
    else:
        say(f"{taken_up} taken up again, {written} written, {again} set aside again")
    if again:
        raise typer.Exit(1)


@app.command()
def export(
    program: str,
    file: Annotated[Path, typer.Argument(help="A new file of JSON lines, for `teleprompt traces submit`.")],
    remove: Annotated[bool, typer.Option("--remove", help="Take them out of what is set aside.")] = False,
    json_: JsonOption = False,
) -> None:
    """Write those of a program to a file, to be corrected and handed in again."""
    from teleprompt.config.settings import Settings
    from teleprompt.traces.submission.set_aside import as_lines
    from teleprompt.traces.submission.spool import Spool

    spool = Spool(Settings().spool_dir)
    rows = spool.list_aside(program)
    write_new(file, "".join(f"{line}\n" for line in as_lines(spool, rows)))
    if remove:
        spool.forget_aside([row.number for row in rows])
    if json_:
        print_json({"lines": len(rows), "file": str(file), "removed": remove})
    else:
        say(f"{len(rows)} lines in {file}")


def _iso(seconds: int) -> str:
    return format_utc(datetime.fromtimestamp(seconds, tz=UTC))
