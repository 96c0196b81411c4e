"""How much less examples tell than independent ones."""

import random

import pytest

from teleprompt.config.split import SplitConfig
from teleprompt.deltaone.scores import ScoredAnswer
from teleprompt.gate.dependence import design_effects, undeclared
from teleprompt.gate.trial_fold import ComparedAnswer
from teleprompt.records import MILLION
from teleprompt.traces.row import TraceRow
from tests.support import WEEK, trace_row

DAY_MS = 86_400_000


def compared(gain: int, number: int) -> ComparedAnswer:
    before, after = (0, gain) if gain >= 0 else (-gain, 0)
    return ComparedAnswer(
        trace_id=str(number),
        unit=str(number),
        baseline=ScoredAnswer(score_e6=before, parts_e6={}),
        optimized=ScoredAnswer(score_e6=after, parts_e6={}),
    )


def world(*, share: float) -> tuple[list[TraceRow], list[ComparedAnswer]]:
    """Forty contributors with twenty calls each, of whose gain this share is their own."""
    rng = random.Random(3)
    rows, answers = [], []
    for person in range(40):
        own = rng.choice([-1, 1])
        for call in range(20):
            gain = own if rng.random() < share else rng.choice([-1, 1])
            number = 20 * person + call
            at = WEEK.start_ms + (number * 7919) % (7 * DAY_MS)
            rows.append(trace_row(trace_id=str(number), contributor_id=f"c{person}", group=None, started_at_ms=at))
            answers.append(compared(gain * MILLION, number))
    return rows, answers


def test_independent_examples_tell_what_they_seem_to() -> None:
    effects = design_effects(*world(share=0.0))
    assert effects.keys() == {"contributor"}  # nobody has a group, and a week has too few days
    assert effects["contributor"] == pytest.approx(1, abs=0.4)
    assert undeclared(effects, SplitConfig()) is None


def test_those_of_people_with_a_gain_of_their_own_tell_less() -> None:
    effects = design_effects(*world(share=0.5))
    assert effects["contributor"] == pytest.approx(1 + 19 * 0.25, rel=0.35)
    said = undeclared(effects, SplitConfig())
    assert said is not None
    assert said.startswith("examples of one contributor resemble each other: ")
    assert said.endswith("add contributor to `split.group_by`")
    assert undeclared(effects, SplitConfig(group_by=("contributor",))) is None


def test_where_all_are_alike_nothing_is_said() -> None:
    rows, _ = world(share=0.0)
    assert design_effects(rows, [compared(0, i) for i in range(len(rows))]) == {}
    assert design_effects([], []) == {}
