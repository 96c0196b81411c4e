"""How far two values agree, from 0 to 1: the values as JSON, and the JSON Schema of their type.

A structured value agrees by the mean over its leaves, a list by an F1 of its items, a number by equality within a
tolerance, a text by an F1 of its tokens. What is one of a few values or has a format (an enum, a date) agrees or not.
Equal values agree by 1, whatever their type.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, Self
from uuid import UUID

from teleprompt.encoding.canonical_json import normalised_text
from teleprompt.program.fields import ORDERED, Field, Json

Schema = Mapping[str, Any]

WITHOUT_SPACES = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u0f00-\u0fff"  # Tibetan
    "\u1000-\u109f"  # Myanmar
    "\u1780-\u17ff"  # Khmer
    "\u3000-\u303f\u3040-\u30ff\u31f0-\u31ff"  # CJK punctuation, Japanese syllables
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Chinese characters
)
_TOKENS = re.compile(rf"[{WITHOUT_SPACES}]|[^\s{WITHOUT_SPACES}]+")

MOST_PAIRS = 40_000
"""Pairs of items that are compared to match two lists; of longer ones only equal items count."""

_OPAQUE = re.compile(r"<<CUSTOM-TYPE-START-IDENTIFIER>>|data:[\w/+.-]*;base64,")
"""Pictures, sounds and files."""


def token_f1(wanted: str, given: str) -> float:
    """Harmonic mean of precision and recall over tokens, as in SQuAD (Rajpurkar et al. 2016).

    A token is a normalised word; in scripts that are written without spaces it is a character, as in CMRC (Cui et al.
    2019).
    """
    left, right = _tokens(wanted), _tokens(given)
    common = (left & right).total()
    if not common:
        return float(left == right)
    return 2 * common / (left.total() + right.total())


def same_text(wanted: str, given: str) -> float:
    """1 for texts that are alike but for case and white space, else 0."""
    return float(normalised_text(wanted) == normalised_text(given))


@dataclass(frozen=True)
class ValueComparison:
    """How the values of one field are compared."""

    schema: Schema
    text: Callable[[str, str], float] = token_f1
    tolerance: float = 0.0
    ordered: bool = False

    @classmethod
    def of(cls, field: Field, text: Callable[[str, str], float] = token_f1) -> Self:
        """How the values of `field` are compared, with texts compared by `text`."""
        schema = field.json_schema
        if schema is None:  # of version 0.1
            schema = {"const": None} if field.is_categorical else {}
        return cls(schema, text, field.tolerance, field.ordered)

    def agreement(self, wanted: Json, given: Json) -> float:
        """The agreement of two values, each as `ValueType.write` gives it."""
        total, leaves = self._compare(self.schema, wanted, given)
        return total / leaves

    def _compare(self, schema: Schema, wanted: Json, given: Json) -> tuple[float, int]:
        """The agreements of the leaves, added up, and how many leaves there are; a list is one leaf."""
        schema = self._resolved(schema, wanted)
        if isinstance(wanted, dict) and isinstance(given, dict) and (wanted or given):
            own = schema.get("properties", {})
            rest = schema.get("additionalProperties", {})
            rest = rest if isinstance(rest, dict) else {}
            parts = [
                self._compare(own.get(key, rest), wanted.get(key), given.get(key))
                if key in wanted and key in given
                else (0.0, _leaves(wanted.get(key, given.get(key))))
                for key in sorted(wanted.keys() | given.keys())
            ]
            return sum(total for total, _ in parts), sum(leaves for _, leaves in parts)
        if isinstance(wanted, dict) or isinstance(given, dict):
            return float(wanted == given), max(_leaves(wanted), _leaves(given))
        if isinstance(wanted, list) and isinstance(given, list):
            return self._items(schema, wanted, given), 1
        return self._leaf(schema, wanted, given), 1

    def _leaf(self, schema: Schema, wanted: Json, given: Json) -> float:
        if isinstance(wanted, bool) or isinstance(given, bool) or wanted is None or given is None:
            return float(wanted is given)
        if isinstance(wanted, (int, float)) and isinstance(given, (int, float)):
            return float(self._near(wanted, given))
        if not isinstance(wanted, str) or not isinstance(given, str):
            return 0.0
        if wanted == given:
            return 1.0
        if schema.get("format") == "decimal":
            try:
                return float(self._near(Decimal(wanted), Decimal(given)))
            except InvalidOperation:
                return 0.0
        if "enum" in schema or "const" in schema:
            choices = schema.get("enum", ())
            return 0.0 if wanted in choices and given in choices else same_text(wanted, given)
        if schema.get("format") == "date-time":
            return float(_moment(wanted) is not None and _moment(wanted) == _moment(given))
        if "format" in schema or (schema.get("type") != "string" and _OPAQUE.match(wanted)):
            return 0.0
        return self.text(wanted, given)

    def _near(self, wanted: Any, given: Any) -> bool:
        if wanted == given or (wanted != wanted and given != given):  # NaN
            return True
        return self.tolerance > 0 and abs(float(wanted) - float(given)) <= self.tolerance * (1 + 1e-9)

    def _items(self, schema: Schema, wanted: list[Json], given: list[Json]) -> float:
        """F1 of the items of two lists, each item counting by how far it agrees with the one that it is matched to."""
        if not wanted and not given:
            return 1.0
        places = schema.get("prefixItems")
        if places is not None or self.ordered or schema.get(ORDERED):
            schemas = [*(places or ()), *[schema.get("items", {})] * max(len(wanted), len(given))]
            common = sum(self._item(one, a, b) for one, a, b in zip(schemas, wanted, given, strict=False))
        else:
            common = self._matched(schema.get("items") or {}, wanted, given)
        return 2 * common / (len(wanted) + len(given))

    def _item(self, schema: Schema, wanted: Json, given: Json) -> float:
        total, leaves = self._compare(schema, wanted, given)
        return total / leaves

    def _matched(self, schema: Schema, wanted: list[Json], given: list[Json]) -> float:
        """What matching items agree by: equal ones first, then the rest so that the sum is greatest."""
        left, right = ([json.dumps(item, sort_keys=True) for item in items] for items in (wanted, given))
        equal = Counter(left) & Counter(right)
        rest, others = _without(wanted, left, equal), _without(given, right, equal)
        common = float(equal.total())
        if not rest or not others or len(rest) * len(others) > MOST_PAIRS:
            return common
        pairs = [[self._item(schema, a, b) for b in others] for a in rest]
        if len(rest) == 1 or len(others) == 1:
            return common + max(max(line) for line in pairs)
        from scipy.optimize import linear_sum_assignment

        lines, columns = linear_sum_assignment(pairs, maximize=True)
        return common + sum(float(pairs[i][j]) for i, j in zip(lines, columns, strict=True))

    def _resolved(self, schema: Schema, value: Json) -> Schema:
        """The part of the schema that `value` is of; an empty one, which says nothing, where none fits."""
        for _ in range(32):
            if "$ref" in schema:
                schema = self.schema.get("$defs", {}).get(schema["$ref"].rpartition("/")[2], {})
            elif arms := schema.get("anyOf") or schema.get("oneOf"):
                schema = next((arm for arm in arms if self._fits(arm, value)), {})
            elif len(schema.get("allOf", ())) == 1:
                schema = schema["allOf"][0]
            else:
                return schema
        return {}

    def _fits(self, arm: Schema, value: Json) -> bool:
        arm = self._resolved(arm, value)
        if "enum" in arm or "const" in arm:
            return value in arm.get("enum", [arm.get("const")])
        kinds = {
            "string": str, "integer": int, "number": (int, float), "boolean": bool, "null": type(None),
            "array": list, "object": dict,
        }  # fmt: skip
        kind = kinds.get(arm.get("type", ""))
        if isinstance(value, str) and arm.get("format") in _READERS and _read(arm["format"], value) is None:
            return False
        if kind is None or (isinstance(value, bool) and arm["type"] != "boolean"):
            return kind is None
        if not isinstance(value, kind):  # type: ignore[arg-type]
            return False
        required = arm.get("required", ())
        return not isinstance(value, dict) or all(name in value for name in required)


def _without(items: Sequence[Json], texts: Sequence[str], taken: Mapping[str, int]) -> list[Json]:
    left = Counter(taken)
    rest = []
    for item, text in zip(items, texts, strict=True):
        if left[text] > 0:
            left[text] -= 1
        else:
            rest.append(item)
    return rest


_READERS: Mapping[str, Callable[[str], Any]] = {
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "date-time": datetime.fromisoformat,
    "uuid": UUID,
}


def _read(form: str, text: str) -> Any:
    try:
        return _READERS[form](text)
    except ValueError:
        return None


def _moment(text: str) -> datetime | None:
    moment: datetime | None = _read("date-time", text)
    return moment


def _leaves(value: Json) -> int:
    return sum(map(_leaves, value.values())) if isinstance(value, dict) and value else 1


def _tokens(text: str) -> Counter[str]:
    return Counter(_TOKENS.findall(normalised_text(text)))
