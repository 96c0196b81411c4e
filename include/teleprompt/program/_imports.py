"""What Python files import and name, read from their source: nothing of a user's is run for it."""

import ast
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from teleprompt.config.files import ProgramFileError

LONGEST_NAME = 255
"""Of a file, in characters."""


@dataclass(frozen=True)
class Imported:
    """A name that a file imports."""

    name: str
    """Dotted: the module, or what is taken out of it; of a relative import from the root on."""
    line: int
    is_relative: bool
    is_certain: bool
    """Whether it stands at the top of the file, where no condition keeps it from being imported."""


def parse(file: Path) -> ast.Module:
    """The syntax tree of a Python file.

    Raises:
        ProgramFileError: it cannot be read, or is not valid.
    """
    try:
        return ast.parse(file.read_bytes(), filename=str(file))
    except OSError as error:
        raise ProgramFileError(file, f"cannot be read ({error.strerror}).") from error
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:  # the last two of thousands of brackets
        line = error.lineno if isinstance(error, SyntaxError) else None
        raise ProgramFileError(file, f"is not valid Python ({error}).", line=line) from error


def imports_of(tree: ast.Module, *, package: tuple[str, ...]) -> Iterator[Imported]:
    """All that a file of `package` (its folder, from the root) imports, but for what lies above the root."""
    certain = set(map(id, tree.body))
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield Imported(alias.name, node.lineno, is_relative=False, is_certain=id(node) in certain)
            case ast.ImportFrom(module=module, names=names, level=level) if level - 1 <= len(package):
                above = package[: len(package) - level + 1] if level else ()
                for alias in names:
                    parts = [*above, *([module] if module else []), *([alias.name] if alias.name != "*" else [])]
                    yield Imported(".".join(parts), node.lineno, is_relative=level > 0, is_certain=id(node) in certain)


def file_names_in(tree: ast.Module) -> set[str]:
    """The texts of a file that could be the name of another."""
    return set(filter(_is_name, _texts(ast.walk(tree))))


def folder_names_in(tree: ast.Module) -> set[str]:
    """Those that are put together to a path or handed to a function; a key of a dictionary names no folder."""
    places: list[ast.AST] = []
    for node in ast.walk(tree):
        match node:
            case ast.Call(args=args, keywords=keywords):
                places += [*args, *(keyword.value for keyword in keywords)]
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                places += [left, right]
    return set(filter(_is_name, _texts(places)))


def _texts(nodes: Iterable[ast.AST]) -> Iterator[str]:
    return (node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))


def _is_name(text: str) -> bool:
    return 0 < len(text) <= LONGEST_NAME and text.isprintable() and ".." not in text


def is_installed(module: str) -> bool:
    """Whether the first part of a dotted name can be imported, whatever the program's own folder holds."""
    first = module.partition(".")[0]
    return first in sys.modules or importlib.util.find_spec(first) is not None


def defines(tree: ast.Module, name: str) -> bool:
    """Whether a file defines or imports `name` at its top, in whatever branch; with a star import it may."""
    return any(found in {name, "*"} for found in _top_level_names(tree.body))


def builders(tree: ast.Module) -> list[str]:
    """Names of functions without arguments, of classes that are no signature, and of what a call made."""
    found = []
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name, args=ast.arguments(posonlyargs=[], args=[], kwonlyargs=[])):
                found.append(name)
            case ast.ClassDef(name=name, bases=bases) if not any("Signature" in ast.unparse(base) for base in bases):
                found.append(name)
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call()):
                found.append(name)
    return found


def _top_level_names(body: Iterable[ast.stmt]) -> Iterator[str]:
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=targets):
                yield from (part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from (alias.asname or alias.name for alias in names)
            case ast.If(body=first, orelse=other):
                yield from _top_level_names([*first, *other])
            case ast.Try(body=first, orelse=other, handlers=handlers, finalbody=last):
                caught = [statement for handler in handlers for statement in handler.body]
                yield from _top_level_names([*first, *caught, *other, *last])
            case ast.With(body=inner):
                yield from _top_level_names(inner)
