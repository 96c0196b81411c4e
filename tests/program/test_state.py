import json
from datetime import date
from enum import Enum

import dspy
import pytest
from pydantic import BaseModel, TypeAdapter

from teleprompt.errors import TelepromptError
from teleprompt.program.state import dump_state, load_state


class TwoSteps(dspy.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = dspy.Predict("question -> hint")
        self.second = dspy.ChainOfThought("question, hint -> answer")


@pytest.mark.parametrize("make", [lambda: dspy.Predict("question -> answer"), TwoSteps])
def test_a_state_round_trips(make) -> None:
    program = make()
    for predictor in program.predictors():
        predictor.demos = [dspy.Example(question="q", hint="h", answer="a", reasoning="r", augmented=True)]
    state = dump_state(program)
    loaded = load_state(make(), state)
    assert dump_state(loaded) == state
    assert all(len(p.demos) == 1 for p in loaded.predictors())


def test_neither_key_nor_lineage_is_stored() -> None:
    program = dspy.Predict("question -> answer")
    program.lm = dspy.LM("openai/gpt-4o-mini", api_key="sk-marked")
    program.demos = [dspy.Example(question="q", answer="a", contributor_id="marked", trace_id="marked")]
    assert b"marked" not in dump_state(program)
    assert json.loads(dump_state(program))["demos"] == [{"answer": "a", "question": "q"}]


def test_loading_leaves_the_program_as_it_was() -> None:
    program = dspy.Predict("question -> answer")
    other = dspy.Predict("question -> answer")
    other.demos = [dspy.Example(question="q", answer="a")]
    load_state(program, dump_state(other))
    assert program.demos == []


def test_a_state_of_another_program_is_refused() -> None:
    with pytest.raises(TelepromptError, match="does not fit TwoSteps"):
        load_state(TwoSteps(), dump_state(dspy.Predict("question -> answer")))


class Level(Enum):
    GOLD = "dark gold"


class Order(BaseModel):
    level: Level
    amount: int
    days: set[date]


def test_demonstrations_hold_values_that_the_signature_accepts() -> None:
    fields = {
        "picture": (dspy.Image, dspy.InputField()),
        "history": (dspy.History, dspy.InputField()),
        "level": (Level, dspy.OutputField()),
        "order": (Order, dspy.OutputField()),
    }
    signature = dspy.make_signature(fields, "Order it.")
    taught = dspy.Predict(signature)
    demo = {
        "picture": dspy.Image(url="data:image/png;base64,iVBORw0KGgo="),
        "history": dspy.History(messages=[{"level": "dark gold"}]),
        "level": Level.GOLD,
        "order": Order(level=Level.GOLD, amount=2**60, days={date(2020, 1, 2)}),
    }
    taught.demos = [dspy.Example(**demo)]
    state = dump_state(taught)
    (stored,) = json.loads(state)["demos"]
    assert TypeAdapter(Level).validate_python(stored["level"]) is Level.GOLD
    assert TypeAdapter(Order).validate_json(json.dumps(stored["order"])) == demo["order"]
    loaded = load_state(dspy.Predict(signature), state)
    assert loaded.demos == [demo]
    assert dump_state(loaded) == state
    adapter = dspy.ChatAdapter()
    inputs = {"picture": demo["picture"], "history": dspy.History(messages=[])}
    assert adapter.format(signature, loaded.demos, inputs) == adapter.format(signature, taught.demos, inputs)


def test_a_model_of_the_programs_own_is_not_written_and_stays() -> None:
    class Engine:
        def complete(self, request: object) -> object:
            raise NotImplementedError

    program = dspy.Predict("question -> answer")
    program.lm = dspy.LM("own/small", engine=Engine(), cache=False)
    state = dump_state(program)
    assert json.loads(state)["lm"] is None
    assert load_state(program, state).lm is program.lm
