"""`teleprompt programs`: the program files."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from teleprompt.cli.output import JsonOption, print_json, print_table, say
from teleprompt.config.files import find_program_file, load_program_file, program_files
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.queries import catalog

app = typer.Typer(help="The program files.", no_args_is_help=True)


@app.command("list")
def list_programs(json_: JsonOption = False) -> None:
    """List the programs, the broken ones too."""
    found = catalog.list_programs(Settings().programs_dir)
    if json_:
        print_json([entry.model_dump() for entry in found])
        return
    print_table(
        ("program", "name", "schedule", "strategy", "problem"),
        [(f.program, f.name, f.schedule, f.strategy, f.problem) for f in found],
        empty="There is no program file yet: see 'Add your own program' in the README.",
    )


@app.command()
def validate(
    files: Annotated[list[Path] | None, typer.Argument(help="Program files; by default all.")] = None,
    json_: JsonOption = False,
) -> None:
    """Check program files, and build the programs, each in a process of its own."""
    settings = Settings()
    checked = files or program_files(settings.programs_dir)
    check = partial(catalog.check_program, process=settings.program_process)
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # each waits for a process
        problems = list(zip(checked, pool.map(check, checked), strict=True))
    if json_:
        print_json(
            [
                {"file": str(file), "valid": problem is None, **(problem.model_dump() if problem else {})}
                for file, problem in problems
            ]
        )
    for file, problem in problems:
        if not json_ and problem is None:
            say(f"{file.name}: ok")
        elif problem is not None:
            say(f"Error: {problem.error}", err=True)
    if any(problem for _, problem in problems):
        raise typer.Exit(2)


@app.command()
def show(program: str, json_: JsonOption = False) -> None:
    """Show a program's whole configuration, defaults and environment overrides included."""
    import yaml

    values = load_program_file(find_program_file(Settings().programs_dir, program)).model_dump(mode="json")
    if json_:
        print_json(values)
    else:
        for line in yaml.safe_dump(values, sort_keys=False).splitlines():
            say(line)


@app.command()
def schema(json_: JsonOption = False) -> None:
    """Print the JSON Schema of program files; editors complete from it."""
    del json_  # it is JSON in any case
    for line in json.dumps(program_schema(), indent=2, sort_keys=True).splitlines():
        say(line)


def program_schema() -> dict[str, Any]:
    """The JSON Schema of a program file (2020-12); `slug` comes from the file's name."""
    result = ProgramConfig.model_json_schema()
    del result["properties"]["slug"]
    result["required"] = ["name"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **result}
