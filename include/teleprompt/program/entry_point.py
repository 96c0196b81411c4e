"""Finding and calling a program's entry point, and checking it without importing DSPy."""

import ast
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from teleprompt.config.files import ProgramFileError
from teleprompt.encoding.canonical_json import sha256_hex
from teleprompt.errors import ConfigurationError


def code_file(program_file: Path, entry_point: str) -> Path:
    """The Python file that `module:callable` names, beside the program file."""
    return program_file.with_name(entry_point.partition(":")[0] + ".py")


def file_digest(file: Path) -> str:
    """SHA-256 of the program's source; part of what makes a run the same run."""
    return sha256_hex(file.read_bytes())


def check_entry_point(program_file: Path, entry_point: str) -> None:
    """Check, from the source alone, that the entry point exists and that its imports can be found.

    Costs a millisecond, so that a DAG file can be parsed without importing the user's code.

    Raises:
        ProgramFileError: no such file, a syntax error, no such name, or a module that is not installed.
    """
    file = code_file(program_file, entry_point)
    name = entry_point.partition(":")[2]
    try:
        tree = ast.parse(file.read_bytes(), filename=str(file))
    except FileNotFoundError as error:
        raise ProgramFileError(
            program_file, f"there is no {file.name} beside it; write it.", key="entry_point"
        ) from error
    except OSError as error:
        raise ProgramFileError(file, f"cannot be read ({error.strerror}).") from error
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:  # the last two of thousands of brackets
        line = error.lineno if isinstance(error, SyntaxError) else None
        raise ProgramFileError(file, f"is not valid Python ({error}).", line=line) from error
    if name not in set(_top_level_names(tree)):
        raise ProgramFileError(
            program_file, f"{file.name} defines no {name!r}; name a function or class that it defines.",
            key="entry_point",
        )  # fmt: skip
    for module, line in _imported_roots(tree):
        if module not in sys.modules and importlib.util.find_spec(module) is None:
            beside = file.with_name(f"{module}.py").is_file() or file.with_name(module).is_dir()
            remedy = (
                "which lies beside it: a program is one file; move what it needs into it"
                if beside
                else ("which is not installed; add it to requirements.txt")
            )
            raise ProgramFileError(file, f"imports {module!r}, {remedy}.", line=line)


def build_program(program_file: Path, entry_point: str) -> Any:
    """Import the program's file and call its entry point; returns the `dspy.Module` as written.

    Raises:
        ProgramFileError: the file cannot be imported or does not give a DSPy module.
    """
    file = code_file(program_file, entry_point)
    check_entry_point(program_file, entry_point)
    build = getattr(import_file(file), entry_point.partition(":")[2])
    return call_builder(build, where=f"{file.name}:{build.__name__}")


def call_builder(build: Callable[[], Any], *, where: str) -> Any:
    """What `build()` gives, if that is a DSPy module with at least one predictor.

    Raises:
        ConfigurationError: it raises, or gives something else.
    """
    import dspy

    try:
        program = build()
    except MemoryError:
        raise
    except Exception as error:
        raise ConfigurationError(f"{where} raised {type(error).__name__}: {error}; correct it.") from error
    if not isinstance(program, dspy.Module) or not program.predictors():
        if isinstance(program, dspy.Module):
            raise ConfigurationError(
                f"{where} gives a {type(program).__name__} that holds no predictor, so there is nothing to improve; "
                "make its predictors in `__init__`, not in `forward`, and mark none that is to learn as compiled."
            )
        raise ConfigurationError(f"{where} must return a dspy.Module with a predictor, not {_kind(program)}.")
    return program


def _kind(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"


def load_function(programs_dir: Path, path: str) -> Callable[..., Any]:
    """The function that `module:function` names in the folder of programs.

    Raises:
        ConfigurationError: there is no such file or function.
    """
    module, _, name = path.partition(":")
    file = programs_dir / f"{module}.py"
    function = getattr(import_file(file), name, None) if file.is_file() else None
    if not callable(function):
        raise ConfigurationError(f"{path!r} names no function in {programs_dir}; correct the path.")
    return function  # type: ignore[no-any-return]


def import_file(file: Path) -> ModuleType:
    """Import a user's Python file under a name of its own, once per content.

    Raises:
        ProgramFileError: importing it raises.
    """
    source = file.read_bytes()
    try:
        return import_source(source, name=f"teleprompt_user_{file.stem}_{sha256_hex(source)[:12]}", file=str(file))
    except MemoryError:
        raise
    except Exception as error:
        raise ProgramFileError(file, f"cannot be imported ({type(error).__name__}: {error}); correct it.") from error


def import_source(source: bytes, *, name: str, file: str) -> ModuleType:
    """The module `name` that a user's source defines; of a name that is known, the module that is there."""
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = file
    sys.modules[name] = module
    try:
        # Not through a loader: its cached byte code is told apart by time and size only, and can be a second stale.
        exec(compile(source, file, "exec"), module.__dict__)  # noqa: S102 - the user's own program
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _top_level_names(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=targets):
                yield from (target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from (alias.asname or alias.name for alias in names)


def _imported_roots(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Top-level packages that the module imports unconditionally, each with its line."""
    for node in tree.body:
        match node:
            case ast.Import(names=names):
                yield from ((alias.name.partition(".")[0], node.lineno) for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.partition(".")[0], node.lineno
            case ast.ImportFrom(module=module, names=names) if node.level > 0:
                yield (module or names[0].name).partition(".")[0], node.lineno
