"""`teleprompt alerts`: who is told of what, and what nobody took."""

import typer

from teleprompt.alerts import webhook
from teleprompt.alerts.by_default import WAY_OUT, default_notifier, extra_in_environment
from teleprompt.cli.output import JsonOption, print_json, print_table, say
from teleprompt.config.alerts import shared_rules
from teleprompt.config.files import ProgramFileError, load_program_file, program_files, slug_of
from teleprompt.config.settings import Settings
from teleprompt.window import format_utc

app = typer.Typer(help="Who is told of what, and what nobody took.", no_args_is_help=True)


@app.command("dead-letters")
def dead_letters(json_: JsonOption = False) -> None:
    """List the alerts that no webhook took; they are sent again after the next one that is taken."""
    found = webhook.dead_letters(Settings().storage_uri)
    if json_:
        print_json([letter.model_dump(mode="json") for letter in found])
        return
    print_table(
        ("failed at", "connection", "alert", "problem"),
        [(format_utc(letter.failed_at), letter.target, letter.alert.title, letter.problem) for letter in found],
        empty="Every alert was taken.",
    )


@app.command()
def check(json_: JsonOption = False) -> None:
    """List the rules that apply: those for all programs, those of each, and what is told by default."""
    settings = Settings()
    rules = [("all", rule) for rule in shared_rules(settings.alerts_file)]
    for file in program_files(settings.programs_dir):
        try:
            rules += [(slug_of(file), rule) for rule in load_program_file(file).alerts.rules]
        except ProgramFileError as error:
            say(f"Left out: {error}", err=True)
    if default := default_notifier(settings.default_alerts, extra_in_environment):
        rules.append(("by default", default.rule))
    if json_:
        print_json([{"program": program, "events": rule.events, "notifier": rule.notifier} for program, rule in rules])
        return
    print_table(
        ("program", "events", "notifier"),
        [(program, ", ".join(rule.events), rule.notifier) for program, rule in rules],
        empty=f"There is no rule, and no default that is seen from here: {WAY_OUT}.",
    )
