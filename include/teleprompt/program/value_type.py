"""Values of a declared type: read back from what was logged, and written in one form, whoever made them.

MLflow writes a value as JSON and what JSON has no form for as `str(value)`: an enum as `Level.GOLD`, a set as `{'a'}`,
bytes as `b'a'`, a picture as the marked text that DSPy's adapters understand. So a logged value is read as JSON, then
as DSPy reads a model's words, and then with such texts mended.
"""

import ast
import collections.abc
import enum
import json
import re
import sys
import types
import typing
import warnings
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from typing import Any

from teleprompt.program.fields import Field, Json

LIVE = (
    collections.abc.Callable,
    collections.abc.Iterator,
    collections.abc.Generator,
    collections.abc.AsyncIterator,
    collections.abc.AsyncGenerator,
)
"""What exists in a process only."""

_REPR = re.compile(r"(?:frozenset\(.*\)|\{.*\}|\(.*\)|\[.*\]|b'.*'|b\".*\")\Z", re.DOTALL)
_MEMBER = "enum member "
_SAYS_NOTHING = ("title", "description", "default", "examples", "deprecated")


class UnreadableValueError(ValueError):
    """A value that is none of its type."""


class UnusableTypeError(TypeError):
    """A type whose values cannot be rebuilt from what was logged."""


