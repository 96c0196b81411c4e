"""Demonstrations that are chosen at each call, and programs that vote."""

import asyncio
import enum
import inspect
import json
from datetime import UTC, datetime
from typing import Any

import dspy
import pytest

from teleprompt.program.prompt import Prompt
from teleprompt.program.state import dump_state, first_member, load_state, predictor_states, showing_all
from teleprompt.strategies.composition import ensemble, nearest, other_members, show_nearest


class Triage(dspy.Module):
    """Two steps, so that states have names."""

    def __init__(self) -> None:
        super().__init__()
        self.read = dspy.ChainOfThought("mail -> topic")
        self.route = dspy.Predict("mail, topic -> queue, urgency: int")

    def forward(self, mail: str) -> dspy.Prediction:
        return self.route(mail=mail, topic=self.read(mail=mail).topic)


class Says(dspy.Module):
    """Answers what it was told to."""

    def __init__(self, **answer: object) -> None:
        super().__init__()
        self.answer = answer
        self.step = dspy.Predict("q -> a")

    def forward(self, q: str) -> dspy.Prediction:
        return dspy.Prediction(**self.answer)

    async def aforward(self, q: str) -> dspy.Prediction:
        return dspy.Prediction(**self.answer)


class Seen(dspy.BaseLM):
    """Keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(model="seen")
        self.prompts: list[str] = []

    def forward(self, prompt: Any = None, messages: Any = None, **kwargs: Any) -> Any:
        self.prompts.append("\n".join(message["content"] for message in messages))
        text = "[[ ## a ## ]]\nyes\n\n[[ ## completed ## ]]"
        return {"choices": [{"message": {"content": text}, "finish_reason": "stop"}], "usage": {}, "model": "seen"}


DEMOS = [
    {"q": "the printer on floor two is out of paper", "a": "office"},
    {"q": "my invoice shows the wrong sum", "a": "billing"},
    {"q": "the invoice of May is missing a discount", "a": "billing"},
    {"q": "the coffee machine leaks", "a": "office"},
]


def test_the_demonstrations_that_share_most_words_are_shown_the_closest_last() -> None:
    close = nearest({"q": "A discount is missing on my invoice!"}, DEMOS, ["q"], count=2)
    assert close == [DEMOS[1], DEMOS[2]]


def test_of_equally_close_ones_the_first_are_shown() -> None:
    assert nearest({"q": "entirely different"}, DEMOS, ["q"], count=2) == [DEMOS[1], DEMOS[0]]


def test_inputs_of_any_type_can_be_compared() -> None:
    demos = [{"q": {"city": "Kyoto"}, "n": 3}, {"q": {"city": "Lima"}, "n": 4}]
    assert nearest({"q": {"city": "Lima"}, "n": 3}, demos, ["q"], count=1) == [demos[1]]


def asked(program: Any, q: str) -> str:
    lm = Seen()
    with dspy.context(lm=lm, adapter=dspy.ChatAdapter()):
        program(q=q)
    return lm.prompts[-1]


def test_a_state_keeps_the_choice_and_a_loaded_program_makes_it() -> None:
    program = dspy.Predict("q -> a")
    program.demos = list(DEMOS)
    show_nearest(program, 1)
    loaded = load_state(dspy.Predict("q -> a"), dump_state(program))
    for each in (program, loaded, loaded.deepcopy()):
        prompt = asked(each, "an invoice without its discount")
        assert "discount" in prompt
        assert "coffee" not in prompt
    assert dump_state(loaded) == dump_state(program)
    assert type(loaded).__name__ == "Predict"


def test_the_length_of_a_prompt_counts_what_a_call_shows() -> None:
    program = dspy.Predict("q -> a")
    program.demos = list(DEMOS)
    everything = Prompt.of_state(dump_state(program)).characters
    show_nearest(program, 1)
    assert Prompt.of_state(dump_state(program)).characters == everything - sum(
        len(demo["q"]) + len(demo["a"]) for demo in (DEMOS[0], DEMOS[1], DEMOS[3])
    )


def voting(*answers: dict[str, object], fields: tuple[str, ...] = ("a",)) -> Any:
    first, *others = (Says(**answer) for answer in answers)
    return ensemble(first, others, fields=fields)


def test_the_answer_that_most_members_share_counts() -> None:
    assert voting({"a": "no"}, {"a": "Yes"}, {"a": "yes "})(q="?").a == "Yes"
    assert voting({"a": 1}, {"a": 2}, {"a": 2})(q="?").a == 2
    assert voting({"a": "one"}, {"a": "two"})(q="?").a == "one"


def test_reasoning_that_nobody_shares_does_not_count_against_an_answer() -> None:
    answers = [{"a": a, "reasoning": f"because {i}"} for i, a in enumerate(("x", "y", "y"))]
    assert voting(*answers, fields=("reasoning", "a"))(q="?").reasoning == "because 1"


def test_it_votes_when_it_is_awaited_too() -> None:
    assert asyncio.run(voting({"a": "x"}, {"a": "y"}, {"a": "y"}).acall(q="?")).a == "y"


def test_it_has_the_name_and_the_arguments_of_its_members() -> None:
    program = voting({"a": "x"}, {"a": "y"})
    assert type(program).__name__ == "Says"
    assert list(inspect.signature(program.forward).parameters) == ["q"]


@pytest.mark.parametrize("build", [Triage, lambda: dspy.ChainOfThought("q -> a"), lambda: dspy.Predict("q -> a")])
def test_an_ensembles_state_holds_all_members(build: Any) -> None:
    members = [build() for _ in range(3)]
    for number, member in enumerate(members):
        for predictor in member.predictors():
            predictor.demos = [{name: f"{name} of {number}" for name in predictor.signature.fields}]
    own = [dump_state(member) for member in members]
    state = dump_state(ensemble(members[0], members[1:], fields=["a"]))
    loaded = load_state(build(), state)
    assert dump_state(loaded) == state
    assert [dump_state(other) for other in other_members(loaded)[0]] == own[1:]
    assert first_member(state) == own[0]
    assert len(list(predictor_states(state))) == 3 * len(members[0].predictors())
    assert Prompt.of_state(state).demos == Prompt.of_state(own[0]).demos * 3


def test_members_are_no_predictors_of_the_first() -> None:
    program = ensemble(Triage(), [Triage()], fields=["queue"])
    assert [name for name, _ in program.named_predictors()] == [name for name, _ in Triage().named_predictors()]


def test_the_members_keep_models_of_their_own() -> None:
    model = Seen()

    def build() -> dspy.Predict:
        program = dspy.Predict("q -> a")
        program.lm = model
        return program

    loaded = load_state(build(), dump_state(ensemble(build(), [build()], fields=["a"])))
    loaded(q="?")
    assert len(model.prompts) == 2


def test_a_state_names_the_first_members_predictors() -> None:
    state = json.loads(dump_state(ensemble(Triage(), [Triage()], fields=["queue"])))
    assert set(state) == {"read.predict", "route", "<ensemble>"}


def test_a_predictor_may_have_any_name() -> None:
    class Named(dspy.Module):
        def __init__(self) -> None:
            super().__init__()
            self.ensemble = dspy.Predict("q -> a")

    state = dump_state(Named())
    assert first_member(state) == state == dump_state(load_state(Named(), state))
    assert [name for name, _ in predictor_states(state)] == ["ensemble"]


class Counted(dspy.Module):
    """Counts its runs; awaited, it runs as it does otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.step = dspy.Predict("q -> a")
        self.runs: list[str] = []

    def forward(self, q: str, depth: int = 0) -> dspy.Prediction:
        self.runs.append(q)
        return self.forward(q, depth + 1) if depth < 1 else dspy.Prediction(a="x")

    async def aforward(self, q: str) -> dspy.Prediction:
        return self.forward(q)


