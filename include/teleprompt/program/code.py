"""The code of a program: its module, the modules and files that belong to it, and one digest of them all.

A program in a folder of its own (`<name>/<name>.yaml` or `<name>/program.yaml`) has all files of that folder. One whose
file lies among others has its module, what that imports of its neighbours, directly or not, and the neighbours that it
names in a text, as in `Path(__file__).with_name("state.json")`.
"""

import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType

from teleprompt.config.files import ProgramFileError, has_folder_of_its_own, program_files
from teleprompt.encoding.canonical_json import digest_of, sha256_hex
from teleprompt.errors import ConfigurationError
from teleprompt.program._clients import CLIENTS, VARIABLES
from teleprompt.program._imports import (
    Imported,
    builders,
    defines,
    file_names_in,
    folder_names_in,
    imports_of,
    is_installed,
    parse,
)
from teleprompt.program.importing import PACKAGE, Tree, import_from
from teleprompt.records import Digest

MOST_FILES = 1000
MOST_BYTES = 64 * 2**20
"""Of a program's files together; each version carries them."""
MOST_NAMED = 3
"""Names that a message proposes."""


@dataclass(frozen=True)
class ProgramCode:
    """Where a program's code lies, and what belongs to it."""

    tree: Tree
    module: str
    """Dotted, from the tree's root; `__init__` for the package that the root is."""
    callable: str
    """Builds the program, or is one."""

    @property
    def root(self) -> Path:
        """The folder of its files."""
        return self.tree.root

    @property
    def files(self) -> tuple[str, ...]:
        """Places below the root, as POSIX paths, sorted."""
        return tuple(sorted(self.tree.files))

    @property
    def file(self) -> Path:
        """The file of the module."""
        return _file_of(self.root, self.module)

    @cached_property
    def digests(self) -> dict[str, Digest]:
        """SHA-256 of each file."""
        return {file: sha256_hex((self.root / file).read_bytes()) for file in self.files}

    @property
    def digest(self) -> Digest:
        """Part of what makes a run the same run."""
        return digest_of_files(self.digests)

    @property
    def asks_models_by_itself(self) -> bool:
        """Whether its source imports another client of models than DSPy, or reads the variables of one."""
        for name in self.files:
            if name.endswith(".py"):
                source = parse(self.root / name)
                imported = {
                    found.name.partition(".")[0] for found in imports_of(source, package=()) if not found.is_relative
                }
                if imported & CLIENTS or any(text.startswith(VARIABLES) for text in file_names_in(source)):
                    return True
        return False

    def load(self) -> ModuleType:
        """Import the module, once per content.

        Raises:
            ProgramFileError: importing it raises.
        """
        name = f"teleprompt_user_{self.file.stem}_{self.digest[:12]}"
        try:
            return import_from(self.tree, self.module, name=name)
        except MemoryError:
            raise
        except Exception as error:
            raise ProgramFileError(
                self.file, f"cannot be imported ({type(error).__name__}: {error}); correct it."
            ) from error

    def check(self, program_file: Path) -> None:
        """Check, from the source alone, that the callable exists and that what is imported can be found.

        Raises:
            ProgramFileError: a syntax error, no such name, or a module that is not installed.
        """
        if not defines(parse(self.file), self.callable):
            raise ProgramFileError(program_file, self._not_defined(), key="entry_point")
        for name in _reached(self.root, self.module, self.tree.own_prefixes):
            if name.endswith(".py"):
                self._check_imports(self.root / name)

    def _not_defined(self) -> str:
        names = [f"`entry_point: {self.module}:{name}`" for name in builders(parse(self.file))[:MOST_NAMED]]
        named = f"; write {' or '.join(names)}, if that gives the program" if names else ""
        return (
            f"{self.file.name} defines no {self.callable!r}; name a function, class or program that it defines{named}."
        )

    def _check_imports(self, file: Path) -> None:
        for imported in imports_of(parse(file), package=_package_of(file, self.root)):
            own = self.tree.own_name(imported.name, name="") if not imported.is_relative else f".{imported.name}"
            if not imported.is_certain or (own is None and is_installed(imported.name)):
                continue
            if own is None:
                module = imported.name.partition(".")[0]
                problem = f"imports {module!r}, which is not installed; add it to requirements.txt."
                raise ProgramFileError(file, problem, line=imported.line)
            inside = own.removeprefix(".")
            if not _exists(self.root, inside) and not _exists(self.root, imported.name):
                raise ProgramFileError(file, f"imports {inside!r}, which does not lie beside it.", line=imported.line)


def digest_of_files(digests: dict[str, Digest]) -> Digest:
    """The one file's digest, or that of the canonical JSON (RFC 8785) of all names and digests."""
    return next(iter(digests.values())) if len(digests) == 1 else digest_of(digests)


def code_of(program_file: Path, entry_point: str) -> ProgramCode:
    """The code that `module:callable` names, beside or below the program file.

    Raises:
        ProgramFileError: there is no such module, or there are too many files.
    """
    module, _, builder = entry_point.partition(":")
    folder = program_file.parent
    if not _file_of(folder, module).is_file():
        missing = f"{module.replace('.', '/')}.py"
        raise ProgramFileError(program_file, f"there is no {missing} beside it; write it.", key="entry_point")
    if not has_folder_of_its_own(program_file):
        return code_beside(folder, module, builder)
    root = folder.resolve()
    in_project = [".".join(root.parts[-n:]) for n in (2, 3)]  # `programs.bot`, `include.programs.bot`
    prefixes = tuple(in_project if is_installed(root.name) else [root.name, *in_project])
    return _code(root, _files_below(root, root) - {program_file.name}, prefixes, module, builder)


