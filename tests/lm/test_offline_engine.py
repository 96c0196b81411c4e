"""The engine is judged through DSPy, as programs use it."""

from typing import Literal

import dspy
import pytest

from teleprompt.config.settings import LMConfig
from teleprompt.lm.build import build_lm


class Triage(dspy.Signature):
    """Choose the queue.

    billing: invoice refund charge
    technical: crash error login
    """

    ticket: str = dspy.InputField()
    queue: Literal["billing", "technical"] = dspy.OutputField()


class Draft(dspy.Signature):
    """Write an e-mail."""

    recipient: str = dspy.InputField()
    subject: str = dspy.InputField()
    body: str = dspy.OutputField()


DEMOS = [
    dspy.Example(ticket="the purple gadget hums", queue="technical"),
    dspy.Example(ticket="a green paper came twice", queue="billing"),
]


def ask(program, *, temperature: float = 0.0, adapter: dspy.Adapter | None = None, **inputs):
    with dspy.context(lm=build_lm(LMConfig(temperature=temperature)), adapter=adapter):
        return program(**inputs)


@pytest.mark.parametrize("adapter", [dspy.ChatAdapter(), dspy.JSONAdapter()])
@pytest.mark.parametrize("module", [dspy.Predict, dspy.ChainOfThought])
def test_cue_words_of_the_instruction_decide_without_demos(module, adapter) -> None:
    assert ask(module(Triage), adapter=adapter, ticket="I want a refund").queue == "billing"
    assert ask(module(Triage), adapter=adapter, ticket="error at login").queue == "technical"


@pytest.mark.parametrize("adapter", [dspy.ChatAdapter(), dspy.JSONAdapter()])
def test_it_learns_from_demonstrations_what_the_instruction_does_not_say(adapter) -> None:
    program = dspy.Predict(Triage)
    program.demos = DEMOS
    assert ask(program, adapter=adapter, ticket="my gadget hums").queue == "technical"
    assert ask(program, adapter=adapter, ticket="a paper came").queue == "billing"


def test_a_text_follows_the_nearest_demonstration_with_the_present_names() -> None:
    program = dspy.Predict(Draft)
    program.demos = [
        dspy.Example(recipient="Ann", subject="the audit", body="Hi Ann, is the audit on?"),
        dspy.Example(recipient="Bo", subject="a party with cake", body="Dear Bo, come to a party with cake."),
    ]
    assert ask(program, recipient="Cy", subject="the new audit").body == "Hi Cy, is the new audit on?"


def test_it_is_a_function_of_the_request() -> None:
    program = dspy.Predict(Draft)
    hot = {ask(program, temperature=1.0, recipient="Ann", subject=f"topic {i}").body.split()[0] for i in range(20)}
    assert len(hot) > 1
    assert (
        ask(program, temperature=1.0, recipient="Ann", subject="x").body
        == ask(program, temperature=1.0, recipient="Ann", subject="x").body
    )


def test_usage_is_reported_and_a_saved_lm_loads_again() -> None:
    with dspy.context(lm=build_lm(LMConfig()), track_usage=True):
        usage = dspy.Predict(Triage)(ticket="refund").get_lm_usage()
    (counts,) = usage.values()
    assert counts["total_tokens"] == counts["prompt_tokens"] + counts["completion_tokens"] > 0
    state = build_lm(LMConfig()).dump_state()
    assert dspy.LM.load_state(state, allow_custom_lm_class=True).model == "offline/nearest-demo"
