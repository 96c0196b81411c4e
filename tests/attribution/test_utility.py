"""What contributors' traces are worth, on traffic whose right answers are known."""

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from teleprompt.attribution._utility import NearestAnswers, group_shapley, leave_one_out
from teleprompt.errors import ConfigurationError
from teleprompt.records import MILLION
from teleprompt.traces.row import TraceRow
from tests.support import FIELDS


def row(contributor: str, question: str, answer: str) -> TraceRow:
    return TraceRow(
        trace_id=f"{contributor} {question}",
        program="P",
        program_version=None,
        started_at_ms=0,
        inputs={"question": question},
        outputs={"answer": answer},
        outcomes={},
        outcome_at_ms=None,
        score_e6=MILLION,
        contributor_id=contributor,
        contributor_address=None,
        group=None,
        source="runs",
    )


SELECT = [
    row("x", "where are red apples", "left"),
    row("x", "where are green pears", "right"),
    row("x", "where are blue plums", "middle"),
]


def values_of(train: list[TraceRow], method: Any = group_shapley, names: Sequence[str] = ()) -> dict[str, int]:
    names = names or sorted({line.contributor_id for line in train})
    answers = NearestAnswers.of(
        train, SELECT, fields=FIELDS, holder_of=lambda line: line.contributor_id, contributors=names
    )
    return {name: value.value_e6 for name, value in method(answers).items()}


APPLES = row("ann", "red apples", "left")
PEARS = row("ben", "green pears", "right")
PLUMS = row("cai", "blue plums", "middle")


@pytest.mark.parametrize("method", [leave_one_out, group_shapley])
def test_each_is_worth_what_only_they_can_answer(method: Any) -> None:
    assert values_of([APPLES, PEARS, PLUMS], method) == {"ann": 333_333, "ben": 333_333, "cai": 333_333}


def test_shapley_values_add_up_to_what_all_are_worth_together() -> None:
    train = [APPLES, PEARS, row("ann", "blue plums", "nowhere"), row("dan", "red apples today", "left")]
    assert sum(values_of(train).values()) == pytest.approx(666_667, abs=2)


def test_a_copy_shares_the_credit_and_leaves_the_original_nothing_to_lose() -> None:
    train = [APPLES, PEARS, PLUMS, row("eve", "red apples", "left")]
    assert values_of(train) == {"ann": 166_667, "ben": 333_333, "cai": 333_333, "eve": 166_667}
    assert values_of(train, leave_one_out) == {"ann": 0, "ben": 333_333, "cai": 333_333, "eve": 0}


def test_wrong_answers_are_worth_less_than_nothing() -> None:
    values = values_of([APPLES, PEARS, PLUMS, row("eve", "where are red apples", "wrong")])
    assert values["eve"] < 0


def test_who_brought_nothing_to_learn_from_is_worth_nothing() -> None:
    assert values_of([APPLES], names=["ann", "gate only"])["gate only"] == 0


@st.composite
def answered(draw: st.DrawFn) -> NearestAnswers:
    """Up to six contributors and four examples; equally near ones, and contributors who answer nothing, included."""
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 6)))
    near = draw(arrays(np.float64, shape, elements=st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1.0])))
    scores = draw(arrays(np.float64, shape, elements=st.integers(0, 10).map(lambda tenths: tenths / 10)))
    return NearestAnswers(near, np.where(near >= 0, scores, 0.0), [f"c{i}" for i in range(shape[1])])


def worth(answers: NearestAnswers, coalition: Sequence[int]) -> float:
    """The mean score of a coalition, each example answered by its nearest member: what the values are defined by."""
    near, scores = answers._similarity[:, coalition], answers._score[:, coalition]
    return float(np.mean([line[n.argmax()] for n, line in zip(near, scores, strict=True)])) if coalition else 0.0


@given(answered())
def test_shapley_values_are_those_of_all_coalitions(answers: NearestAnswers) -> None:
    n = len(answers.contributors)
    for own, name in enumerate(answers.contributors):
        others = [i for i in range(n) if i != own]
        expected = sum(
            (worth(answers, sorted((*s, own))) - worth(answers, s)) / (n * math.comb(n - 1, len(s)))
            for size in range(n)
            for s in combinations(others, size)
        )
        assert group_shapley(answers)[name].value_e6 == pytest.approx(expected * MILLION, abs=1)


@given(answered())
def test_what_is_lost_without_one_is_what_the_others_lack(answers: NearestAnswers) -> None:
    everyone = range(len(answers.contributors))
    for own, value in enumerate(leave_one_out(answers).values()):
        lost = worth(answers, list(everyone)) - worth(answers, [i for i in everyone if i != own])
        assert value.value_e6 == pytest.approx(lost * MILLION, abs=1)


def test_a_thousand_contributors_are_valued_exactly() -> None:
    rng = np.random.default_rng(7)
    near, scores = rng.random((50, 1000)), rng.random((50, 1000))
    values = group_shapley(NearestAnswers(near, scores, [f"c{i}" for i in range(1000)]))
    together = scores[np.arange(50), near.argmax(axis=1)].mean()
    assert sum(value.value_e6 for value in values.values()) == pytest.approx(together * MILLION, abs=500)


def test_without_a_good_trace_there_is_nothing_to_compare() -> None:
    with pytest.raises(ConfigurationError, match="deduplicated_count"):
        NearestAnswers.of([], SELECT, fields=FIELDS, holder_of=lambda line: line.contributor_id, contributors=["a"])
