"""`teleprompt traces`: what a program's window holds."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from teleprompt.cli import set_aside
from teleprompt.cli.output import JsonOption, print_json, print_table, say, write_new
from teleprompt.cli.windows import parse_moment, parse_window
from teleprompt.window import Window, format_utc

EXCERPT = 80
"""Characters of a quarantined trace that are shown."""

app = typer.Typer(help="The logged calls of a program.", no_args_is_help=True)
app.add_typer(set_aside.app, name="set-aside")

Start = Annotated[str | None, typer.Option(help="ISO 8601; by default the program's lookback before the end.")]
End = Annotated[str | None, typer.Option(help="ISO 8601; by default now.")]


@app.command()
def count(program: str, start: Start = None, end: End = None, json_: JsonOption = False) -> None:
    """Count the logged calls of a window, before curation; none is fetched."""
    from teleprompt.traces.found_instead import calls_instead
    from teleprompt.traces.sources.of_program import maturing
    from teleprompt.traces.volume import volume
    from teleprompt.tracking.connection import mlflow_client

    settings, config, window = _resolve(program, start, end)[:3]
    with mlflow_client(settings.tracking_uri) as client:
        found = volume(client, config=config, window=window)
        instead = None if found.calls else calls_instead(client, config, maturing(window, config))
    if json_:
        print_json(
            {
                "program": config.name,
                "window": window.model_dump(mode="json"),
                "count": found.calls,
                "new_outcomes": found.new_outcomes,
                "instead": instead,
            }
        )
        return
    say(f"{found.calls} logged calls of {config.name} in {window}")
    if found.new_outcomes is not None:
        say(f"{found.new_outcomes} values of {config.outcome.metric} arrived in it")
    if not found.calls:
        say(f"Looked for the tag dspy_program_name = {config.name} in MLflow at {settings.tracking_uri}")
    elif found.new_outcomes == 0:
        say(f"`teleprompt traces inspect {config.slug}` says which outcomes they hold.")
    if instead:
        say(instead, colour="red")


@app.command()
def inspect(
    program: str,
    start: Start = None,
    end: End = None,
    html: Annotated[Path | None, typer.Option(help="Write the profile with plots to this file, too.")] = None,
    json_: JsonOption = False,
) -> None:
    """Show what a run over the window would use, what it would drop and why, and whose data it is.

    Without --start and --end that is the window of the program's last run, if there was one.
    """
    from teleprompt.queries.inspection import inspect_window
    from teleprompt.traces.profile_page import profile_page
    from teleprompt.tracking.connection import mlflow_client

    settings, config, window, file = _resolve(program, start, end)
    if start is None and end is None and (last := _window_of_last_run(settings, config.name)) is not None:
        say("This is the window of the last run; choose another by --start and --end.", err=True)
        window = last
    with mlflow_client(settings.tracking_uri) as client:
        profile = inspect_window(client, file, config, window, process=settings.program_process)
    if html:
        html.write_text(profile_page(profile), encoding="utf-8")
    if json_:
        print_json({**profile.model_dump(mode="json"), "min_traces": config.optimization.min_traces})
        return
    _show(profile, min_traces=config.optimization.min_traces)


@app.command("check-source")
def check_source(program: str, start: Start = None, end: End = None, json_: JsonOption = False) -> None:
    """Try whether a source of one's own (`traces.source`) keeps what is promised of sources."""
    from teleprompt.queries.inspection import try_source
    from teleprompt.tracking.connection import mlflow_client

    settings, config, window, file = _resolve(program, start, end)
    with mlflow_client(settings.tracking_uri) as client:
        checks = try_source(client, file, config, window, process=settings.program_process)
    calls = sum(check.calls for check in checks.values())
    if json_:
        print_json({kind: check.model_dump(mode="json") for kind, check in checks.items()})
    else:
        _show_checks(checks)
        if not calls:
            say(f"No call of {config.name} in {window}, so nothing can be told; choose a window with calls.")
    if not calls or any(check.problems for check in checks.values()):
        raise typer.Exit(1)


@app.command()
def example(
    file: Annotated[Path, typer.Argument(help="File to write: JSON lines, as `submit` takes them.", dir_okay=False)],
    json_: JsonOption = False,
) -> None:
    """Write a week of made-up calls of the program that `teleprompt init` adds, up to last midnight UTC."""
    from teleprompt.example.calls import CALLS, next_commands, sample_calls

    until = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    write_new(file, "".join(f"{line}\n" for line in sample_calls(until)))
    if json_:
        print_json({"file": str(file), "calls": CALLS})
    else:
        say(f"{file}: {CALLS} calls; next:")
        for command in next_commands(str(file), until):
            say(f"  {command}")


