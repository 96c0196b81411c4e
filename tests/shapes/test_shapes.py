"""Each shape of a program is measured right, or refused with the remedy before a call is paid.

A run measures right if it says of the champion what is known of the model, to the millionth, and finds the cure.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
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


@pytest.fixture(scope="module")
def results() -> Iterator[dict[int, Results]]:
    """Of each group, started when it is first asked for."""
    started: dict[int, Results] = {}
    yield started
    for own in started.values():
        own.end()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("number", "name"),
    [
        pytest.param(number, name, marks=pytest.mark.xdist_group(f"shapes-{number}"), id=name)
        for number in range(WORKERS)
        for name in group(number)
    ],
)
def test_a_shape_is_measured_right_or_refused(number: int, name: str, results: dict[int, Results]) -> None:
    if number not in results:
        results[number] = Results(*group(number))
    shape, found = SHAPES[name], results[number].of(name)
    if shape.refused:
        assert shape.refused in found["refused"]
        return
    assert "failed" not in found, found["failed"]
    assert (found["inputs"], found["outputs"]) == (shape.inputs, shape.outputs)
    assert found["collected"] == (shape.collected or f"{shape.inputs} -> {shape.outputs}")
    assert (found["usable"], found["quarantined"]) == (shape.calls_made, {})
    assert found["failures"] == {"baseline": {}, "optimized": {}}
    assert {"baseline": found["baseline"], "optimized": found["optimized"]} == pytest.approx(found["truth"], abs=1e-6)
    assert found["verdict"] == shape.verdict


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("name", "strategy"),
    [
        pytest.param(name, strategy, marks=pytest.mark.xdist_group(f"taught-{name}"))
        for name in TAUGHT
        for strategy in STRATEGIES
    ],
)
def test_every_strategy_teaches(name: str, strategy: str, results: dict[int, Results]) -> None:
    number = WORKERS + TAUGHT.index(name)
    if number not in results:
        results[number] = Results(*(f"{name} {each}" for each in STRATEGIES))
    found = results[number].of(f"{name} {strategy}")
    assert "failed" not in found, found["failed"]
    assert found["baseline"] == pytest.approx(found["truth"]["baseline"], abs=1e-6)
    assert found["optimized"] == 1.0


def test_the_corpus_is_as_large_as_is_said() -> None:
    refused = [shape for shape in SHAPES.values() if shape.refused]
    assert len(SHAPES) >= 45
    assert len(refused) / len(SHAPES) <= 0.15
