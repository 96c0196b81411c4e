"""Which span of a trace is the program's call."""

import json
from typing import Any

import pytest

from teleprompt.traces.sources.call_span import CallShape, Span, call_span, named_inputs, named_outputs

TRIAGE = CallShape(inputs=("ticket", "note"), required=frozenset({"ticket"}), outputs=frozenset({"queue"}))


def span(name: str, inputs: Any = None, outputs: Any = None, *, under: str | None = None, at: int = 0) -> Span:
    own = {"mlflow.spanInputs": inputs, "mlflow.spanOutputs": outputs}
    return Span(name, under, name, at, {key: json.dumps(value) for key, value in own.items() if value is not None})


CALL = span("Triage.forward", {"ticket": "lost"}, {"queue": "post"}, under="handler", at=1)
STEP = span("Predict.forward", {"ticket": "lost"}, {"queue": "post"}, under="Triage.forward", at=2)
MODEL = span("LM.__call__", {"prompt": "..."}, ["..."], under="Predict.forward", at=3)


@pytest.mark.parametrize(
    "root",
    [
        span("handler", {"request": {"body": "lost"}}, {"status": 200}),
        span("handler", {"self": "<Service>", "text": "lost"}, "post"),
        span("handler", {"text": "lost"}, ["po", "st"]),
        span("handler"),
        span("handler", {"ticket": "lost"}, 200),
        span("handler", {"messages": [{"role": "user", "content": "lost"}]}, "in words"),
    ],
    ids=["a web handler", "a traced method", "a generator", "one that says nothing", "a status", "a chat"],
)
def test_it_is_the_topmost_that_holds_the_programs_inputs_and_outputs(root: Span) -> None:
    assert call_span([MODEL, STEP, CALL, root], TRIAGE) is CALL


def test_it_is_the_whole_trace_where_that_holds_them() -> None:
    root = span("TicketTriage", {"ticket": "lost", "customer": 7}, {"queue": "post", "ms": 12})
    assert call_span([STEP, root], TRIAGE) is root


def test_of_a_call_that_another_service_began_the_parent_lies_elsewhere() -> None:
    assert call_span([STEP, CALL], TRIAGE) is CALL


def test_of_two_calls_in_one_trace_the_first_counts() -> None:
    second = span("again", {"ticket": "late"}, {"queue": "post"}, under="handler", at=9)
    assert call_span([second, CALL, span("handler")], TRIAGE) is CALL


def test_a_named_span_is_the_call_whatever_it_holds() -> None:
    assert call_span([STEP, CALL, span("handler")], CallShape(span="Predict.forward")) is STEP
    assert call_span([CALL], CallShape(span="elsewhere")) is None


def test_where_no_field_is_known_it_is_the_topmost_that_holds_anything() -> None:
    assert call_span([MODEL, STEP, CALL, span("handler")], CallShape()) is CALL


def test_a_damaged_span_is_not_the_call() -> None:
    damaged = Span("handler", None, "handler", 0, {"mlflow.spanInputs": '{"ticket": "lo'})
    assert call_span([damaged, CALL], TRIAGE) is CALL


@pytest.mark.parametrize(
    ("logged", "inputs"),
    [
        ({"args": ["lost"]}, {"ticket": "lost"}),
        ({"args": ["lost"], "note": "red"}, {"ticket": "lost", "note": "red"}),
        ({"args": ["lost"], "kwargs": {"note": "red"}}, {"ticket": "lost", "note": "red"}),
        ("lost", {"ticket": "lost"}),
        ([{"role": "system", "content": "?"}, {"role": "user", "content": "lost"}], {"ticket": "lost"}),
        (
            {"messages": [{"role": "user", "parts": [{"type": "text", "content": "lost"}]}]},
            {"ticket": "lost"},
        ),
        ({"model": "m", "messages": [{"role": "user", "content": "lost"}]}, {"ticket": "lost"}),
        ({"model": "m", "input": "lost"}, {"ticket": "lost"}),
        ({"model": "m", "input": [{"role": "user", "content": "lost"}]}, {"ticket": "lost"}),
        ([[{"type": "system", "content": "?"}, {"type": "human", "content": "lost"}]], {"ticket": "lost"}),
        (
            {"ticket": "late", "messages": [{"role": "user", "content": "lost"}]},
            {"ticket": "late", "messages": [{"role": "user", "content": "lost"}]},
        ),
        ({"prompt": None, "messages": [{"role": "user", "content": "[[ ## ticket ## ]]"}]}, None),
        ({"messages": [{"role": "system", "content": "?"}]}, None),
        ({"ticket": "lost", "args": "no list"}, {"ticket": "lost", "args": "no list"}),
        (["lost"], ["lost"]),
    ],
)
def test_inputs_get_the_names_of_the_programs_arguments(logged: Any, inputs: Any) -> None:
    assert named_inputs(logged, TRIAGE) == (logged if inputs is None else inputs)


