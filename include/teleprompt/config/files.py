"""Reading program files: strict, and with errors that name file, line and key."""

import os
from collections.abc import Iterator, Mapping
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from teleprompt.config.optimization import OptimizationConfig
from teleprompt.config.program import ProgramConfig
from teleprompt.config.project import PROGRAMS
from teleprompt.errors import ConfigurationError
from teleprompt.strategies import OptimizationStrategy, strategy_of

OPTIONS = ("optimization", "options")
OVERRIDE_PREFIX = "TELEPROMPT_PROGRAM__"


class ProgramFileError(ConfigurationError):
    """A program file that cannot be used: which file, where in it, what is wrong, what to do."""

    http_status = HTTPStatus.CONFLICT  # of a request that names the program, nothing is wrong with the request
    facts = ("key", "line")
    first: str = ""
    """The first mistake with its place; empty of an error that came from another process, which is one mistake."""
    others: "tuple[ProgramFileError, ...]" = ()

    def __init__(
        self,
        file: Path,
        problem: str,
        *,
        key: str = "",
        line: int | None = None,
        others: "tuple[ProgramFileError, ...]" = (),
    ) -> None:
        self.key = key
        name = program_name_of(file)
        place = f"{name}:{line}" if line else name
        self.first = f"{place}: {f'`{key}`: ' if key else ''}{problem}"
        more = ", ".join(f"`{other.key}`" for other in others)
        super().__init__(self.first + (f" Wrong, too: {more}." if others else ""))
        self.file, self.problem, self.line, self.others = file, problem, line, others

    @property
    def each(self) -> tuple[str, ...]:
        """All that is wrong, each with its place."""
        return (self.first or str(self), *(other.first for other in self.others))


OWN = "program"
"""Stem of the program file in a folder that is named like the program; the folder's own name will do, too."""


def program_files(programs_dir: Path) -> list[Path]:
    """The program files of a folder, and of the programs that have a folder of their own in it, sorted by name."""
    found = [*programs_dir.glob("*.y*ml"), *programs_dir.glob("*/*.y*ml")]
    own = [file for file in found if file.parent == programs_dir or file.stem in {OWN, file.parent.name}]
    return sorted((file for file in own if file.suffix in {".yaml", ".yml"}), key=lambda file: (slug_of(file), file))


def has_folder_of_its_own(file: Path) -> bool:
    """Whether all that lies beside a program file belongs to that program."""
    return file.stem == file.parent.name or (file.stem == OWN and file.parent.name != PROGRAMS.name)


def slug_of(file: Path) -> str:
    """What the program of a file is called in DAGs, URLs and on the command line."""
    return file.parent.name if has_folder_of_its_own(file) else file.stem


def programs_dir_of(file: Path) -> Path:
    """The folder of programs in which a program file lies, maybe in a folder of its own."""
    return file.parent.parent if has_folder_of_its_own(file) else file.parent


def folders_of(programs_dir: Path, slug: str) -> tuple[Path, ...]:
    """Where the functions lie that a program file names: in the program's own folder, or among the programs."""
    return (programs_dir / slug, programs_dir)


def program_name_of(file: Path) -> str:
    """How messages name a program file: with its folder where that is its own."""
    return f"{file.parent.name}/{file.name}" if has_folder_of_its_own(file) else file.name


def find_program_file(programs_dir: Path, program: str) -> Path:
    """The file of `program`, given by its file name or by the `name` it states.

    Raises:
        ConfigurationError: there is no such program.
    """
    files = program_files(programs_dir)
    for file in files:
        if slug_of(file) == program:
            return file
    for file in files:
        try:
            if known_program(file).name == program:
                return file
        except ProgramFileError:
            continue
    known = ", ".join(slug_of(file) for file in files) or "none"
    raise ConfigurationError(f"There is no program {program!r} in {programs_dir} (known: {known}).")


def load_program_file(
    file: Path, *, overrides: Mapping[str, Any] | None = None, environ: Mapping[str, str] = os.environ
) -> ProgramConfig:
    """Read, override and validate one program file.

    Values come, each over the one before, from the defaults, the file, the environment
    (`TELEPROMPT_PROGRAM__OPTIMIZATION__MIN_TRACES=200`), and `overrides` (the form of one run).

    Raises:
        ProgramFileError: the file cannot be read, is not YAML, or breaks the schema; `each` names all that does.
    """
    try:
        text = file.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise ProgramFileError(file, f"is not valid YAML ({error.problem}); correct it.", line=line) from error
    except (OSError, ValueError, yaml.YAMLError) as error:  # ValueError: not UTF-8, or a date like 2025-13-45
        raise ProgramFileError(file, f"cannot be read ({error}); correct it.") from error
    _refuse_repeated_keys(file, root)
    if not isinstance(data, dict):
        raise ProgramFileError(file, "must be a mapping of keys to values, with at least `name:`.", line=1)
    if "slug" in data:
        raise ProgramFileError(file, "unknown key; it is the file's name.", key="slug", line=_line_of(root, ("slug",)))
    own = {**data, "slug": slug_of(file)}
    if not own.get("entry_point") and has_folder_of_its_own(file):
        own["entry_point"] = f"{_main_module(file)}:build"
    environment = _environment_overrides(environ)
    try:
        config = ProgramConfig.model_validate(own)
    except ValidationError as error:
        raise _problems(file, root, error, own) from error
    for origin, above in (("the environment", environment), ("this run's form", overrides or {})):
        own = _merge(_without_options_of_another_strategy(own, above), above)
        try:
            config = ProgramConfig.model_validate(own)
        except ValidationError as error:
            problem = _problems(file, None, error, own)
            raise ProgramFileError(file, f"{problem.problem} (set by {origin})", key=problem.key) from error
    return config