@app.command()
def submit(
    program: str,
    file: Annotated[Path, typer.Argument(help="JSON lines, a trace each; see docs/traces.md.")],
    json_: JsonOption = False,
) -> None:
    """Hand traces in: each line is checked, kept on disk, and written to MLflow once however often it comes."""
    from teleprompt.config.files import find_program_file, load_program_file
    from teleprompt.config.settings import Settings
    from teleprompt.traces.submission.spool import Spool
    from teleprompt.traces.submission.submit import accept, drain
    from teleprompt.tracking.connection import mlflow_client

    settings = Settings()
    config = load_program_file(find_program_file(settings.programs_dir, program))
    spool = Spool(settings.spool_dir)
    before = spool.aside()
    with file.open("rb") as lines:
        accepted, rejected = accept(spool, config, (line for line in lines if line.strip()))
    with mlflow_client(settings.tracking_uri) as client:
        drain(spool, client, lambda slug: load_program_file(find_program_file(settings.programs_dir, slug)))
    aside = max(0, spool.aside() - before)
    if json_:
        reasons = [row.model_dump() for row in rejected]
        print_json({"accepted": accepted, "rejected": reasons, "waiting": len(spool), "set_aside": aside})
    else:
        say(f"{accepted} accepted, {len(rejected)} rejected, {len(spool)} wait for MLflow")
        for row in rejected:
            say(f"line {row.line}: {row.reason}", err=True)
        if aside:
            say(f"{aside} set aside: `teleprompt traces set-aside list {config.slug}` says why", err=True)
    if rejected or aside:
        raise typer.Exit(1)


def _show(profile: Any, *, min_traces: int) -> None:
    say(f"{profile.program}, {profile.window}")
    steps = [
        (step.step, step.rows_in, step.rows_out, ", ".join(f"{why} {n}" for why, n in step.reasons.items()))
        for step in profile.funnel
    ]
    print_table(("step", "in", "out", "why not"), steps, empty="")
    largest = max(profile.scores) or 1
    bars = [
        (f"{i / len(profile.scores):.2f}", n, "█" * round(40 * n / largest)) for i, n in enumerate(profile.scores) if n
    ]
    print_table(("score from", "traces", ""), bars, empty="No usable trace.")
    print_table(("part", "traces"), [(part.value, n) for part, n in profile.parts.items()], empty="")
    leaks = profile.leakage
    found = (("inputs", leaks.exact), ("groups", leaks.groups), ("contributors", leaks.contributors))
    counted = [*found, (f"near duplicates (pairs, of {leaks.compared} traces)", leaks.near)]
    print_table(("in more than one part", ""), [(what, n) for what, n in counted if n is not None], empty="")
    print_table(("contributor", "traces"), profile.contributors.items(), empty="No usable trace.")
    quarantined = [
        (reason, n if i == 0 else "", example.trace_id, example.raw[:EXCERPT])
        for reason, n in profile.quarantined.items()
        for i, example in enumerate(profile.examples[reason])
    ]
    print_table(("quarantined because", "traces", "for instance", ""), quarantined, empty="Nothing is quarantined.")
    verdict = "enough" if profile.usable >= min_traces else f"fewer than min_traces {min_traces}"
    say(f"{profile.usable} usable ({verdict}), {profile.good} with a good outcome")
    if profile.instead:
        say(profile.instead, colour="red")


def _show_checks(checks: Any) -> None:
    for kind, check in checks.items():
        say(f"{kind}: {check.calls} calls, {check.with_outcome} of them with an outcome that counts, or an expectation")
        for problem in check.problems:
            say(f"  {problem}")


def _resolve(program: str, start: str | None, end: str | None) -> tuple[Any, Any, Window, Any]:
    from teleprompt.config.files import find_program_file, load_program_file
    from teleprompt.config.settings import Settings

    settings = Settings()
    file = find_program_file(settings.programs_dir, program)
    config = load_program_file(file)
    end = end or format_utc(datetime.now(UTC))
    start = start or format_utc(parse_moment("--end", end) - config.lookback)
    return settings, config, parse_window(start, end), file


def _window_of_last_run(settings: Any, program: str) -> Window | None:
    from teleprompt.queries.history import list_runs
    from teleprompt.tracking.connection import mlflow_client

    with mlflow_client(settings.tracking_uri) as client:
        runs = list_runs(client, program=program, limit=1)
    return parse_window(runs[0].window_start, runs[0].window_end) if runs else None
