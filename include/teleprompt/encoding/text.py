"""Text that somebody else wrote, on its way to a terminal, a log or a database."""

import re
import unicodedata

UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""What Unicode counts as letters or marks, and nobody sees: fillers, joiners, variation selectors, Braille's blank."""


def visible(text: str) -> str:
    r"""`text` on one line, with escapes such as `\x1b` for all that is not seen.

    These are control characters, line breaks, marks of direction and of no width, surrogates, private and unassigned
    characters: they move a terminal's cursor, reorder what is read, or make two names look like one.
    """
    if text.isprintable() and not UNSEEN.search(text):
        return text
    return "".join(character if _is_seen(character) else _escape(character) for character in text)


def visible_json(text: str) -> str:
    """JSON that says the same as the JSON `text`, on as many lines, with escapes for all else that is not seen."""
    if not any(map(_hidden_in_json, set(text))):
        return text
    return "".join(_json_escape(character) if _hidden_in_json(character) else character for character in text)


def storable(text: str) -> str:
    """`text`, if every database takes it.

    Raises:
        ValueError: it holds a NUL or a lone surrogate.
    """
    if "\0" in text or any(map(_is_surrogate, text)):
        raise ValueError("text must be valid Unicode without NUL")
    return text


def _is_seen(character: str) -> bool:
    blank = unicodedata.category(character) == "Zs"
    return (character.isprintable() or blank) and not UNSEEN.match(character)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _hidden_in_json(character: str) -> bool:
    return character != "\n" and not _is_seen(character)


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


def _is_surrogate(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"
