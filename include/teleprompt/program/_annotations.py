"""What annotations are made of, and which of them pydantic cannot take."""

import collections.abc
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

LIVE = (
    collections.abc.Callable,
    collections.abc.Iterator,
    collections.abc.Generator,
    collections.abc.AsyncIterator,
    collections.abc.AsyncGenerator,
)
"""What exists in a process only."""


def named(annotation: Any) -> str:
    from dspy.adapters.utils import get_annotation_name

    return "Any" if annotation in (Any, object) else str(get_annotation_name(annotation))


def is_live(part: Any) -> bool:
    import dspy
    from pydantic import SecretBytes, SecretStr

    if part in LIVE or part is collections.abc.Callable:
        return True
    return isinstance(part, type) and (
        issubclass(part, (dspy.Tool, dspy.Module, dspy.LM, SecretStr, SecretBytes))
        or part in LIVE
        or part.__module__ in ("_io", "io")
    )


def parts_of(annotation: Any, seen: set[int]) -> Iterator[Any]:
    """The type and all types in it."""
    if id(annotation) in seen:
        return
    seen.add(id(annotation))
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        yield from {type(value): None for value in typing.get_args(annotation)}
        return
    yield annotation if origin is None else origin
    for argument in typing.get_args(annotation):
        yield from parts_of(argument, seen)
    if isinstance(annotation, type) and origin is None:
        for part in _hints_of(annotation).values():
            yield from parts_of(part, seen)


def _hints_of(kind: type) -> Mapping[str, Any]:
    """Types of the fields of a model, a data class, a typed dict or a named tuple."""
    fields = getattr(kind, "model_fields", None) or getattr(kind, "__pydantic_fields__", None)
    if isinstance(fields, dict):
        return {name: info.annotation for name, info in fields.items()}
    if not any(hasattr(kind, mark) for mark in ("__dataclass_fields__", "__total__", "_fields")):
        return {}
    try:
        return typing.get_type_hints(kind)
    except Exception:  # noqa: BLE001 - names that exist for a type checker only
        return {}


def known_to_pydantic(annotation: Any) -> Any:
    """The annotation as pydantic can use it more than once.

    An `Iterable` it would read as an iterator, which is empty after its first use: it is a list. Before Python 3.12 it
    takes no `typing.TypedDict`: it is given one of `typing_extensions`.
    """
    import typing_extensions

    if typing.get_origin(annotation) is collections.abc.Iterable:
        return list[known_to_pydantic(typing.get_args(annotation)[0])]  # type: ignore[misc]
    if sys.version_info < (3, 12) and typing.is_typeddict(annotation) and type(annotation).__module__ == "typing":
        hints = typing.get_type_hints(annotation, include_extras=True)
        marked: dict[str, Any] = {
            name: known_to_pydantic(hint)
            if name in annotation.__required_keys__
            else typing_extensions.NotRequired[known_to_pydantic(hint)]
            for name, hint in hints.items()
        }
        return typing_extensions.TypedDict(annotation.__name__, marked)  # type: ignore[operator]
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is None or origin is typing.Literal or not any(map(_is_unusual, arguments)):
        return annotation
    replaced = tuple(map(known_to_pydantic, arguments))
    if origin is types.UnionType:
        return typing.Union[replaced]  # noqa: UP007 - of a tuple
    return annotation.copy_with(replaced) if hasattr(annotation, "copy_with") else origin[replaced]


def _is_unusual(annotation: Any) -> bool:
    return (
        typing.is_typeddict(annotation)
        or typing.get_origin(annotation) is collections.abc.Iterable
        or any(map(_is_unusual, typing.get_args(annotation)))
    )
