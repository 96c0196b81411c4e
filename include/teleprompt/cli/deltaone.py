"""`teleprompt deltaone`: the gate's ledger and its verdicts, for auditors."""

from typing import Annotated

import typer

from teleprompt.cli.output import JsonOption, interval, points, print_json, print_table, say, window_text

app = typer.Typer(help="The gate: its looks at sealed examples, and its verdicts made anew.", no_args_is_help=True)

Run = Annotated[str, typer.Argument(help="Id of a pipeline run, or how it begins; `teleprompt status` shows them.")]


@app.command()
def recompute(run: Run, json_: JsonOption = False) -> None:
    """Make the verdict of a run anew from its stored scores; exit status 1 if it is not the stored one."""
    from teleprompt.config.settings import Settings
    from teleprompt.gate.comparison import recompute as made_anew
    from teleprompt.queries.history import find_run, read_comparison
    from teleprompt.tracking.connection import mlflow_client

    with mlflow_client(Settings().tracking_uri) as client:
        comparison = read_comparison(client, find_run(client, run))
    anew = made_anew(comparison)
    equal = anew == comparison.report
    if json_:
        print_json({"equal": equal, "stored": comparison.report.model_dump(mode="json"), "anew": _dumped(anew)})
    else:
        say(f"stored  {comparison.report.verdict}: {comparison.report.reason}")
        say(f"anew    {anew.verdict}: {anew.reason}")
        say("equal, in every figure" if equal else "NOT EQUAL: the record and its scores contradict each other")
    if not equal:
        raise typer.Exit(1)


@app.command()
def scoreboard(
    program: Annotated[str, typer.Argument(help="The program's file name without its ending.")],
    json_: JsonOption = False,
) -> None:
    """Show what sealed examples had said of the versions that went online, and what came of their calls."""
    from teleprompt.config.files import find_program_file, load_program_file
    from teleprompt.config.settings import Settings
    from teleprompt.registry.listing import list_versions
    from teleprompt.registry.scoreboard import scoreboard_of
    from teleprompt.tracking.connection import mlflow_client

    settings = Settings()
    config = load_program_file(find_program_file(settings.programs_dir, program))
    with mlflow_client(settings.tracking_uri) as client:
        lines = scoreboard_of(list_versions(client, config.name))
    if json_:
        print_json([{**line.model_dump(mode="json"), "misled": line.misled} for line in lines])
        return
    print_table(
        ("version", "sealed examples", "in production", "interval", "beside", "calls", "outcome"),
        [
            (
                line.version_id,
                None if line.offline_e6 is None else points(line.offline_e6),
                points(line.online.delta_e6),
                interval(line.online.ci_low_e6, line.online.ci_high_e6),
                "the champion" if line.online.beside == "champion" else "the version before",
                line.online.calls,
                f"{line.online.outcome}{': misled' if line.misled else ''}",
            )
            for line in lines
        ],
        empty=f"Of no version of {config.name} production has said anything yet.",
    )


@app.command()
def examples(
    run: Run,
    limit: Annotated[int, typer.Option(min=1, help="Most examples to show.")] = 20,
    json_: JsonOption = False,
) -> None:
    """Show the sealed examples of a run by what changed, regressed ones first; their texts stay in the traces."""
    from teleprompt.config.settings import Settings
    from teleprompt.errors import ConfigurationError
    from teleprompt.gate.comparison import compared_answers
    from teleprompt.queries.history import find_run, read_comparison
    from teleprompt.tracking.connection import mlflow_client

    with mlflow_client(Settings().tracking_uri) as client:
        comparison = read_comparison(client, find_run(client, run))
    if comparison.is_sealed:
        raise ConfigurationError(
            "These examples are still to decide a trial, and whoever knows them could aim at them; they are shown by "
            "the run that ends it."
        )
    compared = compared_answers(comparison)
    answers = compared[:limit]
    if json_:
        print_json([answer.model_dump(mode="json") for answer in answers])
        return
    print_table(
        ("trace", "baseline", "optimized", "change", "failed"),
        [
            (
                answer.trace_id,
                f"{answer.baseline.score_e6 / 1e4:.2f}",
                f"{answer.optimized.score_e6 / 1e4:.2f}",
                points(answer.change_e6),
                answer.optimized.failure or answer.baseline.failure,
            )
            for answer in answers
        ],
        empty="No example was compared.",
    )
    if len(compared) > len(answers):
        say(f"{len(answers)} of {len(compared)} examples; the others by --limit {len(compared)}.")


@app.command()
def looks(program: str, json_: JsonOption = False) -> None:
    """Show who looked at a program's sealed examples when, and what error each look was allowed."""
    from dataclasses import asdict

    from teleprompt.config.files import find_program_file, load_program_file
    from teleprompt.config.settings import Settings
    from teleprompt.gate.ledger import list_looks
    from teleprompt.tracking.connection import mlflow_client

    settings = Settings()
    config = load_program_file(find_program_file(settings.programs_dir, program))
    with mlflow_client(settings.tracking_uri) as client:
        found = list(list_looks(client, config.name))
    if json_:
        print_json([{**asdict(entry), "look": _dumped(entry.look)} for entry in found])
        return
    print_table(
        ("looked at", "run", "window", "look", "alpha", "examples", "seen before", "retired", "verdict"),
        [
            (
                entry.looked_at,
                entry.run_id[:8],
                window_text(entry.window_start, entry.window_end),
                entry.look.number if entry.look else None,
                f"{entry.look.alpha:.6f}" if entry.look else None,
                entry.look.used if entry.look else None,
                entry.look.seen_before if entry.look else None,
                entry.look.retired if entry.look else None,
                entry.verdict,
            )
            for entry in found
        ],
        empty=f"Nobody has looked at sealed examples of {config.name} yet.",
    )


@app.command()
def watch(program: str, json_: JsonOption = False) -> None:
    """Look at production once, and act on it, as the program's DAG `.watch` does.

    Decides on the challenger: promotes and attests it, or withdraws it. Without one, compares the champion with the
    version before, and rolls back if the program's file says so. Exit status 1 on a regression.
    """
    from teleprompt.config.files import find_program_file, load_program_file
    from teleprompt.config.settings import Settings
    from teleprompt.environment import system_user
    from teleprompt.production.look import Production
    from teleprompt.production.report import WatchOutcome

    settings = Settings()
    config = load_program_file(find_program_file(settings.programs_dir, program))
    report = Production(config, settings, system_user()).look()
    if json_:
        print_json(report.model_dump(mode="json"))
    else:
        say(f"{report.outcome}: {report.version or config.name}")
        say(f"why      {report.why}")
        if report.decision is not None:
            said = report.decision.report
            say(f"change   {points(said.delta_e6)} points {interval(said.ci_low_e6, said.ci_high_e6)}")
        if report.watched:
            say(f"beside   {report.watched}")
        if report.attestation is not None:
            say(f"attested {report.attestation.blob.uri}")
    if report.outcome in {WatchOutcome.REGRESSED, WatchOutcome.ROLLED_BACK}:
        raise typer.Exit(1)


def _dumped(record: object) -> object:
    return record.model_dump(mode="json") if record is not None else None  # type: ignore[attr-defined]
