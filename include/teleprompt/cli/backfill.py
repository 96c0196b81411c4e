"""`teleprompt backfill`: what a backfill would do, and Airflow's own to do it."""

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from teleprompt.cli.output import JsonOption, dollars, print_json, print_table, say
from teleprompt.cli.windows import parse_moment

if TYPE_CHECKING:
    from teleprompt.queries.backfill_preview import BackfillPreview

Moment = Annotated[str, typer.Option(help="ISO 8601; without a zone it means UTC.")]


def backfill(
    program: str,
    from_: Annotated[str, typer.Option("--from", help="Windows that start then or later; ISO 8601, UTC.")],
    to: Annotated[str, typer.Option(help="Windows that start then or before; ISO 8601, UTC.")],
    start: Annotated[bool, typer.Option("--start", help="Start Airflow's backfill, after the preview.")] = False,
    json_: JsonOption = False,
) -> None:
    """Say which windows of a backfill count, what they cost and can show; with --start let Airflow do it."""
    from teleprompt.config.files import find_program_file, load_program_file
    from teleprompt.config.settings import Settings
    from teleprompt.queries.backfill_preview import preview_backfill
    from teleprompt.tracking.connection import mlflow_client

    settings = Settings()
    config = load_program_file(find_program_file(settings.programs_dir, program))
    begin, end = parse_moment("--from", from_), parse_moment("--to", to)
    with mlflow_client(settings.tracking_uri) as client:
        preview = preview_backfill(client, config, start=begin, end=end, fleet=settings.fleet)
    command = _airflow_command(config.slug, preview)
    if json_:
        print_json({**preview.model_dump(mode="json"), "command": command})
    else:
        _print(preview)
        say(f"start     {shlex.join(command)}")
    if start:
        _start(command)


def _print(preview: "BackfillPreview") -> None:
    from teleprompt.queries.backfill_preview import IN_WORDS

    print_table(
        ("window", "calls", "requests", "cost", "a run about it"),
        [
            (str(one.window), one.calls, one.requests, dollars(one.cost_usd), IN_WORDS[one.role])
            for one in preview.windows
        ],
        empty="No window.",
    )
    requests = "no run yet says how many" if preview.requests is None else f"about {preview.requests:,}"
    say(
        f"cost      {requests} requests, {dollars(preview.cost_usd)}, for {len(preview.compared)} of "
        f"{len(preview.windows)} windows"
    )
    if preview.level is None or preview.power is None:
        return
    before = f", with {preview.windows_before} windows so far" if preview.windows_before else ""
    say(
        f"level     trial number {preview.trial_number} of its year{before}: {preview.level:.5f} of "
        f"{preview.level_of_year:g}"
    )
    for wait in reversed(preview.power.waits):
        window = None if wait.windows is None else preview.window_after(wait.windows)
        when = f"with {window}" if window else "not in this backfill"
        takes = f"not within {preview.power.horizon} windows" if wait.windows is None else f"{wait.windows} windows"
        say(f"expected  a gain of {wait.gain_e6 / 1e4:g} points shows {when} ({takes})")


def _airflow_command(slug: str, preview: "BackfillPreview") -> list[str]:
    from teleprompt.config.dag_ids import dag_id
    from teleprompt.window import format_utc

    first, last = preview.windows[0].window.start, preview.windows[-1].window.start
    return [
        "airflow", "backfill", "create", "--dag-id", dag_id(slug), "--from-date", format_utc(first),
        "--to-date", format_utc(last), "--max-active-runs", "1",
    ]  # fmt: skip


def _start(command: list[str]) -> None:
    import shutil
    import subprocess

    from teleprompt.errors import ConfigurationError

    airflow = shutil.which(command[0])
    if airflow is None:
        raise ConfigurationError("`airflow` is not on the path; start the backfill where Airflow is, or from its UI.")
    done = subprocess.run([airflow, *command[1:]], check=False)
    if done.returncode:
        raise typer.Exit(1)