class ValueType:
    """A type as a program's author annotated it."""

    def __init__(self, annotation: Any) -> None:
        """Raises `UnusableTypeError` for a live object: a tool, a function, an open file."""
        from pydantic import TypeAdapter
        from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, PydanticUserError

        self.annotation = _known_to_pydantic(annotation)
        self.name = _named(annotation)
        if any(_is_live(part) for part in self._parts):
            raise UnusableTypeError(self.name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self._adapter: TypeAdapter[Any] = TypeAdapter(self.annotation)
                self.json_schema = _schema_of(self._adapter)
            except PydanticInvalidForJsonSchema:
                raise UnusableTypeError(self.name) from None
            except (PydanticSchemaGenerationError, PydanticUserError, TypeError, NameError):
                raise UnusableTypeError(self.name) from None

    @property
    def is_text(self) -> bool:
        """Whether all its values are texts."""
        return self._is_text_type or _only_texts(self.json_schema)

    def field(self, name: str, *, required: bool = True, tolerance: float = 0.0, ordered: bool = False) -> Field:
        """The record of a field of this type."""
        return Field(
            name=name, is_text=self.is_text, type=self.name, json_schema={} if self._is_text_type else self.json_schema,
            required=required, tolerance=tolerance, ordered=ordered,
        )  # fmt: skip

    def read(self, value: Json) -> Any:
        """The value that was logged as `value`.

        Raises:
            UnreadableValueError: it is none of this type.
        """
        if self.annotation in (Any, object):
            return value
        attempts = (self._as_json, self._as_dspy_reads, self._mended)
        for attempt in reversed(attempts) if bytes in self._parts else attempts:  # any text is bytes, too
            try:
                return attempt(value)
            except Exception:  # noqa: BLE001, S112 - a validator of the user's may raise anything
                continue
        raise UnreadableValueError(self.name)

    def write(self, value: Any) -> Json:
        """`value` as JSON: equal values alike, whether a program made them or a trace holds them.

        A value of another type, as a program may well give, is written as what it is.
        """
        try:
            typed = self._adapter.validate_python(value)
        except Exception:  # noqa: BLE001 - a validator of the user's may raise anything
            plain = as_json(value)
            try:
                typed = self.read(plain)
            except UnreadableValueError:
                return plain
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return as_json(self._adapter.dump_python(typed, mode="json", warnings=False))
            except Exception:  # noqa: BLE001 - a serializer of the user's may, too
                return as_json(typed)

    def _as_json(self, value: Json) -> Any:
        if self.annotation is str and isinstance(value, str):
            return value
        return self._adapter.validate_json(json.dumps(value))

    def _as_dspy_reads(self, value: Json) -> Any:
        from dspy.adapters.utils import parse_value

        if not isinstance(value, str) and value is not None:
            value = json.dumps(value, ensure_ascii=False)
        return parse_value(value, self.annotation)

    def _mended(self, value: Json) -> Any:
        return self._adapter.validate_python(_mend(value, self._enum_texts))

    @cached_property
    def _is_text_type(self) -> bool:
        import dspy

        return isinstance(self.annotation, type) and issubclass(self.annotation, (dspy.Code, dspy.Reasoning))

    @cached_property
    def _parts(self) -> tuple[Any, ...]:
        return tuple(_parts_of(self.annotation, set()))

    @cached_property
    def _enum_texts(self) -> dict[str, Any]:
        """`Level.GOLD`, as MLflow writes a member, and its value."""
        enums = [part for part in self._parts if isinstance(part, type) and issubclass(part, enum.Enum)]
        return {f"{kind.__name__}.{name}": member for kind in enums for name, member in kind.__members__.items()}


@cache
def _type_of(annotation: Any) -> ValueType:
    try:
        return ValueType(annotation)
    except UnusableTypeError:
        return ValueType(Any)


def usable_type(annotation: Any) -> ValueType:
    """The type, or `Any` where values of it cannot be rebuilt; made once."""
    try:
        return _type_of(annotation)
    except TypeError:  # cannot be hashed
        return ValueType(Any)


def as_json(value: Any) -> Json:
    """Any value as JSON; what JSON has no form for as text."""
    from pydantic_core import to_jsonable_python

    try:
        return to_jsonable_python(value, fallback=_plain, serialize_unknown=True, inf_nan_mode="strings")
    except Exception:  # noqa: BLE001 - an object of the user's may raise anything
        return str(value)


def _plain(value: Any) -> Any:
    if hasattr(value, "toDict"):  # DSPy's predictions and examples
        return value.toDict()
    return dict(value) if isinstance(value, Mapping) else str(value)


def _mend(value: Json, enum_texts: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_mend(item, enum_texts) for item in value]
    if isinstance(value, dict):
        return {enum_texts.get(key, key): _mend(item, enum_texts) for key, item in value.items()}
    if not isinstance(value, str):
        return value
    if value in enum_texts:
        return enum_texts[value]
    if value.startswith(_marker()):
        return _media(value)
    if _REPR.match(value):
        return _literal(value, enum_texts)
    return value


def _literal(text: str, enum_texts: Mapping[str, Any]) -> Any:
    """The value of a Python literal, with members of enums in it (`{<Level.GOLD: 'gold'>}`)."""
    if text.startswith("frozenset("):
        text = text.removeprefix("frozenset(").removesuffix(")") or "()"
    found = re.findall(r"<(\w+\.\w+): [^>]*>", text)
    for name in found:
        text = re.sub(rf"<{re.escape(name)}: [^>]*>", f"'{_MEMBER}{name}'", text, count=1)
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    if isinstance(value, (set, frozenset, tuple, list)):
        return [enum_texts.get(i.removeprefix(_MEMBER), i) if isinstance(i, str) else i for i in value]
    return value


def _marker() -> str:
    from dspy.adapters.types.base_type import CUSTOM_TYPE_START_IDENTIFIER

    return str(CUSTOM_TYPE_START_IDENTIFIER)


def _media(marked: str) -> Any:
    """The fields of the picture, sound or file that DSPy's marked text holds."""
    from dspy.adapters.types.base_type import CUSTOM_TYPE_END_IDENTIFIER

    (block, *_) = json.loads(marked.removeprefix(_marker()).removesuffix(CUSTOM_TYPE_END_IDENTIFIER))
    match block:
        case {"type": "image_url", "image_url": {"url": str(url)}}:
            return {"url": url}
        case {"type": "input_audio", "input_audio": {"data": str(data), "format": str(form)}}:
            return {"data": data, "audio_format": form}
        case {"type": "file", "file": dict(file)}:
            return file
    return marked


def _schema_of(adapter: Any) -> dict[str, Any]:
    from pydantic.json_schema import GenerateJsonSchema

    class Schema(GenerateJsonSchema):
        """As pydantic's, with decimals told from texts."""

        def decimal_schema(self, schema: Any) -> dict[str, Any]:
            del schema
            return {"type": "string", "format": "decimal"}

    bare: dict[str, Any] = _bare(adapter.json_schema(mode="serialization", schema_generator=Schema))
    return bare


def _bare(schema: Any, *, names: bool = False) -> Any:
    """A schema without what only people read; under `properties` and `$defs` keys are `names`."""
    if isinstance(schema, list):
        return [_bare(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: value if key in ("enum", "const") and not names else _bare(value, names=key in ("properties", "$defs"))
        for key, value in schema.items()
        if names or key not in _SAYS_NOTHING
    }


def _only_texts(schema: Mapping[str, Any]) -> bool:
    if "enum" in schema or "const" in schema:
        return all(isinstance(value, str) for value in schema.get("enum", [schema.get("const")]))
    return schema.get("type") == "string" and "format" not in schema


def _named(annotation: Any) -> str:
    from dspy.adapters.utils import get_annotation_name

    return "Any" if annotation in (Any, object) else str(get_annotation_name(annotation))


def _is_live(part: Any) -> bool:
    import dspy

    if part in LIVE or part is collections.abc.Callable:
        return True
    return isinstance(part, type) and (
        issubclass(part, (dspy.Tool, dspy.Module, dspy.LM)) or part in LIVE or part.__module__ in ("_io", "io")
    )


def _parts_of(annotation: Any, seen: set[int]) -> Iterator[Any]:
    """The type and all types in it."""
    if id(annotation) in seen:
        return
    seen.add(id(annotation))
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return
    yield annotation if origin is None else origin
    for argument in typing.get_args(annotation):
        yield from _parts_of(argument, seen)
    if isinstance(annotation, type) and origin is None:
        for part in _hints_of(annotation).values():
            yield from _parts_of(part, seen)


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


def _known_to_pydantic(annotation: Any) -> Any:
    """Before Python 3.12 pydantic takes no `typing.TypedDict`, so it is given one of `typing_extensions`."""
    if sys.version_info >= (3, 12):
        return annotation
    import typing_extensions

    if typing.is_typeddict(annotation) and type(annotation).__module__ == "typing":
        hints = typing.get_type_hints(annotation, include_extras=True)
        marked: dict[str, Any] = {
            name: _known_to_pydantic(hint)
            if name in annotation.__required_keys__
            else typing_extensions.NotRequired[_known_to_pydantic(hint)]
            for name, hint in hints.items()
        }
        return typing_extensions.TypedDict(annotation.__name__, marked)  # type: ignore[operator]
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is None or origin is typing.Literal or not any(map(_has_typed_dict, arguments)):
        return annotation
    replaced = tuple(map(_known_to_pydantic, arguments))
    if origin is types.UnionType:
        return typing.Union[replaced]  # noqa: UP007 - of a tuple
    return annotation.copy_with(replaced) if hasattr(annotation, "copy_with") else origin[replaced]


def _has_typed_dict(annotation: Any) -> bool:
    return typing.is_typeddict(annotation) or any(map(_has_typed_dict, typing.get_args(annotation)))