def test_each_member_answers_once_however_it_calls_itself() -> None:
    members = [Counted() for _ in range(3)]
    program = ensemble(members[0], members[1:], fields=["a"])
    program(q="?")
    asyncio.run(program.acall(q="?"))
    assert [len(member.runs) for member in members] == [4, 4, 4]


class Priority(enum.Enum):
    HIGH = "1"
    LOW = "2"


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        (Priority.LOW, "2"),
        (datetime(2026, 5, 1, tzinfo=UTC), "2026-05-01T00:00:00Z"),
        ({"a", "b"}, ["a", "b"]),
        (2.0, 2),
    ],
)
def test_a_value_is_as_close_typed_as_it_is_written(typed: Any, written: Any) -> None:
    others = [{"q": f"other {number}"} for number in range(3)]
    for asked in (typed, written):
        for held in (typed, written):
            assert nearest({"q": asked}, [*others, {"q": held}], ["q"], count=1) == [{"q": held}]


@pytest.mark.parametrize(
    ("one", "same"), [({1: "a", "b": 2}, {1: "a", "b": 2}), ({"x", "y", "z"}, {"z", "y", "x"}), (1, 1.0)]
)
def test_equal_values_of_any_type_are_one_vote(one: Any, same: Any) -> None:
    assert voting({"a": "else"}, {"a": one}, {"a": same})(q="?").a == one


def test_a_model_set_on_an_ensemble_is_all_members() -> None:
    program, model = ensemble(dspy.Predict("q -> a"), [dspy.Predict("q -> a")], fields=["a"]), Seen()
    program.set_lm(model)
    program(q="?")
    assert len(model.prompts) == 2


class Shop(dspy.Predict):
    """A predictor with arguments of its own."""

    def forward(self, q: str) -> Any:
        return super().forward(q=q)


def test_the_choice_is_made_for_a_predictor_with_arguments_of_its_own() -> None:
    program = Shop("q -> a")
    program.demos = list(DEMOS)
    show_nearest(program, 1)
    assert "coffee" not in asked(program, "my invoice")
    assert show_all(program) == 4


def show_all(program: Any) -> int:
    everything = json.loads(showing_all(dump_state(program)))
    assert "nearest_demos" not in everything
    return len(everything["demos"])
