"""The properties of a JSON Schema as a table in Markdown."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]

LIMITS = {"exclusiveMinimum": "above", "minimum": "from", "exclusiveMaximum": "below", "maximum": "to"}
TYPES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": "null"}


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; line breaks and bars of its cells are written so that they stay in them."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    # Bars are lists of words here, in code or not; Markdown's dialects disagree about both.
    return " ".join(text.replace(" | ", ", ").replace("|", "&#124;").split())


def one_line(schema: Schema) -> str:
    """What a schema says it is."""
    return " ".join(str(schema.get("description", "")).split())


def choices(field: Schema) -> Iterator[Schema]:
    """What a field may hold, however deep its alternatives and lists are nested."""
    yield field
    below = [*field.get("anyOf", ()), *field.get("oneOf", ()), field.get("items", {}), *field.get("prefixItems", ())]
    for choice in filter(None, below):
        yield from choices(choice)


def anchor(heading: str) -> str:
    """Where a heading is, on GitHub as on the site."""
    return re.sub(r"[^a-z0-9_ -]", "", heading.lower()).replace(" ", "-")


@dataclass(frozen=True)
class Fields:
    """Writes fields down, with links to the headings of the definitions that they refer to."""

    definitions: Mapping[str, Schema]
    headings: Mapping[str, str]
    """By definition: the heading that it is described under."""

    def table(self, schema: Schema, *, prefix: str = "", skip: Iterable[str] = ()) -> str:
        """A schema's properties: name, type, default, meaning."""
        required = schema.get("required", ())
        rows = []
        for name, field in schema.get("properties", {}).items():
            if name in skip:
                continue
            default = "needed" if name in required else self._default(field)
            rows.append((f"`{prefix}{name}`", self.type_of(field), default, self._meaning(field)))
        return table(("key", "type", "default", "meaning"), rows)

    def section_of(self, field: Schema) -> str | None:
        """The definition with a heading that a field refers to."""
        name = str(field.get("$ref", "")).rpartition("/")[2]
        return name if name in self.headings else None

    def type_of(self, field: Schema) -> str:
        """A field's type in words, with its limits."""
        if (name := self.section_of(field)) is not None:
            return f"[{self.headings[name]}](#{anchor(self.headings[name])})"
        if "$ref" in field:
            return self.type_of(self._target(field))
        if "const" in field:
            return f"`{field['const']}`"
        if "enum" in field:
            return ", ".join(f"`{value}`" for value in field["enum"])
        for several in ("anyOf", "oneOf"):
            if several in field:
                return " or ".join(dict.fromkeys(self.type_of(one) for one in field[several]))
        kind = str(field.get("type"))
        if kind == "array":
            items = [field["items"]] if "items" in field else field.get("prefixItems", [{}])
            return "list of " + ", ".join(dict.fromkeys(self.type_of(item) for item in items))
        if kind == "object":
            values = field.get("additionalProperties")
            return f"mapping to {self.type_of(values)}" if isinstance(values, dict) and values else "mapping"
        if kind == "string" and field.get("format"):
            return str(field["format"])
        limits = [f"{word} {field[key]:,.10g}" for key, word in LIMITS.items() if key in field]
        return " ".join([TYPES.get(kind, "any JSON"), *limits])

    def _target(self, field: Schema) -> Schema:
        return self.definitions[str(field["$ref"]).rpartition("/")[2]]

    def _default(self, field: Schema) -> str:
        if "default" not in field or self.section_of(field) is not None:
            return ""
        return f"`{json.dumps(field['default'], ensure_ascii=False)}`"

    def _meaning(self, field: Schema) -> str:
        if "description" not in field and "$ref" in field:
            return str(self._target(field).get("description", "")).partition("\n\n")[0]
        return str(field.get("description", ""))
