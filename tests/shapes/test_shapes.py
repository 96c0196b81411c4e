"""Each shape of a program is measured right, or refused with the remedy before a call is paid.

A run measures right if it says of the champion what is known of the model, to the millionth, and finds the cure.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests import REPOSITORY
from tests.shapes.corpus import SHAPES

WORKERS = 2
"""As many as CI has cores."""

STRATEGIES = (
    "labeled_fewshot", "bootstrap_fewshot", "bootstrap_fewshot_random", "copro", "mipro", "simba", "gepa",
)  # fmt: skip
TAUGHT = ("rag", "react", "pydantic", "history")


class Results:
    """What the runner says, in the order in which it was asked."""

    def __init__(self, *asked: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.shapes.runner", *asked], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
        )
        self._waiting = list(asked)
        self._known: dict[str, dict[str, Any]] = {}

    def of(self, asked: str) -> dict[str, Any]:
        """The result of one."""
        assert self._process.stdout is not None
        while asked not in self._known:
            line = self._process.stdout.readline()
            assert line, "the runner ended; run `python -m tests.shapes.runner` with that shape to see why"
            self._known[self._waiting.pop(0)] = json.loads(line)
        return self._known[asked]

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


def group(number: int) -> list[str]:
    return list(SHAPES)[number::WORKERS]


@contextmanager
def results(*asked: str) -> Iterator[Results]:
    """Of one process that takes all of them."""
    own = Results(*asked)
    try:
        yield own
    finally:
        own.end()


def check(name: str, found: dict[str, Any]) -> None:
    """What has to be so of a shape."""
    shape = SHAPES[name]
    if shape.refused:
        assert shape.refused in found["refused"], name
        return
    assert "failed" not in found, (name, found["failed"])
    assert (found["inputs"], found["outputs"]) == (shape.inputs, shape.outputs), name
    assert found["collected"] == (shape.collected or f"{shape.inputs} -> {shape.outputs}"), name
    assert (found["usable"], found["quarantined"]) == (shape.calls_made, {}), name
    assert found["failures"] == {"baseline": {}, "optimized": {}}, name
    measured = {"baseline": found["baseline"], "optimized": found["optimized"]}
    assert measured == pytest.approx(found["truth"], abs=1e-6), name
    assert found["verdict"] == shape.verdict, name


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("number", range(WORKERS))
def test_shapes_are_measured_right_or_refused(number: int) -> None:
    with results(*group(number)) as own:
        for name in group(number):
            check(name, own.of(name))


@pytest.fixture(scope="module")
def taught() -> Iterator[Results]:
    """Of all strategies on all of these shapes: a process of each shape's own would import for five seconds."""
    with results(*(f"{name} {strategy}" for name in TAUGHT for strategy in STRATEGIES)) as own:
        yield own


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", TAUGHT)
def test_every_strategy_teaches(name: str, taught: Results) -> None:
    for strategy in STRATEGIES:
        found = taught.of(f"{name} {strategy}")
        assert "failed" not in found, (strategy, found["failed"])
        assert found["baseline"] == pytest.approx(found["truth"]["baseline"], abs=1e-6), strategy
        assert found["optimized"] == 1.0, strategy


def test_the_corpus_is_as_large_as_is_said() -> None:
    refused = [shape for shape in SHAPES.values() if shape.refused]
    assert len(SHAPES) >= 45
    assert len(refused) / len(SHAPES) <= 0.15
