import hashlib
import json
import shutil
import subprocess
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from teleprompt.encoding.canonical_json import canonical_json, digest_of, normalised_text

scalars = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20)
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)


@given(st.dictionaries(st.text(max_size=8), trees))
def test_key_order_and_white_space_do_not_matter(value: dict) -> None:
    reordered = json.loads(json.dumps(dict(reversed(value.items())), indent=3))
    assert canonical_json(reordered) == canonical_json(value)
    assert digest_of(reordered) == digest_of(value)


@given(trees)
def test_the_canonical_form_reads_back_as_the_value(value: object) -> None:
    assert json.loads(canonical_json(value)) == value


def test_rfc_8785_example_of_sorting_and_numbers() -> None:
    value = {"\u20ac": "Euro Sign", "\r": "Carriage Return", "1": 1e30, "a": 0.000001, "b": 4.50}
    assert canonical_json(value).decode() == (
        '{"\\r":"Carriage Return","1":1e+30,"a":0.000001,"b":4.5,"\u20ac":"Euro Sign"}'
    )


def reference(value: object) -> bytes | None:
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError):
        return None


numbers = st.integers() | st.floats() | st.sampled_from([-0.0, 1e-4, 9.999e-5, 1e15, 1e16, 1e21, 2.0**53, 2**53, 1e-7])


@given(
    st.recursive(
        scalars | numbers | st.text(st.characters(exclude_categories=[]), max_size=3),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    )
)
def test_the_fast_way_and_the_reference_write_the_same_bytes(value: object) -> None:
    expected = reference(value)
    if expected is None:
        with pytest.raises((rfc8785.CanonicalizationError, UnicodeEncodeError)):
            canonical_json(value)
    else:
        assert canonical_json(value) == expected


def test_what_is_nested_too_deep_for_the_fast_way_is_written_all_the_same() -> None:
    value: list[Any] = []
    for _ in range(600):
        value = [value]
    assert canonical_json(value) == b"[" * 601 + b"]" * 601


@given(st.integers(-1_000_000, 1_000_000))
def test_millionths_are_written_with_at_most_six_decimals(k: int) -> None:
    text = canonical_json(k / 10**6).decode()
    assert "e" not in text
    assert len(text.partition(".")[2]) <= 6


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_jq_and_sha256sum_give_the_same_digest() -> None:
    value = {"b": 0.384837, "a": [1, None, "é"], "proof": 1}
    output = subprocess.run(
        ["jq", "-cSj", "del(.proof)"], input=json.dumps(value), capture_output=True, text=True, check=True
    ).stdout
    assert hashlib.sha256(output.encode()).hexdigest() == digest_of({"b": 0.384837, "a": [1, None, "é"]})


def test_texts_are_compared_without_case_and_spacing() -> None:
    assert normalised_text("  Straße\n\u2126 ") == normalised_text("STRASSE \u03a9")
