"""What contributors' traces are worth, on traffic whose right answers are known."""

from collections.abc import Sequence
from typing import Any

import pytest

from teleprompt.attribution._utility import MAX_GROUP, NearestAnswers, group_shapley, leave_one_out
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


def test_more_than_eight_are_too_many_for_every_coalition() -> None:
    train = [row(f"c{i}", "red apples", "left") for i in range(MAX_GROUP + 1)]
    with pytest.raises(ConfigurationError, match="leave_one_out"):
        values_of(train)


def test_without_a_good_trace_there_is_nothing_to_compare() -> None:
    with pytest.raises(ConfigurationError, match="deduplicated_count"):
        NearestAnswers.of([], SELECT, fields=FIELDS, holder_of=lambda line: line.contributor_id, contributors=["a"])
