"""Text of others, made fit for a terminal and a database."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teleprompt.encoding.text import storable, visible, visible_json

ANY_TEXT = st.text(st.characters(exclude_categories=()))

HIDDEN = {
    "escape": ("\x1b[31m", r"\x1b[31m"),
    "return": ("a\rb", r"a\rb"),
    "line feed": ("a\nb", r"a\nb"),
    "tab": ("a\tb", r"a\tb"),
    "bell and backspace": ("\a\b", r"\x07\x08"),
    "delete": ("\x7f", r"\x7f"),
    "CSI of C1": ("\x9b31m", r"\x9b31m"),
    "next line": ("\x85", r"\x85"),
    "override of direction": ("\u202e", r"\u202e"),
    "isolate of direction": ("\u2066", r"\u2066"),
    "mark of direction": ("\u200f\u061c", r"\u200f\u061c"),
    "no width": ("\u200b\u200d\ufeff", r"\u200b\u200d\ufeff"),
    "soft hyphen": ("\xad", r"\xad"),
    "line separator": ("\u2028\u2029", r"\u2028\u2029"),
    "lone surrogate": ("\ud800", r"\ud800"),
    "tag": ("\U000e0041", r"\U000e0041"),
    "filler": ("\u3164\u115f", r"\u3164\u115f"),
    "joiner of graphemes": ("\u034f", r"\u034f"),
    "variation selector": ("\ufe0f", r"\ufe0f"),
    "blank of Braille": ("\u2800", r"\u2800"),
    "private": ("\ue000", r"\ue000"),
}


@pytest.mark.parametrize(("text", "shown"), HIDDEN.values(), ids=HIDDEN)
def test_what_is_not_seen_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert visible(f"a{text}z") == f"a{shown}z"


@pytest.mark.parametrize(
    "text", ["", "plain", "Zürich, 東京, Ελλάδα, עברית", "e\u0301", "🎉", "a\xa0b", "[red]", r"C:\new"]
)
def test_what_is_seen_stays(text: str) -> None:
    assert visible(text) == text


@given(ANY_TEXT)
def test_nothing_that_moves_or_hides_is_left(text: str) -> None:
    shown = visible(text)
    assert {unicodedata.category(character) for character in shown}.isdisjoint({"Cc", "Cf", "Cs", "Zl", "Zp"})
    assert visible(shown) == shown
    shown.encode()


@given(st.recursive(ANY_TEXT, lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner), max_leaves=8))
def test_json_says_the_same_after(value: object) -> None:
    shown = visible_json(json.dumps(value, indent=2, ensure_ascii=False))
    assert json.loads(shown) == value
    assert all(line == visible(line) for line in shown.split("\n"))


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "a\udfff"])
def test_what_a_database_refuses_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="without NUL"):
        storable(text)


def test_other_text_is_stored_as_it_is() -> None:
    assert storable("two\nlines \x1b \u202e 🎉") == "two\nlines \x1b \u202e 🎉"
