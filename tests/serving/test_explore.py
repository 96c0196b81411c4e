"""Answers that are left to chance, and the probability that is logged with each."""

from collections import Counter
from enum import Enum
from types import SimpleNamespace
from typing import Any

import dspy
import pytest

from teleprompt.config.production import ExploreConfig
from teleprompt.config.settings import Settings
from teleprompt.errors import ConfigurationError
from teleprompt.program.fields import Field, ProgramFields
from teleprompt.registry.exploration import Exploration, exploration_of, keep_exploration
from teleprompt.serving.call_log import log_outcome
from teleprompt.serving.choose import forget_versions
from teleprompt.serving.explore import explored
from teleprompt.serving.load import load_program
from teleprompt.serving.logged_program import trace_id_of
from teleprompt.tracking.connection import mlflow_client
from tests.serving.test_logged_program import logged_calls, served

__all__ = ["served"]
THREE = Exploration(epsilon=0.3, output="shelf", answers=("left", "right", "top"))


class Shelf(Enum):
    LEFT = "left"
    RIGHT = "right"
    TOP = "top"


def test_each_other_answer_is_as_likely() -> None:
    given = Counter(explored(dspy.Prediction(shelf="left"), THREE)[0].shelf for _ in range(4_000))
    assert abs(given["left"] - 2_800) < 150
    assert abs(given["right"] - 600) < 100
    assert abs(given["top"] - 600) < 100


@pytest.mark.parametrize(
    "answer",
    [dspy.Prediction(shelf="left", why="so"), {"shelf": "left"}, SimpleNamespace(shelf=Shelf.LEFT), "left"],
    ids=lambda answer: type(answer).__name__,
)
def test_the_probability_is_that_of_what_was_given_and_the_answer_itself_stays(answer: Any) -> None:
    def shelf(one: Any) -> Any:
        found = one["shelf"] if isinstance(one, dict) else getattr(one, "shelf", one)
        return getattr(found, "value", found)

    seen = {(shelf(one), round(p, 6)) for one, p in (explored(answer, THREE) for _ in range(200))}
    assert seen == {("left", 0.7), ("right", 0.15), ("top", 0.15)}
    assert shelf(answer) == "left"


def test_an_answer_that_is_not_allowed_is_given_as_it_is() -> None:
    assert explored({"shelf": "none"}, THREE) == ({"shelf": "none"}, 1.0)


def test_true_is_not_one() -> None:
    switch = Exploration(epsilon=0.5, output="on", answers=(False, True))
    assert explored({"on": 1}, switch) == ({"on": 1}, 1.0)
    assert {explored({"on": True}, switch)[0]["on"] for _ in range(50)} == {False, True}


def fields(schema: dict[str, Any], *more: str) -> ProgramFields:
    return ProgramFields(
        inputs=(),
        outputs=tuple(Field(name=name, is_text=False, type="", json_schema=schema) for name in ("shelf", *more)),
    )


def test_the_allowed_answers_follow_from_the_type() -> None:
    config = ExploreConfig(epsilon=0.1)
    assert Exploration.of(config, fields({"enum": ["a", "b"], "type": "string"})).answers == ("a", "b")
    assert Exploration.of(config, fields({"type": "boolean"})).answers == (False, True)
    with pytest.raises(ConfigurationError, match=r"nothing to choose from: the type of `shelf`"):
        Exploration.of(config, fields({"type": "string"}))
    with pytest.raises(ConfigurationError, match=r"one output, and the program has `shelf`, `why`"):
        Exploration.of(config, fields({"type": "boolean"}, "why"))


def test_a_loaded_program_explores_with_a_key_and_logs_the_propensity(served: Settings) -> None:
    with mlflow_client(served.tracking_uri) as client:
        keep_exploration(client, "Shelves", Exploration(epsilon=0.5, output="shelf", answers=("left", "right")))
        forget_versions()
        answers = [load_program("Shelves", key="anna")(thing="metal thing") for _ in range(12)]
        for answer in (*answers, load_program("Shelves")(thing="metal thing")):
            log_outcome(trace_id_of(answer), outcome_score=1.0)
        given = [answer.shelf for answer in answers]
        rows = logged_calls(served)
        keyed = [row for row in rows if row["assignment_key"]]
        assert sorted(dict(row["outputs"])["shelf"] for row in keyed) == sorted(given)
        assert {row["propensity"] for row in keyed} == {"0.5"}
        assert [row["propensity"] for row in rows if not row["assignment_key"]] == [None]
        assert set(given) == {"left", "right"}
        keep_exploration(client, "Shelves", None)
        assert exploration_of(client, "Shelves") is None