def known_program(file: Path) -> ProgramConfig:
    """What `load_program_file` gives without overrides; for whoever asks often: read anew only when the file changed.

    Raises:
        ProgramFileError: as there.
    """
    try:
        found = file.stat()
    except OSError:
        return load_program_file(file)  # it says what is wrong
    environment = tuple(sorted((name, value) for name, value in os.environ.items() if name.startswith(OVERRIDE_PREFIX)))
    return _read_once(file, (found.st_mtime_ns, found.st_size), environment)


@lru_cache(maxsize=1000)
def _read_once(file: Path, state: tuple[int, int], environment: tuple[tuple[str, str], ...]) -> ProgramConfig:
    del state, environment  # only what tells whether it is the same
    return load_program_file(file)


def _main_module(file: Path) -> str:
    """The module of a folder that builds its program, where the file does not say."""
    usual = (file.parent.name, OWN, "__init__")
    return next((name for name in usual if file.with_name(f"{name}.py").is_file()), file.parent.name)


def _refuse_repeated_keys(file: Path, node: yaml.Node | None) -> None:
    """YAML would silently take the last of them."""
    seen: set[str] = set()
    for key, value in _pairs(node):
        if key.value in seen:
            raise ProgramFileError(file, "stands twice; remove one.", key=key.value, line=key.start_mark.line + 1)
        seen.add(key.value)
        _refuse_repeated_keys(file, value)


def _problems(file: Path, root: yaml.Node | None, error: ValidationError, data: Mapping[str, Any]) -> ProgramFileError:
    """All that breaks the schema, in the order of the file: the first, with the others."""
    found = {tuple(each["loc"]): each for each in reversed(error.errors(include_url=False))}
    problems = [_problem(file, root, each, data) for each in reversed(found.values())]
    first, *others = sorted(problems, key=lambda problem: problem.line or 0)
    return ProgramFileError(file, first.problem, key=first.key, line=first.line, others=tuple(others))


def _problem(file: Path, root: yaml.Node | None, found: Any, data: Mapping[str, Any]) -> ProgramFileError:
    location = tuple(found["loc"])
    key = ".".join(str(part) for part in location)
    problem = found["msg"].removeprefix("Value error, ")
    if location == ("slug",):
        what = "folder's" if has_folder_of_its_own(file) else "file's"
        return ProgramFileError(file, f"the {what} name must be lower-case letters, digits and underscores; rename it.")
    if found["type"] == "extra_forbidden":
        problem = f"unknown key; {_suggestion(location, data)}"
    elif found["type"] == "missing":
        problem = "is missing; add it."
    else:
        problem = f"{problem} (got {found['input']!r}); correct the value."
    return ProgramFileError(file, problem, key=key, line=_line_of(root, location))


def _suggestion(location: tuple[int | str, ...], data: Mapping[str, Any]) -> str:
    import difflib

    fields: Mapping[str, Any] = ProgramConfig.model_fields
    for part in location[:-1]:
        annotation = fields[str(part)].annotation if str(part) in fields else None
        fields = getattr(annotation, "model_fields", {})
    if location[:2] == OPTIONS:
        fields = strategy_of(OptimizationStrategy(_strategy(data))).options.model_fields
    for section, field in ProgramConfig.model_fields.items():
        if len(location) == 1 and location[0] in getattr(field.annotation, "model_fields", {}):
            return f"it belongs under `{section}:`."
    close = difflib.get_close_matches(str(location[-1]), list(fields), n=1)
    return f"did you mean `{close[0]}`?" if close else f"known here: {', '.join(sorted(fields))}."


def _line_of(root: yaml.Node | None, location: tuple[int | str, ...]) -> int | None:
    """The 1-based line of the deepest part of `location` that the file has."""
    line, node = None, root
    for part in location:
        entry = next(
            ((k, v) for k, v in _pairs(node) if k.value == str(part)),
            None,
        )
        if entry is None:
            break
        line, node = entry[0].start_mark.line + 1, entry[1]
    return line


def _pairs(node: yaml.Node | None) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield key, value


def _environment_overrides(environ: Mapping[str, str]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for variable in sorted(environ):
        if variable.startswith(OVERRIDE_PREFIX):
            value: Any = yaml.safe_load(environ[variable])
            for part in reversed(variable.removeprefix(OVERRIDE_PREFIX).lower().split("__")):
                value = {part: value}
            result = _merge(result, value)
    return result


def _strategy(data: Mapping[str, Any]) -> str:
    named = (data.get("optimization") or {}).get("strategy")
    return str(named or OptimizationConfig.model_fields["strategy"].default)


def _without_options_of_another_strategy(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`below`, but for its strategy's options where `above` names another strategy."""
    section = below.get("optimization")
    if not isinstance(section, dict) or _strategy(_merge(below, above)) == _strategy(below):
        return below
    return {**below, "optimization": {key: value for key, value in section.items() if key != "options"}}


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`below` with the values of `above` laid over it, mappings merged."""
    result = dict(below)
    for key, value in above.items():
        under = result.get(key)
        result[key] = _merge(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return result
