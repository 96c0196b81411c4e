"""What of a program as written differs from what it was."""

from typing import Any

import dspy
import pytest

from teleprompt.program.rewritten import Rewritten, rewritten
from teleprompt.program.state import dump_state


def predict(fields: str = "thing -> shelf", text: str = "Say which shelf.", **describes: str) -> Any:
    signature = dspy.Signature(fields, text)
    for name, description in describes.items():
        signature = signature.with_updated_fields(name, desc=description)
    return dspy.Predict(signature)


def change(now: Any, then: Any = None) -> Rewritten:
    return rewritten(dump_state(then or predict()), dump_state(now))


class Two(dspy.Module):
    def __init__(self, **predictors: Any) -> None:
        super().__init__()
        for name, predictor in predictors.items():
            setattr(self, name, predictor)


def test_the_same_program_did_not_change_whatever_it_shows() -> None:
    shown = predict()
    shown.demos = [dspy.Example(thing="a", shelf="left")]
    assert change(shown) == change(predict()) == Rewritten(shape=(), text=())


@pytest.mark.parametrize("now", [predict(text="Name the shelf."), predict(shelf="left or right")])
def test_instructions_and_descriptions_are_text(now: Any) -> None:
    assert change(now) == Rewritten(shape=(), text=("`self`",))


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ("thing, size -> shelf", "Thing, Size, Shelf instead of Thing, Shelf"),
        ("thing -> place", "Thing, Place instead of Thing, Shelf"),
        ("shelf -> thing", "Shelf, Thing instead of Thing, Shelf"),
    ],
)
def test_other_fields_are_another_shape(now: str, told: str) -> None:
    assert change(predict(now)).shape == (f"the fields of `self` are {told}",)


def test_predictors_come_and_go() -> None:
    then, now = Two(draft=predict(), check=predict()), Two(draft=predict(text="Draft it."), judge=predict())
    found = change(now, then)
    assert found.shape == ("the predictor `check` is gone", "the predictor `judge` is new")
    assert found.text == ("`draft`",)