def test_a_program_with_an_input_called_args_keeps_it() -> None:
    assert named_inputs({"args": ["a"]}, CallShape(inputs=("args",), required=frozenset({"args"}))) == {"args": ["a"]}


@pytest.mark.parametrize(
    ("logged", "outputs"),
    [
        ("post", {"queue": "post"}),
        (["post"], {"queue": ["post"]}),
        ([{"role": "assistant", "content": [{"type": "text", "text": "post"}]}], {"queue": "post"}),
        ({"choices": [{"message": {"role": "assistant", "content": "post"}}]}, {"queue": "post"}),
        (
            {
                "output": [
                    {"type": "reasoning", "summary": []},
                    {
                        "type": "message",
                        "role": "assistant",
                        "content": [{"type": "output_text", "text": "post"}],
                    },
                ]
            },
            {"queue": "post"},
        ),
        ({"role": "assistant", "content": [{"type": "text", "text": "post"}], "usage": {}}, {"queue": "post"}),
        ({"generations": [[{"text": "post", "message": {}}]], "llm_output": None}, {"queue": "post"}),
        ({"type": "ai", "content": "post"}, {"queue": "post"}),
        ({"queue": "post", "choices": []}, {"queue": "post", "choices": []}),
        ({"choices": [{"message": {"role": "assistant", "content": None, "tool_calls": [{}]}}]}, None),
        ({"status": 200}, {"status": 200}),
        ({"queue": "post"}, {"queue": "post"}),
        (None, None),
    ],
)
def test_a_value_without_a_name_is_the_only_output(logged: Any, outputs: Any) -> None:
    assert named_outputs(logged, TRIAGE) == (logged if outputs is None else outputs)
    assert named_outputs("post", CallShape(outputs=frozenset({"queue", "why"}))) == "post"


@pytest.mark.parametrize("value", ['{"ticket": "lost"}', json.dumps('{"ticket": "lost"}'), {"ticket": "lost"}])
def test_attributes_of_openinference_are_read(value: Any) -> None:
    assert Span("a", None, "a", 0, {"input.value": value}).inputs == {"ticket": "lost"}
    assert Span("a", None, "a", 0, {"output.value": "in words"}).outputs == "in words"


def test_a_call_without_arguments_is_one_where_none_is_needed() -> None:
    shape = CallShape(inputs=("style",), outputs=frozenset({"queue"}))
    call = span("Triage.forward", {}, {"queue": "post"})
    assert (
        call_span([call, span("Predict.forward", {"style": "plain"}, {"queue": "?"}, under=call.name)], shape) is call
    )


def test_a_span_of_this_trace_goes_before_one_of_another() -> None:
    own = span("own", {"ticket": "a"}, {"queue": "b"}, at=5)
    assert call_span([span("orphan", {"ticket": "a"}, {"queue": "b"}, under="elsewhere", at=1), own], TRIAGE) is own


def test_an_input_called_kwargs_keeps_its_value() -> None:
    shape = CallShape(inputs=("ticket", "kwargs"), required=frozenset({"ticket"}))
    assert named_inputs({"args": ["x"], "kwargs": "K"}, shape) == {"ticket": "x", "kwargs": "K"}
