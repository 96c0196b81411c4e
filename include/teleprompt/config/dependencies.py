"""Programs that wait for each other's runs."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from teleprompt.config.files import ProgramFileError, load_program_file, program_files, programs_dir_of, slug_of
from teleprompt.config.program import ProgramConfig

KEY = "scheduling.depends_on"


def check_dependencies(file: Path, config: ProgramConfig) -> None:
    """See that the programs that `config` waits for exist, and that none of them waits for it.

    Raises:
        ProgramFileError: one does not exist, or they wait in a circle.
    """
    if not config.scheduling.depends_on:
        return
    files = {slug_of(other): other for other in program_files(programs_dir_of(file))}
    for program in config.scheduling.depends_on:
        if program not in files:
            known = ", ".join(sorted(files.keys() - {config.slug})) or "none"
            raise ProgramFileError(file, f"there is no program {program!r} (known: {known}).", key=KEY)
    following = cache(lambda program: _waits_for(files[program]) if program in files else ())
    circle = _path_to(config.slug, config.scheduling.depends_on, following, seen=())
    if circle:
        raise ProgramFileError(file, f"waits in a circle: {' -> '.join((config.slug, *circle))}; cut it.", key=KEY)


def _path_to(
    goal: str, programs: tuple[str, ...], following: Callable[[str], tuple[str, ...]], *, seen: tuple[str, ...]
) -> tuple[str, ...] | None:
    for program in programs:
        if program == goal:
            return (*seen, goal)
        if program not in seen and (path := _path_to(goal, following(program), following, seen=(*seen, program))):
            return path
    return None


def _waits_for(file: Path) -> tuple[str, ...]:
    try:
        return load_program_file(file).scheduling.depends_on
    except ProgramFileError:
        return ()  # it says so itself
