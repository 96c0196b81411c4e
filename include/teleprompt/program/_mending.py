"""Values that MLflow could only log as `str(value)`, made readable again."""

import ast
import json
import re
from collections.abc import Mapping
from typing import Any

from teleprompt.program.fields import Json

_REPR = re.compile(r"(?:frozenset\(.*\)|\{.*\}|\(.*\)|\[.*\]|b'.*'|b\".*\")\Z", re.DOTALL)
_MEMBER = "enum member "


def holds_media(value: Json) -> bool:
    """Whether there is a text that DSPy marked in it."""
    if isinstance(value, str):
        return value.startswith(_marker())
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(holds_media, inner))


def mended(value: Json, enum_texts: Mapping[str, Any]) -> Any:
    """`value` without the texts that stand for what JSON has no form for; `enum_texts` are members by `Level.GOLD`."""
    if isinstance(value, list):
        return [mended(item, enum_texts) for item in value]
    if isinstance(value, dict):
        return {enum_texts.get(key, key): mended(item, enum_texts) for key, item in value.items()}
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
        case {"type": "document", "source": {"media_type": str(kind), "data": str(data)}, **more}:
            return {"data": data, "media_type": kind, "title": more.get("title"), "context": more.get("context")}
    return marked
