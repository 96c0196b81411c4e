"""`teleprompt trial`: candidates that are compared with the champion window after window."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from teleprompt.cli.output import JsonOption, interval, points, print_json, print_table, say

if TYPE_CHECKING:
    from teleprompt.queries.trials import TrialSummary

app = typer.Typer(
    help="Candidates on trial: how their evidence stands, and why nothing is decided yet.", no_args_is_help=True
)

Program = Annotated[str, typer.Argument(help="The program's file name without its ending.")]
Beginning = Annotated[str, typer.Argument(help="How its id begins. Default: the newest one.")]
Why = Annotated[str, typer.Option(help="The reason, for the audit trail.")]
Done = TypeVar("Done")


@app.command("list")
def list_(program: Program, json_: JsonOption = False) -> None:
    """Show a program's trials, newest first."""
    name, trials = _trials_of(program)
    if json_:
        print_json([trial.model_dump(mode="json") for trial in trials])
        return
    print_table(
        ("trial", "opened with", "state", "windows", "examples", "change", "interval", "evidence", "needed", "level"),
        [
            (
                trial.trial_id[:8],
                str(trial.opened),
                trial.state,
                f"{trial.windows} of {trial.horizon}",
                trial.n,
                points(trial.delta_e6) if trial.n else None,
                interval(trial.ci_low_e6, trial.ci_high_e6) if trial.n else None,
                f"{trial.log_e:.2f}",
                f"{trial.boundary:.2f}",
                f"{trial.level:.5f}",
            )
            for trial in trials
        ],
        empty=f"No candidate of {name} was on trial yet.",
    )
    for trial in trials[:1]:
        say(f"{trial.state}: {trial.reason}")


@app.command()
def show(
    program: Program,
    trial: Beginning = "",
    json_: JsonOption = False,
) -> None:
    """Show the evidence of one trial, window by window."""
    from teleprompt.queries.trials import one_of

    name, trials = _trials_of(program)
    one = one_of(trials, trial, program=name)
    if json_:
        print_json(one.model_dump(mode="json"))
        return
    say(f"trial      {one.trial_id[:16]}, number {one.number} of its year, at a level of {one.level:.5f}")
    say(f"champion   version {one.champion} ({one.champion_version_id})")
    say(f"candidate  of the run {one.run_id[:8]}, window {one.opened}")
    say(f"state      {one.state}: {one.reason}")
    print_table(
        ("window", "examples", "change", "interval", "evidence", "needed"),
        [
            (
                point.window,
                point.n,
                points(point.delta_e6),
                interval(point.ci_low_e6, point.ci_high_e6),
                f"{point.log_e:.2f}",
                f"{one.boundary:.2f}",
            )
            for point in one.path
        ],
        empty="No window is scored yet.",
    )


@app.command()
def explain(
    program: Program,
    trial: Beginning = "",
    json_: JsonOption = False,
) -> None:
    """Say in sentences what counted, what did not, why nothing is decided, and when it can be expected."""
    from teleprompt.queries.trials import one_of

    name, trials = _trials_of(program)
    one = one_of(trials, trial, program=name)
    if json_:
        print_json({"trial_id": one.trial_id, "explanation": one.explanation})
        return
    for sentence in one.explanation:
        say(sentence)


@app.command()
def fleet(
    year: Annotated[int | None, typer.Option(help="Of the trials' openings (UTC). Default: this one.")] = None,
    fdr: Annotated[
        float | None, typer.Option(help="Share of promotions that may have no gain. Default: the settings', or 0.05.")
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Show the trials of all programs in a year, and which of their promotions hold together."""
    from datetime import UTC, datetime

    from teleprompt.config.settings import Settings
    from teleprompt.queries.fleet import read_fleet
    from teleprompt.tracking.connection import mlflow_client

    settings = Settings()
    year = year or datetime.now(UTC).year
    share, family = fdr or settings.fleet.fdr or 0.05, settings.fleet.trials_a_year
    with mlflow_client(settings.tracking_uri) as client:
        found = read_fleet(client, year=year, fdr=share, family=family)
    if json_:
        print_json(found.model_dump(mode="json"))
        return
    print_table(
        ("program", "trial", "opened", "state", "windows", "examples", "level", "e-value", "holds"),
        [
            (
                line.program,
                line.trial_id[:8],
                f"{line.opened_at:%Y-%m-%d}",
                line.state,
                line.windows,
                line.n,
                f"{line.level:.5f}",
                f"{line.e_value:,.2f}",
                ("yes" if line.holds else "no") if line.state == "promote" else None,
            )
            for line in found.trials
        ],
        empty=f"No trial was opened in {year}.",
    )
    if found.trials:
        holding = sum(line.holds for line in found.trials)
        say(
            f"{found.promotions} of {len(found.trials)} promoted; if none had a gain, at most "
            f"{found.false_at_most:.2g} would be expected to. Of the promotions {holding} hold at a false discovery "
            f"rate of {100 * share:g} % in a family of {found.family}."
        )


@app.command()
def pause(program: Program, why: Why, json_: JsonOption = False) -> None:
    """Score no further window until `resume`; a run that comes meanwhile is skipped, and its window is a gap."""
    from teleprompt.gate.trial_ledger import pause_trial

    paused = _as_asked(program, pause_trial, why)
    if json_:
        print_json(paused.model_dump(mode="json"))
        return
    say(f"The trial of {program} is paused {paused.in_words}")


@app.command()
def resume(program: Program, why: Why, json_: JsonOption = False) -> None:
    """Let a paused trial go on; run the windows again that were skipped meanwhile."""
    from teleprompt.gate.trial_ledger import resume_trial

    resumed = _as_asked(program, resume_trial, why)
    if json_:
        print_json(resumed.model_dump(mode="json"))
        return
    say(f"The trial of {program} goes on, resumed {resumed.in_words}")


@app.command()
def abandon(
    program: Program,
    why: Why,
    json_: JsonOption = False,
) -> None:
    """End the trial that goes on; the next run compiles anew. Its part of the year's error stays spent."""
    from teleprompt.gate.trial_ledger import abandon_trial

    ending = _as_asked(program, abandon_trial, why)
    if json_:
        print_json(ending.model_dump(mode="json"))
        return
    say(f"The trial of {program} is {ending.in_words}.")


def _trials_of(program: str) -> "tuple[str, list[TrialSummary]]":
    """The program's name, and its trials, newest first."""
    from teleprompt.config.files import find_program_file, load_program_file
    from teleprompt.config.settings import Settings
    from teleprompt.queries.trials import read_trials
    from teleprompt.tracking.connection import mlflow_client

    settings = Settings()
    config = load_program_file(find_program_file(settings.programs_dir, program))
    with mlflow_client(settings.tracking_uri) as client:
        trials = read_trials(client, config)
    return config.name, trials


def _as_asked(program: str, change: Callable[..., Done], why: str) -> Done:
    """What the system's user did to the trial of a program."""
    from teleprompt.config.files import find_program_file, load_program_file
    from teleprompt.config.settings import Settings
    from teleprompt.environment import system_user
    from teleprompt.tracking.connection import mlflow_client

    settings = Settings()
    config = load_program_file(find_program_file(settings.programs_dir, program))
    with mlflow_client(settings.tracking_uri) as client:
        return change(client, config.name, who=system_user(), why=why)
