"""Programs that wait for each other's runs."""

from pathlib import Path

from include.teleprompt.config.files import ProgramFileError, load_program_file, program_files
from include.teleprompt.config.program import ProgramConfig

KEY = "scheduling.depends_on"


def check_dependencies(file: Path, config: ProgramConfig) -> None:
    """See that the programs that `config` waits for exist, and that none of them waits for it.

    Raises:
        ProgramFileError: one does not exist, or they wait in a circle.
    """
    if not config.scheduling.depends_on:
        return
    files = {other.stem: other for other in program_files(file.parent)}
    for program in config.scheduling.depends_on:
        if program not in files:
            known = ", ".join(sorted(files.keys() - {config.slug})) or "none"
            raise ProgramFileError(file, f"there is no program {program!r} (known: {known}).", key=KEY)
    circle = _path_to(config.slug, config.scheduling.depends_on, files, seen=())
    if circle:
        raise ProgramFileError(file, f"waits in a circle: {' -> '.join((config.slug, *circle))}; cut it.", key=KEY)


def _path_to(
    goal: str, programs: tuple[str, ...], files: dict[str, Path], *, seen: tuple[str, ...]
) -> tuple[str, ...] | None:
    for program in programs:
        if program == goal:
            return (*seen, goal)
        if program in seen or program not in files:
            continue
        try:
            following = load_program_file(files[program]).scheduling.depends_on
        except ProgramFileError:
            continue  # it says so itself
        if path := _path_to(goal, following, files, seen=(*seen, program)):
            return path
    return None
