"""What `forward` gives and which predictor's field each of its arguments becomes, read off its source.

Only what the source says plainly counts: a `Prediction(…)` or `{…}` with names, or the answer of a module that `self`
holds. Of anything else nothing is said.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Returned:
    """One way in which a function ends."""

    names: Mapping[str, str | None] = field(default_factory=dict)
    """Names that it gives, each with the attribute that it was taken from (`answer=out.response`)."""
    whole: str | None = None
    """The attribute whose value is all that it gives (`return out.answer`)."""
    module: str | None = None
    """Where below `self` the module is whose answer it gives (`respond`, `steps[0]`)."""


@dataclass(frozen=True)
class Source:
    """What the source of `forward` says."""

    returns: tuple[Returned, ...] | None
    """None where one of its ends cannot be read."""
    passed_as: Mapping[str, tuple[str, ...]]
    """Its arguments, and the names of the fields that they are handed on as (`document=text`)."""


def source_of(function: Callable[..., Any]) -> Source:
    """What the source of a `forward` or `aforward` says; nothing where there is none."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function)))).body[0]
    except (OSError, TypeError, SyntaxError, IndentationError):
        return Source(None, {})
    if not isinstance(tree, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return Source(None, {})
    own = list(_own_nodes(tree))
    ends = [_end(node.value, own) for node in own if isinstance(node, ast.Return)]
    returns = None if not ends or any(end is None for end in ends) else tuple(end for end in ends if end is not None)
    return Source(returns, _passed_as(tree, own))


def _own_nodes(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """All nodes of the body, but for those of functions and classes in it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop(0)
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            waiting = [*ast.iter_child_nodes(node), *waiting]


def _end(value: ast.expr | None, own: list[ast.AST]) -> Returned | None:
    match value:
        case ast.Await(value=awaited):
            return _end(awaited, own)
        case ast.Dict(keys=keys, values=values) if all(
            isinstance(k, ast.Constant) and isinstance(k.value, str) for k in keys
        ):
            names = [str(key.value) for key in keys if isinstance(key, ast.Constant)]
            return Returned(names={name: _taken_from(item) for name, item in zip(names, values, strict=True)})
        case ast.Call(func=function, args=[], keywords=keywords) if _name(function) in ("Prediction", "dict"):
            if all(keyword.arg is not None for keyword in keywords):
                return Returned(names={str(keyword.arg): _taken_from(keyword.value) for keyword in keywords})
        case ast.Call(func=function):
            place = _below_self(function)
            return Returned(module=place) if place else None
        case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name != "self":
            return Returned(whole=attribute)
        case ast.Attribute(value=ast.Call() | ast.Await(), attr=attribute):
            return Returned(whole=attribute)
        case ast.Name(id=name):
            return _assigned(name, own)
    return None


def _assigned(name: str, own: list[ast.AST]) -> Returned | None:
    """What the variable is at its end, if all that is ever put into it says the same."""
    values: list[ast.expr | None] = []
    for node in own:
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                values.append(value)
            case ast.AnnAssign(target=ast.Name(id=target), value=value) if target == name:
                values.append(value)
            case ast.Name(id=target, ctx=ast.Store()) if target == name:
                continue
            case ast.Attribute(value=ast.Name(id=target), ctx=ast.Store()) if target == name:
                return None  # `out.length = …`: it gives more than what was put into it
            case ast.Subscript(value=ast.Name(id=target), ctx=ast.Store()) if target == name:
                return None
            case (
                ast.For(target=ast.Name(id=target)) | ast.With(items=[ast.withitem(optional_vars=ast.Name(id=target))])
            ):
                if target == name:
                    return None
    if not values or any(isinstance(value, ast.Name) for value in values):
        return None
    ends = {repr(end): end for end in (_end(value, own) for value in values)}
    return next(iter(ends.values())) if len(ends) == 1 else None


def _passed_as(function: ast.FunctionDef | ast.AsyncFunctionDef, own: list[ast.AST]) -> dict[str, tuple[str, ...]]:
    names = [a.arg for a in (*function.args.args, *function.args.kwonlyargs)]
    passed: dict[str, list[str]] = {}
    for node in own:
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                if isinstance(keyword.value, ast.Name) and keyword.value.id in names and keyword.arg:
                    passed.setdefault(keyword.value.id, []).append(keyword.arg)
    return {name: tuple(dict.fromkeys(fields)) for name, fields in passed.items()}


def _taken_from(value: ast.expr) -> str | None:
    return value.attr if isinstance(value, ast.Attribute) else None


def _name(function: ast.expr) -> str | None:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return None


def _below_self(function: ast.expr) -> str | None:
    """`respond` of `self.respond(…)` and of `self.respond.acall(…)`; None for what is no module below `self`."""
    if isinstance(function, ast.Attribute) and function.attr in ("acall", "__call__", "forward", "aforward"):
        function = function.value
    path = ast.unparse(function)
    return path.removeprefix("self.") if path.startswith("self.") and "(" not in path else None
