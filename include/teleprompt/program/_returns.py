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
    kwargs_to: str | None = None
    """Where below `self` the one module is that gets all its keyword arguments (`self.ask(**kwargs)`)."""


def source_of(function: Callable[..., Any]) -> Source:
    """What the source of a `forward` or `aforward` says; nothing where there is none."""
    is_decorated = hasattr(function, "__wrapped__")  # then what is returned may be another
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function)))).body[0]
    except (OSError, TypeError, SyntaxError, IndentationError):
        return Source(None, {})
    if not isinstance(tree, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return Source(None, {})
    own = list(_own_nodes(tree))
    if is_decorated or any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in own):
        return Source(None, _passed_as(tree, own), _kwargs_to(tree, own))
    ends = [_end(node.value, own) for node in own if isinstance(node, ast.Return)]
    returns = None if not ends or any(end is None for end in ends) else tuple(end for end in ends if end is not None)
    return Source(returns, _passed_as(tree, own), _kwargs_to(tree, own))


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
            return Returned(names={name: _taken_from(item, own) for name, item in zip(names, values, strict=True)})
        case ast.Call(func=function, args=[], keywords=keywords) if _name(function) in ("Prediction", "dict"):
            if all(keyword.arg is not None for keyword in keywords):
                return Returned(names={str(keyword.arg): _taken_from(keyword.value, own) for keyword in keywords})
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
    stores = 0
    for node in own:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == name:
            stores += 1
        if _changes(node, name):
            return None
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                values.append(value)
            case ast.AnnAssign(target=ast.Name(id=target), value=value) if target == name:
                values.append(value)
    if not values or stores != len(values) or any(isinstance(value, ast.Name) for value in values):
        return None  # a loop, a `with` or an unpacking puts something into it, too
    ends = {repr(end): end for end in (_end(value, own) for value in values)}
    return next(iter(ends.values())) if len(ends) == 1 else None


def _changes(node: ast.AST, name: str) -> bool:
    """Whether it may give the variable more than what was put into it: `out.length = …`, `out.update(…)`."""
    match node:
        case ast.Attribute(value=ast.Name(id=target), ctx=ast.Store()):
            return target == name
        case ast.Subscript(value=ast.Name(id=target), ctx=ast.Store()):
            return target == name
        case ast.Call(func=ast.Attribute(value=ast.Name(id=target), attr="update")):
            return target == name
        case ast.Call(func=ast.Name(id="setattr"), args=[ast.Name(id=target), *_]):
            return target == name
    return False


def _kwargs_to(function: ast.FunctionDef | ast.AsyncFunctionDef, own: list[ast.AST]) -> str | None:
    if function.args.kwarg is None:
        return None
    name = function.args.kwarg.arg
    places = [
        _below_self(node.func)
        for node in own
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg is None and isinstance(keyword.value, ast.Name) and keyword.value.id == name
    ]
    return places[0] if len(places) == 1 else None


def _passed_as(function: ast.FunctionDef | ast.AsyncFunctionDef, own: list[ast.AST]) -> dict[str, tuple[str, ...]]:
    names = [a.arg for a in (*function.args.args, *function.args.kwonlyargs)]
    passed: dict[str, list[str]] = {}
    for node in own:
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                if isinstance(keyword.value, ast.Name) and keyword.value.id in names and keyword.arg:
                    passed.setdefault(keyword.value.id, []).append(keyword.arg)
    return {name: tuple(dict.fromkeys(fields)) for name, fields in passed.items()}


def _taken_from(value: ast.expr, own: list[ast.AST]) -> str | None:
    """`score` of `out.score`, also by way of a variable; None for what was computed."""
    if isinstance(value, ast.Name):
        put = [n.value for n in own if isinstance(n, ast.Assign) and _is_name(n.targets, value.id)]
        value = put[0] if len(put) == 1 else value
    return value.attr if isinstance(value, ast.Attribute) else None


def _is_name(targets: list[ast.expr], name: str) -> bool:
    return len(targets) == 1 and isinstance(targets[0], ast.Name) and targets[0].id == name


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
