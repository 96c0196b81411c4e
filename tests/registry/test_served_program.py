"""What the model file of a version makes of an answer."""

from typing import Any

import dspy
import pytest
from pydantic import BaseModel

from teleprompt.registry.served_program import _outputs


class Verdict(BaseModel):
    label: str
    score: int


@pytest.mark.parametrize(
    ("answer", "names", "outputs"),
    [
        (dspy.Prediction(label="a", reasoning="so"), ["label"], {"label": "a"}),
        (dspy.Prediction(label="a"), [], {"label": "a"}),
        ({"label": "a", "length": 1}, ["label", "length"], {"label": "a", "length": 1}),
        (Verdict(label="a", score=1), ["label", "score"], {"label": "a", "score": 1}),
        ("a text", ["output"], {"output": "a text"}),
        ("a text", [], {"output": "a text"}),
    ],
    ids=["a prediction", "of open outputs", "a mapping", "a model", "a text", "a text of open outputs"],
)
def test_an_answer_is_served_by_its_outputs(answer: Any, names: list[str], outputs: dict[str, Any]) -> None:
    assert _outputs(answer, names) == outputs
