"""Importing a program's files as a package of its own, whatever else the process has imported.

Two versions of one program, or two programs with a `helpers.py` each, stand beside each other: each is a package with a
name of its own, and what its modules import absolutely from each other is turned into imports of that package while
they are compiled. The files on disk stay as they are, so that `inspect.getsource` and `__file__` work.

This file is also laid into every registered version (`registry/served_program.py`), so it imports nothing but Python's
own library.
"""

import ast
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder, SourceLoader
from importlib.machinery import ModuleSpec
from importlib.resources.abc import TraversableResources
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

PACKAGE = "__init__.py"


@dataclass(frozen=True)
class Tree:
    """Files that import each other."""

    root: Path
    files: frozenset[str]
    """Of `root`, as POSIX paths; nothing else of it can be imported."""
    own_prefixes: tuple[str, ...] = ()
    """Names by which the files call their own folder: `support_bot`, `include.programs.support_bot`."""
    siblings: frozenset[str] = frozenset()
    """Modules at the top of `root` that are imported without a package: `helpers`."""

    def own_name(self, module: str, *, name: str) -> str | None:
        """What an absolute import of `module` means in a tree that is the package `name`; None if it is none of its."""
        first = module.partition(".")[0]
        if module in self.siblings and PACKAGE not in self.files:  # `bot.py` in a folder `bot` that is no package
            return f"{name}.{module}"
        for prefix in self.own_prefixes:
            if module == prefix or module.startswith(f"{prefix}."):
                return name + module.removeprefix(prefix)
        return f"{name}.{module}" if first in self.siblings else None


def import_from(tree: Tree, module: str, *, name: str) -> ModuleType:
    """The module `module` (dotted, from the root; `__init__` for the root itself) of a tree that is the package `name`.

    A `name` that is known is not read again, so it should name the content too.
    """
    _finder().trees[name] = tree
    wanted = name if module == "__init__" else f"{name}.{module}"
    try:
        return importlib.import_module(wanted)
    except BaseException:
        for known in [known for known in sys.modules if known == name or known.startswith(f"{name}.")]:
            del sys.modules[known]
        raise


class _Finder(MetaPathFinder):
    """Finds the modules of the trees that are known, by the first part of their name."""

    def __init__(self) -> None:
        self.trees: dict[str, Tree] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The place of a module; None where it is of no tree.

        Raises:
            ModuleNotFoundError: its tree has no such file. Python's own finders would take one that is not carried.
        """
        del path, target
        name, _, rest = fullname.partition(".")
        tree = self.trees.get(name)
        if tree is None:
            return None
        inner = rest.replace(".", "/")
        for file, is_package in ((f"{inner}/{PACKAGE}".lstrip("/"), True), (f"{inner}.py", False)):
            if file in tree.files:
                place = tree.root / file
                return importlib.util.spec_from_file_location(
                    fullname,
                    place,
                    loader=_Loader(place, tree, name),
                    submodule_search_locations=[str(place.parent)] if is_package else None,
                )
        if not inner or any(file.startswith(f"{inner}/") for file in tree.files):
            namespace = ModuleSpec(fullname, _Folder(tree.root / inner), is_package=True)
            namespace.submodule_search_locations = [str(tree.root / inner)]
            return namespace
        raise ModuleNotFoundError(f"No module named {rest!r} among the program's files", name=rest)


class _Files(TraversableResources):
    """The files of a package, for `importlib.resources`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def files(self) -> Path:
        """The package's folder."""
        return self._folder


class _Folder(Loader):
    """A package without code: a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create_module(self, spec: ModuleSpec) -> None:
        """Python makes it."""

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run."""

    def get_resource_reader(self, fullname: str) -> _Files:
        """Its files."""
        del fullname
        return _Files(self._folder)


class _Loader(SourceLoader):
    """Compiles a file of a tree anew each time: cached byte code is told apart by time and size only."""

    def __init__(self, file: Path, tree: Tree, name: str) -> None:
        self._file, self._tree, self._name = file, tree, name

    def get_filename(self, fullname: str) -> str:
        """Where it lies."""
        del fullname
        return str(self._file)

    def get_resource_reader(self, fullname: str) -> _Files:
        """The files beside it."""
        del fullname
        return _Files(self._file.parent)

    def get_data(self, path: str | Path) -> bytes:
        """Its source."""
        return Path(path).read_bytes()

    def source_to_code(self, data: Any, path: Any = "<string>", *, _optimize: int = -1) -> CodeType:  # type: ignore[override]
        """Its code, with the imports of its own package named as such."""
        module = _OwnImports(self._tree, self._name).visit(ast.parse(data, filename=path))
        return compile(module, path, "exec", dont_inherit=True, optimize=_optimize)


class _OwnImports(ast.NodeTransformer):
    def __init__(self, tree: Tree, name: str) -> None:
        self._tree, self._name = tree, name

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        """`from helpers import x` as `from <package>.helpers import x`."""
        own = self._own(node.module) if node.level == 0 and node.module else None
        return ast.copy_location(ast.ImportFrom(own, node.names, 0), node) if own else node

    def visit_Import(self, node: ast.Import) -> ast.AST | list[ast.AST]:
        """`import helpers` as `import <package>.helpers as helpers`."""
        statements: list[ast.AST] = []
        for alias in node.names:
            own = self._own(alias.name)
            by_prefix = own is not None and alias.name.partition(".")[0] not in self._tree.siblings
            if own is None or (by_prefix and "." in alias.name and alias.asname is None):  # it binds the project's name
                statements.append(ast.Import([alias]))
                continue
            statements.append(ast.Import([ast.alias(own, alias.asname or alias.name.partition(".")[0])]))
            first = self._own(alias.name.partition(".")[0])
            if alias.asname is None and "." in alias.name and first is not None:  # it binds the first name only
                statements.append(ast.Import([ast.alias(first, alias.name.partition(".")[0])]))
        return [ast.fix_missing_locations(ast.copy_location(statement, node)) for statement in statements]

    def _own(self, module: str) -> str | None:
        return self._tree.own_name(module, name=self._name)


def _finder() -> _Finder:
    found = next((finder for finder in sys.meta_path if isinstance(finder, _Finder)), None)
    if found is None:
        found = _Finder()
        sys.meta_path.insert(0, found)
    return found
