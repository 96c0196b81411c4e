import json

import pytest

from teleprompt.traces.sources._json import loads

READABLE = [
    '{"a": 1, "a": 2.0, "b": [true, null, "x"]}',
    "NaN",
    "-1e400",
    "1" * 400,
    '"\\ud800"',
    '"\ud800"',
    "[" * 300 + "]" * 300,
    " 0.1 ",
]


@pytest.mark.parametrize("text", READABLE)
def test_it_reads_what_python_reads(text: str) -> None:
    assert repr(loads(text)) == repr(json.loads(text))


@pytest.mark.parametrize("text", ["", "01", "{", "1 2", "1" * 5000, '"a\tb"'])
def test_it_refuses_what_python_refuses(text: str) -> None:
    with pytest.raises(ValueError):
        loads(text)
