"""What a version tells its model, what changes in it, and what of it was copied."""

import dspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teleprompt.program.prompt import PASSAGE, Prompt, copied_characters
from teleprompt.program.prompt_diff import diff_in_markdown, diff_in_text, diff_prompts
from teleprompt.program.state import dump_state


class Pair(dspy.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = dspy.ChainOfThought("question -> topic")
        self.second = dspy.Predict("topic -> answer")


def prompt_of(program: dspy.Module) -> Prompt:
    return Prompt.of_state(dump_state(program))


def taught(**demo: object) -> dspy.Predict:
    program = dspy.Predict("question -> answer")
    program.demos = [dspy.Example(**demo)]
    return program


def test_every_predictor_is_read_by_its_place() -> None:
    found = prompt_of(Pair())
    assert [predictor.name for predictor in found.predictors] == ["first.predict", "second"]
    assert found.predictors[1].instructions == "Given the fields `topic`, produce the fields `answer`."
    assert prompt_of(dspy.Predict("question -> answer")).predictors[0].name == "self"


def test_the_same_prompt_changes_nothing() -> None:
    diff = diff_prompts(prompt_of(Pair()), prompt_of(Pair()))
    assert diff.changed == ()
    assert next(diff_in_text(diff)) == "The prompts are the same."


def test_what_changes_is_told_word_by_word_and_demonstration_by_demonstration() -> None:
    before, after = taught(question="why", answer="so"), taught(question="how", answer="thus", augmented=True)
    after.signature = after.signature.with_instructions("Given the fields `question`, answer in one word.")
    assert list(diff_in_text(diff_prompts(prompt_of(before), prompt_of(after)))) == [
        "self",
        "  instructions",
        "    Given the fields `question`,",
        "  - produce the fields `answer`.",
        "  + answer in one word.",
        "  demonstrations removed",
        "  - 1. answer: so",
        "  -    question: why",
        "  demonstrations added",
        "  + 1. answer: thus",
        "  +    question: how",
        "100 -> 93 characters, 1 -> 1 demonstrations",
    ]


def test_the_order_and_the_number_of_demonstrations_are_part_of_the_prompt() -> None:
    one, two = dspy.Example(question="a", answer="1"), dspy.Example(question="b", answer="2")

    def diff(before: list[dspy.Example], after: list[dspy.Example]) -> str:
        prompts = []
        for demos in (before, after):
            program = dspy.Predict("question -> answer")
            program.demos = demos
            prompts.append(prompt_of(program))
        return "\n".join(diff_in_text(diff_prompts(*prompts)))

    assert "2 stay, in another order" in diff([one, two], [two, one])
    assert "demonstrations removed" in diff([one, one], [one])


def test_a_field_that_changes_shows_in_markdown_too() -> None:
    before = dspy.Predict("question -> answer")
    after = dspy.Predict(before.signature.with_updated_fields("answer", desc="one word"))
    assert "+ Answer: one word" in diff_in_markdown(diff_prompts(prompt_of(before), prompt_of(after)))


def test_a_predictor_that_comes_or_goes_is_all_new_or_gone() -> None:
    diff = diff_prompts(prompt_of(dspy.Predict("topic -> answer")), prompt_of(Pair()))
    assert {predictor.name for predictor in diff.changed} == {"self", "first.predict", "second"}


TICKET = "My parcel has been lying at the depot since Monday and nobody there answers the phone."


@pytest.mark.parametrize(
    ("instructions", "copied"),
    [
        ("Answer the customer.", 0),
        (f"Answer the customer. For example: {TICKET}", len(TICKET)),
        (f"{TICKET.upper()}\n\n{TICKET.replace(' ', '  ')}", 2 * len(TICKET)),
        (f"Like this: {TICKET[20:70]}!", 50),
        (TICKET[: PASSAGE - 1], 0),
        ("-" * 5000, 0),
    ],
)
def test_what_was_copied_from_training_texts_is_counted(instructions: str, copied: int) -> None:
    assert copied_characters(instructions, ["short", TICKET]) == copied


def test_a_long_row_of_dashes_takes_no_time() -> None:
    assert copied_characters("-" * 5000, ["-" * 5000]) == 5000


def test_what_stood_there_before_was_not_copied() -> None:
    assert copied_characters(f"Be kind. {TICKET}", [TICKET], instead_of=TICKET) == 0


@given(st.text(max_size=60), st.text(min_size=PASSAGE, max_size=120), st.text(max_size=60))
def test_a_passage_is_found_wherever_it_begins(left: str, passage: str, right: str) -> None:
    plain = " ".join(passage.casefold().split())
    found = copied_characters(f"A {plain} Z", [f"{left} {plain} {right}"])
    assert found >= len(plain) if len(plain) >= PASSAGE else found >= 0
