"""The programs of a folder, the broken ones too."""

from contextlib import suppress
from pathlib import Path

from teleprompt.config.dependencies import check_dependencies
from teleprompt.config.files import (
    ProgramFileError,
    folders_of,
    known_program,
    load_program_file,
    program_files,
    programs_dir_of,
    slug_of,
)
from teleprompt.config.program import ProgramConfig
from teleprompt.config.program_process import ProgramProcessConfig
from teleprompt.errors import TelepromptError
from teleprompt.program.fields import DeclaredFields
from teleprompt.records import Record


class Problem(Record):
    """Why a program file cannot be used."""

    error: str
    key: str | None
    line: int | None
    also: tuple[str, ...] = ()
    """What else is wrong with the file, each with its place."""


class CatalogEntry(Record):
    """One program file in a line; of a broken one only the file's name and the problem are known."""

    program: str
    """Its name on the command line and in URLs: the file's."""
    name: str | None
    description: str | None
    schedule: str | None
    strategy: str | None
    problem: str | None


def list_programs(programs_dir: Path) -> list[CatalogEntry]:
    """The programs, by name."""
    return [_entry(file) for file in program_files(programs_dir)]


class CheckedProgram(Record):
    """What was found of a program file and of its program."""

    problem: Problem | None
    fields: DeclaredFields | None
    """None where the program could not be built."""


def check_program(file: Path, *, process: ProgramProcessConfig) -> CheckedProgram:
    """Load a program file, and build program and metric in a process of their own."""
    from teleprompt.evaluate.describe import describe_program
    from teleprompt.evaluate.judging import Judging
    from teleprompt.program.entry_point import check_entry_point
    from teleprompt.program.source import ProgramFile

    try:
        config = load_program_file(file)
        check_dependencies(file, config)
        check_entry_point(file, config.entry_point)
        judging = Judging(config.gate, folders_of(programs_dir_of(file), config.slug))
        described = describe_program(ProgramFile(file, config.entry_point, config.declaration), judging, config=process)
    except ProgramFileError as error:
        first, *others = error.each
        problem = Problem(error=first, key=error.key or None, line=error.line, also=tuple(others))
        return CheckedProgram(problem=problem, fields=None)
    except TelepromptError as error:
        return CheckedProgram(problem=Problem(error=str(error), key="entry_point", line=None), fields=None)
    return CheckedProgram(problem=_twin(file, config.name), fields=described.fields)


def sound_configs(programs_dir: Path) -> list[ProgramConfig]:
    """What the files say that can be used."""
    sound = []
    for file in program_files(programs_dir):
        with suppress(ProgramFileError):
            sound.append(known_program(file))
    return sound


def programs_by_name(programs_dir: Path) -> dict[str, str]:
    """What the programs are called in URLs, by the `name` that their files state; without broken files."""
    return {entry.name: entry.program for entry in reversed(list_programs(programs_dir)) if entry.name is not None}


def _entry(file: Path) -> CatalogEntry:
    try:
        config = known_program(file)
    except ProgramFileError as error:
        return CatalogEntry(
            program=slug_of(file), name=None, description=None, schedule=None, strategy=None, problem=str(error)
        )
    return CatalogEntry(
        program=slug_of(file),
        name=config.name,
        description=config.description,
        schedule=config.schedule,
        strategy=config.optimization.strategy.value,
        problem=None,
    )


def _twin(file: Path, name: str) -> Problem | None:
    """Another file of the folder that states the same name: they would share traces and versions."""
    for other in program_files(programs_dir_of(file)):
        if other.resolve() != file.resolve() and _entry(other).name == name:
            problem = f"{file.name}: `name`: {other.name} has the same name {name!r}; give each its own."
            return Problem(error=problem, key="name", line=None)
    return None
