"""A program is compared on the fields that its own calls hold, or not at all."""

from typing import Any

import pytest

from teleprompt.program.fields import DeclaredFields, Field, ProgramFields
from teleprompt.traces._logged_fields import LoggedFields, UnmeasuredFieldsError, completed
from tests.support import FIELDS, raw_table, raw_trace

DECLARED = DeclaredFields(inputs=FIELDS.inputs, outputs=FIELDS.outputs, inner=("context", "reasoning"))


def check(*traces: dict[str, Any], declared: DeclaredFields = DECLARED) -> None:
    logged = LoggedFields()
    for trace in traces:
        logged.add(raw_table([raw_trace(**trace)]))
    logged.check("P", declared.known(), declared)


@pytest.mark.parametrize(
    "trace",
    [
        {},
        {"outputs": {"answer": "yes", "reasoning": "because"}},
        {"outputs": {"answer": {"text": "yes"}}},
        {"outputs": {"answer.text": "yes", "answer.more": "no"}},
        {"inputs": {}, "outputs": {}},
        {"failed": True, "outputs": {"error": "no"}},
        {"outputs": {"answer": "yes", "context": ["a", "b"], "question": "why"}},
        {"inputs": {"question": "why", "customer": "12"}},
    ],
    ids=["same", "reasoning", "nested", "nested in a run", "not read", "failed", "inner", "more inputs"],
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


def test_calls_by_place_are_named_and_not_lost() -> None:
    optional = DECLARED.model_copy(update={"inputs": (FIELDS.inputs[0].model_copy(update={"required": False}),)})
    with pytest.raises(UnmeasuredFieldsError, match="inputs `args`, but"):
        check({"inputs": {"args": ["why"]}}, declared=optional)


def test_a_few_calls_of_another_version_hinder_nothing() -> None:
    check({}, {}, {"trace_id": "old", "outputs": {"answer": "yes", "explanation": "because"}})


def test_what_the_program_file_states_is_compared_whatever_else_calls_hold() -> None:
    stated = DECLARED.model_copy(update={"outputs_stated": True})
    check({"outputs": {"answer": "yes", "sentiment": "angry"}}, declared=stated)


OPEN = DeclaredFields(
    inputs=(),
    outputs=(),
    inputs_open=True,
    outputs_open=True,
    others=(Field(name="grade", is_text=False, type="float", json_schema={"type": "number"}),),
    inner=("context", "reasoning"),
)


def told(*traces: dict[str, Any], declared: DeclaredFields = OPEN) -> ProgramFields:
    tables = [raw_table([raw_trace(**trace)]) for trace in traces]
    fields, all_tables = completed(iter(tables), declared, program="P")
    assert [table.to_pylist() for table in all_tables] == [table.to_pylist() for table in tables]
    return fields


def test_what_the_code_leaves_open_its_calls_tell() -> None:
    fields = told({"outputs": {"grade": 1.0, "notes": ["a"], "reasoning": "so", "context": "x", "question": "why"}})
    assert [(field.name, field.type, field.required) for field in fields.inputs] == [("question", "Any", True)]
    assert [(field.name, field.type) for field in fields.outputs] == [("grade", "float"), ("notes", "Any")]


def test_the_reasoning_is_the_answer_where_there_is_no_other() -> None:
    assert [field.name for field in told({"outputs": {"reasoning": "so"}}).outputs] == ["reasoning"]


def test_a_window_without_calls_tells_nothing_and_is_no_error() -> None:
    assert [field.name for field in told().outputs] == ["output"]
