"""What of all that was said of a call counts as its outcome."""

from typing import Any

import pytest
from pydantic import ValidationError

from teleprompt.config.outcome import OutcomeConfig
from teleprompt.traces._counting import number_of
from teleprompt.traces.outcomes import resolve
from tests.support import raw_table, raw_trace


def said(value: float | None = None, **more: Any) -> dict[str, Any]:
    return {"name": "ok", "value": value, "at_ms": 1, "kind": "feedback", "source": "HUMAN", **more}


def outcome(*entries: dict[str, Any], **config: Any) -> float | None:
    resolved = resolve(raw_table([raw_trace(outcomes=list(entries))])["outcomes"], OutcomeConfig(metric="ok", **config))
    return resolved.values["ok"].to_pylist()[0]


JUDGE = said(1, source="LLM_JUDGE", rater="gpt", at_ms=2)


def test_people_and_code_count_and_judges_do_not() -> None:
    assert outcome(said(0), JUDGE) == 0
    assert outcome(said(0, source="CODE"), JUDGE) == 0
    assert outcome(JUDGE) is None


def test_a_program_may_count_judges_or_some_raters_only() -> None:
    assert outcome(said(0), JUDGE, sources=["LLM_JUDGE"]) == 1
    assert outcome(said(0, rater="ann"), said(1, rater="bob", at_ms=2), raters=["ann"]) == 0


def test_an_expectation_of_that_name_is_no_outcome() -> None:
    assert outcome(said(0), said(1, kind="expectation", at_ms=2)) == 0
    assert outcome(said(None, kind="expectation", text='{"a":1}')) is None


def test_feedback_on_another_span_counts_only_where_it_is_asked_for() -> None:
    on_step = said(0, span="Retrieve", on_call=False, at_ms=2)
    assert outcome(said(1), on_step) == 1
    assert outcome(said(1), on_step, span="Retrieve") == 0
    assert outcome(said(1, span="Triage"), on_step, span="Triage") == 1


def test_a_runs_metric_counts_whatever_the_sources() -> None:
    assert outcome(said(0.5, kind="metric", source=None), sources=["HUMAN"], raters=["ann"]) == 0.5


@pytest.mark.parametrize(
    ("text", "number"),
    [("yes", 1), (" No ", 0), ("TRUE", 1), ("false", 0), ("pass", 1), ("Fail", 0), ("0.8", 0.8), ("-2e1", -20)],
)
def test_texts_that_everybody_uses_are_known(text: str, number: float) -> None:
    assert outcome(said(None, text=text)) == number


@pytest.mark.parametrize("text", ["maybe", "", "nan", "inf", "1_0", "1e999", '{"a":1}'])
def test_any_other_text_is_no_number(text: str) -> None:
    assert number_of(text, {}) is None
    found = outcome(said(None, text=text))
    assert found is not None
    assert found != found


def test_a_program_says_what_its_own_words_mean() -> None:
    assert number_of("Very  Good", {"very good": 5}) == 5
    assert number_of("no", {"no": 0.25}) == 0.25
    assert outcome(said(None, text="good"), values={"good": 1, "bad": 0}) == 1


def test_what_does_not_count_is_told_apart_from_what_is_missing() -> None:
    table = raw_table([raw_trace(trace_id="a", outcomes=[JUDGE]), raw_trace(trace_id="b", outcomes=[])])
    resolved = resolve(table["outcomes"], OutcomeConfig(metric="ok"))
    assert resolved.uncounted["ok"].to_pylist() == [True, False]
    assert resolved.outcomes.to_pylist() == [[], []]


def test_words_that_yaml_takes_for_something_else_are_words() -> None:
    assert OutcomeConfig(values={True: 1, False: 0.5, 3: 0.2}).values == {
        "true": 1, "yes": 1, "false": 0.5, "no": 0.5, "3": 0.2,
    }  # fmt: skip


@pytest.mark.parametrize(
    "config",
    [
        {"sources": []},
        {"raters": [""]},
        {"span": ""},
        {"values": {"a": float("nan")}},
        {"values": {"Good": 1, "good ": 0}},
    ],
)
def test_what_would_count_nothing_or_contradict_itself_is_refused(config: Any) -> None:
    with pytest.raises(ValidationError):
        OutcomeConfig(**config)
