"""A program is compared on the fields that its own calls hold, or not at all."""

from typing import Any

import pytest

from teleprompt.program.fields import Field, ProgramFields
from teleprompt.traces._logged_fields import LoggedFields, UnmeasuredFieldsError
from tests.support import raw_table, raw_trace

FIELDS = ProgramFields(
    inputs=(Field(name="question", is_text=True, is_categorical=False),),
    outputs=(Field(name="answer", is_text=True, is_categorical=False),),
)


def check(*traces: dict[str, Any]) -> None:
    logged = LoggedFields()
    for trace in traces:
        logged.add(raw_table([raw_trace(**trace)]))
    logged.check("P", FIELDS)


@pytest.mark.parametrize(
    "trace",
    [
        {},
        {"outputs": {"answer": "yes", "reasoning": "because"}},
        {"outputs": {"answer": {"text": "yes"}}},
        {"outputs": {"answer.text": "yes", "answer.more": "no"}},
        {"inputs": {}, "outputs": {}},
        {"failed": True, "outputs": {"error": "no"}},
    ],
    ids=["same", "reasoning", "nested", "nested in a run", "not read", "failed"],
)
def test_the_fields_of_the_signature_are_compared(trace: dict[str, Any]) -> None:
    check(trace)


def test_nothing_was_logged() -> None:
    check()


@pytest.mark.parametrize("source", ["runs", "traces"])
def test_an_answer_that_forward_collects_from_several_predictors_is_not_compared_in_part(source: str) -> None:
    collected = {"urgency": "high", "sentiment": "angry", "answer": "refund"}
    with pytest.raises(UnmeasuredFieldsError, match=r"outputs `answer`, `sentiment`, `urgency`, but .* `answer`, so"):
        check({"source": source, "outputs": collected})


def test_an_input_that_the_signature_does_not_know_is_not_left_out() -> None:
    with pytest.raises(UnmeasuredFieldsError, match="inputs `text`, but"):
        check({"inputs": {"text": "why"}})


def test_a_few_calls_of_another_version_hinder_nothing() -> None:
    check({}, {}, {"trace_id": "old", "outputs": {"answer": "yes", "explanation": "because"}})
