"""`teleprompt status`: what the pipeline's runs came to."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from teleprompt.cli.output import JsonOption, dollars, interval, points, print_json, print_table, say, window_text

if TYPE_CHECKING:
    from teleprompt.tracking.skipped_windows import SkippedWindow


def status(
    program: Annotated[str | None, typer.Argument(help="Only this program.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most runs to show, newest first.")] = 20,
    skipped_only: Annotated[
        bool, typer.Option("--skipped", help="Only the windows of PROGRAM that held too few traces.")
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Show the pipeline's runs, newest first; of one program also the windows that held too few traces."""
    from teleprompt.config.files import find_program_file, load_program_file
    from teleprompt.config.settings import Settings
    from teleprompt.errors import ConfigurationError
    from teleprompt.queries.history import list_runs
    from teleprompt.tracking.connection import mlflow_client
    from teleprompt.tracking.skipped_windows import list_skipped

    if skipped_only and program is None:
        raise ConfigurationError("--skipped is about one program; name it: `teleprompt status PROGRAM --skipped`.")
    settings = Settings()
    name = load_program_file(find_program_file(settings.programs_dir, program)).name if program else None
    with mlflow_client(settings.tracking_uri) as client:
        runs = [] if skipped_only else list_runs(client, program=name, limit=limit)
        skipped = list_skipped(client, name, limit=limit) if name else []
    if json_:
        print_json([record.model_dump(mode="json") for record in (skipped if skipped_only else runs)])
        return
    if skipped_only:
        _say_skipped(skipped)
        return
    print_table(
        (
            "run",
            "program",
            "window",
            "state",
            "stage",
            "verdict",
            "change",
            "interval",
            "n",
            "version",
            "attestation",
            "requests",
            "cost",
        ),
        [
            (
                run.run_id[:8],
                run.program,
                window_text(run.window_start, run.window_end),
                run.state,
                run.stage,
                run.verdict,
                points(run.delta_e6),
                interval(run.ci_low_e6, run.ci_high_e6),
                run.n_gate,
                run.model_version,
                run.attestation_id,
                run.lm_calls,
                dollars(run.cost_usd),
            )
            for run in runs
        ],
        empty="No run yet: trigger a DAG in Airflow, or use `teleprompt run`.",
    )
    _say_skipped(skipped)
    for run in runs:
        if run.progress is not None:
            say(f"{run.program} {window_text(run.window_start, run.window_end)} compiles: {run.progress}")
        if run.rewritten is not None:
            say(f"{run.program} {window_text(run.window_start, run.window_end)}: {run.rewritten}")
        if run.skipped is not None:
            say(f"{run.program} {window_text(run.window_start, run.window_end)} compared nothing: {run.skipped}")
        if run.error is not None:
            say(f"{run.program} {window_text(run.window_start, run.window_end)} failed: {run.error}")


def _say_skipped(windows: "Sequence[SkippedWindow]") -> None:
    for window in windows:
        say(f"{window.program} {window_text(window.window_start, window.window_end)} was skipped: {window.why}")
