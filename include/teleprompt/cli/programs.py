"""`teleprompt programs`: the program files."""

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from teleprompt.cli.output import JsonOption, print_json, print_table, say
from teleprompt.config.files import find_program_file, folders_of, load_program_file, program_files, program_name_of
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.errors import ConfigurationError
from teleprompt.program.fields import Field
from teleprompt.queries import catalog
from teleprompt.queries.catalog import CheckedProgram

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
    files: Annotated[list[str] | None, typer.Argument(help="Program files, or programs; by default all.")] = None,
    json_: JsonOption = False,
) -> None:
    """Check program files, and build the programs, each in a process of its own."""
    settings = Settings()
    checked = [_file_of(named, settings.programs_dir) for named in files or ()] or program_files(settings.programs_dir)
    if not checked:
        raise ConfigurationError(
            f"There is no program file in {settings.programs_dir}; set TELEPROMPT_PROGRAMS_DIR, or name one."
        )
    check = partial(catalog.check_program, process=settings.program_process)
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # each waits for a process
        found = list(zip(checked, pool.map(check, checked), strict=True))
    if json_:
        print_json([_as_json(file, program) for file, program in found])
    for file, program in found:
        if program.problem is not None:
            for problem in (program.problem.error, *program.problem.also):
                say(f"Error: {problem}", err=True)
        elif not json_:
            say(f"{program_name_of(file)}: ok")
            if program.fields is not None:
                say(f"  inputs   {_listed(program.fields.inputs, is_open=program.fields.inputs_open, key='inputs')}")
                say(f"  outputs  {_listed(program.fields.outputs, is_open=program.fields.outputs_open, key='outputs')}")
    if any(program.problem for _, program in found):
        raise typer.Exit(2)


def _file_of(named: str, folder: Path) -> Path:
    """The file of that path, or else of the program of that name.

    Raises:
        ConfigurationError: there is neither.
    """
    path = Path(named)
    return path if path.exists() or path.suffix or len(path.parts) > 1 else find_program_file(folder, named)


def _listed(fields: Sequence[Field], *, is_open: bool, key: str) -> str:
    """`question: str, hint: str (optional)`, and what to write where the code does not say."""
    known = ", ".join(f"{field.name}: {field.type}{'' if field.required else ' (optional)'}" for field in fields)
    untold = f"as its calls hold them; declare them under `{key}:` to fix them"
    return f"{known}, and others {untold}" if known and is_open else untold if is_open else known or "none"


def _as_json(file: Path, program: CheckedProgram) -> dict[str, Any]:
    described: dict[str, Any] = {"file": str(file), "valid": program.problem is None}
    if program.fields is not None:
        for key in ("inputs", "outputs"):
            fields = getattr(program.fields, key)
            described[key] = [{"name": f.name, "type": f.type, "required": f.required} for f in fields]
            described[f"{key}_open"] = getattr(program.fields, f"{key}_open")
    return described | (program.problem.model_dump() if program.problem else {})


@app.command()
def score(
    program: str,
    logged: Annotated[
        str, typer.Option(help="An answer that turned out well, as JSON: the output fields, or the one value.")
    ],
    given: Annotated[str, typer.Option(help="The answer to score, as JSON.")],
    json_: JsonOption = False,
) -> None:
    """Say how the program's metric scores an answer, field by field; no language model is asked."""
    from teleprompt.evaluate.answer_score import score_answer
    from teleprompt.evaluate.judging import Judging
    from teleprompt.program.source import ProgramFile

    settings = Settings()
    file = find_program_file(settings.programs_dir, program)
    config = load_program_file(file)
    found = score_answer(
        ProgramFile(file, config.entry_point, config.declaration),
        Judging(config.gate, folders_of(settings.programs_dir, config.slug)),
        logged=_json_of("--logged", logged),
        given=_json_of("--given", given),
        config=settings.program_process,
    )
    if json_:
        print_json({"score": found.score, "fields": found.fields})
        return
    print_table(
        ("field", "type", "agreement"),
        [(name, found.types.get(name, ""), f"{value:.4f}") for name, value in found.fields.items()],
        empty="The metric names no fields.",
    )
    say(f"score {found.score:.4f} ({config.gate.headline})")


def _json_of(option: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"{option} is no JSON ({error}); quote a text twice, as in '\"text\"'.") from None


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
