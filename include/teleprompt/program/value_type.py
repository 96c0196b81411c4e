"""Values of a declared type: read back from what was logged, and written in one form, whoever made them.

MLflow writes a value as JSON and what JSON has no form for as `str(value)`: an enum as `Level.GOLD`, a set as `{'a'}`,
bytes as `b'a'`, a picture as the marked text that DSPy's adapters understand. So a logged value is read as JSON, then
as DSPy reads a model's words, and then with such texts mended.
"""

import enum
import json
import warnings
from collections.abc import Mapping
from functools import cache, cached_property
from typing import Any

from teleprompt.program._annotations import is_live, known_to_pydantic, named, parts_of
from teleprompt.program._mending import holds_media, mended
from teleprompt.program.fields import ORDERED, Field, Json

EITHER_NAME: Mapping[str, Any] = {"by_alias": True, "by_name": True}
"""A model's fields may stand under their names, as MLflow logs them, or under their aliases."""

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

        self.annotation = known_to_pydantic(annotation)
        self.name = named(annotation)
        if any(is_live(part) for part in self._parts):
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
        # Any text is bytes, too, and the marked text of a document is one.
        for attempt in reversed(attempts) if bytes in self._parts or holds_media(value) else attempts:
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
            typed = self._adapter.validate_python(value, **EITHER_NAME)
        except Exception:  # noqa: BLE001 - a validator of the user's may raise anything
            plain = as_json(value)
            try:
                typed = self.read(plain)
            except UnreadableValueError:
                return plain
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return as_json(self._adapter.dump_python(typed, mode="json", by_alias=False, warnings=False))
            except Exception:  # noqa: BLE001 - a serializer of the user's may, too
                return as_json(typed)

    def _as_json(self, value: Json) -> Any:
        if self.annotation is str and isinstance(value, str):
            return value
        return self._adapter.validate_json(json.dumps(value), **EITHER_NAME)

    def _as_dspy_reads(self, value: Json) -> Any:
        from dspy.adapters.utils import parse_value

        if not isinstance(value, str) and value is not None:
            value = json.dumps(value, ensure_ascii=False)
        return parse_value(value, self.annotation)

    def _mended(self, value: Json) -> Any:
        found = mended(value, self._enum_texts)
        try:
            return self._adapter.validate_python(found, **EITHER_NAME)
        except ValueError:  # of a strict model: as JSON a date is a text
            return self._as_json(as_json(found))

    @cached_property
    def _is_text_type(self) -> bool:
        import dspy

        return isinstance(self.annotation, type) and issubclass(self.annotation, (dspy.Code, dspy.Reasoning))

    @cached_property
    def _parts(self) -> tuple[Any, ...]:
        return tuple(parts_of(self.annotation, set()))

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


def _schema_of(adapter: Any) -> dict[str, Any]:
    from pydantic.json_schema import GenerateJsonSchema

    class Schema(GenerateJsonSchema):
        """As pydantic's, with decimals told from texts."""

        def tuple_schema(self, schema: Any) -> dict[str, Any]:
            return {**super().tuple_schema(schema), ORDERED: True}

        def decimal_schema(self, schema: Any) -> dict[str, Any]:
            del schema
            return {"type": "string", "format": "decimal"}

    bare: dict[str, Any] = _bare(adapter.json_schema(by_alias=False, mode="serialization", schema_generator=Schema))
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