def code_beside(folder: Path, module: str, builder: str) -> ProgramCode:
    """The code of a module of a folder that holds others' files too."""
    root = folder.resolve()
    prefixes = (".".join(root.parts[-2:]),)  # `include.programs`
    return _code(root, _reached(root, module, prefixes), prefixes, module, builder)


def function_code(path: str, folders: Sequence[Path]) -> ProgramCode:
    """The code of `module:function` in the first of the folders that has such a module.

    Raises:
        ConfigurationError: none has.
    """
    module, _, function = path.partition(":")
    for folder in folders:
        if _file_of(folder, module).is_file():
            own = next((file for file in program_files(folder) if has_folder_of_its_own(file)), None)
            return code_of(own, path) if own and own.parent == folder else code_beside(folder, module, function)
    places = " or ".join(map(str, folders))
    raise ConfigurationError(f"{path!r} names no function in {places}; correct the path.")


def _code(root: Path, files: set[str], prefixes: tuple[str, ...], module: str, builder: str) -> ProgramCode:
    size = sum((root / file).stat().st_size for file in files)
    if size > MOST_BYTES:
        raise ConfigurationError(
            f"The program's files in {root} are {size / 2**20:.0f} MB, and each version would carry them; keep "
            f"data beyond {MOST_BYTES / 2**20:.0f} MB elsewhere."
        )
    first = {file.partition("/")[0].removesuffix(".py") for file in files if file.endswith(".py")}
    siblings = frozenset(name for name in first if _is_sibling(root, name))
    return ProgramCode(Tree(root, frozenset(files), prefixes, siblings), module, builder)


def is_carried(parts: Collection[str]) -> bool:
    """Whether a file at this place in a program's folder belongs to the program: nothing hidden, nothing compiled."""
    return not any(part.startswith(".") or part == "__pycache__" for part in parts) and not any(
        part.endswith((".pyc", ".pyo", "~")) for part in parts
    )


def _is_sibling(root: Path, name: str) -> bool:
    """Whether an import of `name` means what lies at the root, and not one of Python's own modules or a library.

    A program may be called like a library, and a folder without code of its own hides none.
    """
    if not name.isidentifier() or name in sys.stdlib_module_names:
        return False
    if (root / f"{name}.py").is_file() or (root / name / PACKAGE).is_file():
        is_program = any((root / f"{name}{suffix}").is_file() for suffix in (".yaml", ".yml"))
        return not (is_program and is_installed(name))
    return (root / name).is_dir() and any((root / name).rglob("*.py")) and not is_installed(name)


def _file_of(root: Path, module: str) -> Path:
    """The file of a dotted module: the module itself, else the package of that name."""
    place = root.joinpath(*module.split("."))
    file = place.with_name(f"{place.name}.py")
    return place / PACKAGE if not file.is_file() and (place / PACKAGE).is_file() else file


def _package_of(file: Path, root: Path) -> tuple[str, ...]:
    return file.relative_to(root).parent.parts


def _files_below(folder: Path, root: Path) -> set[str]:
    found = set()
    for path in folder.rglob("*"):
        if is_carried(path.relative_to(folder).parts) and path.is_file():
            found.add(path.relative_to(root).as_posix())
            if len(found) > MOST_FILES:
                raise ConfigurationError(
                    f"{folder} holds more than {MOST_FILES} files, and each version would carry them; keep data "
                    "elsewhere."
                )
    return found


def _reached(root: Path, module: str, prefixes: tuple[str, ...]) -> set[str]:
    """The module's file and all of the root that it needs, directly or not."""
    waiting, found = [_file_of(root, module)], set[str]()
    while waiting:
        path = waiting.pop()
        name = path.relative_to(root).as_posix()
        if name not in found:
            found.add(name)
            if "/" in name:  # of a package all files, as of a program in a folder of its own
                waiting += [root / other for other in _files_below(root / name.partition("/")[0], root)]
            if path.suffix == ".py":
                waiting += _needed_by(path, root, prefixes)
    return found


def _needed_by(file: Path, root: Path, prefixes: tuple[str, ...]) -> Iterator[Path]:
    """The neighbours that a Python file imports or names."""
    try:
        source = parse(file)
    except ProgramFileError:
        return  # said where the program is checked
    for imported in imports_of(source, package=_package_of(file, root)):
        place = _neighbour(root, imported, prefixes)
        if place is not None:
            yield place
    folders = folder_names_in(source)
    for text in file_names_in(source):
        place = (file.parent / text).resolve()
        if place != root and place.is_relative_to(root) and is_carried(place.relative_to(root).parts):
            if place.is_file():
                yield place
            elif place.is_dir() and text in folders:  # texts of prompts, say
                yield from (root / other for other in _files_below(place, root))


def _exists(root: Path, name: str) -> bool:
    """Whether there is a module or package of a dotted name, or one in which its last part may be a name."""
    parts = [part for part in name.split(".") if part]
    places = [root.joinpath(*parts), root.joinpath(*parts[:-1])]
    return any(place.is_dir() and (place != root or (root / PACKAGE).is_file()) for place in places) or any(
        place.with_name(f"{place.name}.py").is_file() for place in places if place != root
    )


def _neighbour(root: Path, imported: Imported, prefixes: tuple[str, ...]) -> Path | None:
    """The file that is imported, if it lies below the root."""
    name = imported.name
    if not imported.is_relative:
        first = name.partition(".")[0]
        siblings = frozenset({first} if _is_sibling(root, first) else ())
        own = Tree(root, frozenset(), prefixes, siblings).own_name(name, name="")
        if own is None:
            return None
        name = own.removeprefix(".")
    parts = name.split(".")
    lengths = range(len(parts), 0, -1)  # the last part may be a name in a module
    return next((file for n in lengths if (file := _file_of(root, ".".join(parts[:n]))).is_file()), None)
