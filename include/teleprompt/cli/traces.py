"""`teleprompt traces`: what a program's window holds."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from include.teleprompt.cli.output import JsonOption, print_json, print_table
from include.teleprompt.cli.windows import parse_moment, parse_window
from include.teleprompt.window import Window, format_utc

app = typer.Typer(help="The logged calls of a program.", no_args_is_help=True)

Start = Annotated[str | None, typer.Option(help="ISO 8601; by default the program's lookback before the end.")]
End = Annotated[str | None, typer.Option(help="ISO 8601; by default now.")]


@app.command()
def count(program: str, start: Start = None, end: End = None, json_: JsonOption = False) -> None:
    """Count the logged calls of a window, before curation."""
    from include.teleprompt.traces.collect import count_traces
    from include.teleprompt.tracking.connection import mlflow_client

    settings, config, window = _resolve(program, start, end)[:3]
    with mlflow_client(settings.tracking_uri) as client:
        found = count_traces(client, config=config, window=window, enough=2**63)
    if json_:
        print_json({"program": config.name, "window": window.model_dump(mode="json"), "count": found})
    else:
        typer.echo(f"{found} logged calls of {config.name} in {window}")
        if not found:
            typer.echo(f"Looked for the tag dspy_program_name = {config.name} in MLflow at {settings.tracking_uri}")


@app.command()
def inspect(program: str, start: Start = None, end: End = None, json_: JsonOption = False) -> None:
    """Show what a run over the window would use, what it would drop and why, and whose data it is."""
    from include.teleprompt.program.entry_point import build_program
    from include.teleprompt.program.fields import program_fields
    from include.teleprompt.traces.collect import read_traces
    from include.teleprompt.traces.curate import curate
    from include.teleprompt.tracking.connection import mlflow_client

    settings, config, window, file = _resolve(program, start, end)
    fields = program_fields(build_program(file, config.entry_point))
    with mlflow_client(settings.tracking_uri) as client:
        curated = curate(
            read_traces(client, config=config, window=window),
            program=config.name,
            fields=fields,
            outcome=config.outcome,
            max_traces=config.optimization.max_traces,
        )
    good = sum(row.score_e6 >= config.optimization.min_quality_score * 1e6 for row in curated.rows)
    reasons = _counted(q.reason.value for q in curated.quarantine)
    people = _counted(row.contributor_id for row in curated.rows)
    if json_:
        print_json(
            {
                "program": config.name,
                "window": window.model_dump(mode="json"),
                "funnel": [step.model_dump() for step in curated.funnel],
                "usable": len(curated.rows),
                "min_traces": config.optimization.min_traces,
                "good": good,
                "quarantined": reasons,
                "contributors": people,
            }
        )
        return
    typer.echo(f"{config.name}, {window}")
    steps = [(step.step, step.rows_in, step.rows_out) for step in curated.funnel]
    print_table(("step", "in", "out"), steps, empty="")
    print_table(("quarantined because", "traces"), reasons.items(), empty="Nothing is quarantined.")
    print_table(("contributor", "traces"), people.items(), empty="No usable trace.")
    least = config.optimization.min_traces
    verdict = "enough" if len(curated.rows) >= least else f"fewer than min_traces {least}"
    typer.echo(f"{len(curated.rows)} usable ({verdict}), {good} with a good outcome")


def _resolve(program: str, start: str | None, end: str | None) -> tuple[Any, Any, Window, Any]:
    from include.teleprompt.config.files import find_program_file, load_program_file
    from include.teleprompt.config.settings import Settings

    settings = Settings()
    file = find_program_file(settings.programs_dir, program)
    config = load_program_file(file)
    end = end or format_utc(datetime.now(UTC))
    start = start or format_utc(parse_moment("--end", end) - config.lookback)
    return settings, config, parse_window(start, end), file


def _counted(values: Any) -> dict[str, int]:
    from collections import Counter

    return dict(Counter(values).most_common())
