"""Racing programs over examples."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teleprompt.lm.meter import CallsStopped
from teleprompt.optimize.racing import chances_to_be_best, race

MILLION = 1_000_000


def table(rows: Sequence[Sequence[int]]):
    asked: list[tuple[int, int]] = []

    def score(program: int, examples: Sequence[int]) -> list[int]:
        asked.extend((program, example) for example in examples)
        return [rows[program][example] * MILLION for example in examples]

    return score, asked


def binary(probabilities: Sequence[float], examples: int, seed: int = 0) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [[int(x) for x in rng.random(examples) < p] for p in probabilities]


def test_the_clearly_best_wins_and_the_clearly_worse_are_scored_on_few() -> None:
    score, asked = table(binary([0.1, 0.9, 0.2, 0.15], 200))
    result = race(4, 200, score, first_rung=12, keep_above=0.05)
    assert result.winner == 1
    assert len(asked) < 200
    assert result.n[0] <= 24
    assert len(set(asked)) == len(asked)


def test_all_are_scored_on_the_same_examples() -> None:
    score, asked = table(binary([0.5] * 3, 64))
    result = race(3, 64, score, first_rung=8, keep_above=0.01)
    by_program = [[e for p, e in asked if p == program] for program in range(3)]
    shortest = min(map(len, by_program))
    assert by_program[0][:shortest] == by_program[1][:shortest] == by_program[2][:shortest]
    assert [rung.examples for rung in result.rungs][:2] == [8, 16]


def test_without_racing_everything_is_scored() -> None:
    score, asked = table(binary([0.1, 0.9], 50))
    result = race(2, 50, score, first_rung=50, keep_above=0.05)
    assert len(asked) == 100
    assert (result.winner, result.n) == (1, (50, 50))


def test_of_equals_the_first_wins() -> None:
    score, _ = table([[1, 0, 1, 1] * 8] * 5)
    assert race(5, 32, score, first_rung=4, keep_above=0.05).winner == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 8))
def test_the_same_scores_give_the_same_race_and_the_winner_leads_those_that_finished(seed: int, programs: int) -> None:
    rows = binary(np.random.default_rng(seed).random(programs), 40, seed)
    first, second = (race(programs, 40, table(rows)[0], first_rung=5, keep_above=0.05, seed=3) for _ in range(2))
    assert first == second
    last = first.rungs[-1].kept
    assert first.means_e6[first.winner] == max(first.means_e6[i] for i in last)


def test_a_limit_keeps_the_leader_of_the_last_whole_rung() -> None:
    score, asked = table(binary([0.4, 0.6, 0.5], 64))

    def limited(program: int, examples: Sequence[int]) -> list[int]:
        if len(asked) + len(examples) > 40:
            raise CallsStopped("enough")
        return score(program, examples)

    result = race(3, 64, limited, first_rung=8, keep_above=0.001)
    assert result.cut_short == "enough"
    assert result.n[result.winner] == result.rungs[-1].examples
    with pytest.raises(CallsStopped):
        race(3, 64, limited, first_rung=32, keep_above=0.001)


def test_the_chances_are_what_they_say() -> None:
    """The best of five whose true means lie close is dropped at a chance below 5 % about that often, and not more."""
    dropped = 0
    for seed in range(200):
        scores = np.array(binary([0.6, 0.55, 0.5, 0.5, 0.45], 48, seed), dtype=float)
        dropped += chances_to_be_best(scores, np.random.default_rng(0))[0] < 0.05
    assert dropped <= 0.05 * 200 + 2 * (0.05 * 0.95 * 200) ** 0.5


def test_equal_programs_share_their_chance() -> None:
    chances = chances_to_be_best(np.array([[1.0, 0, 1, 1]] * 4), np.random.default_rng(0))
    assert all(abs(chance - 0.25) < 0.05 for chance in chances)


def test_alike_so_far_is_no_evidence() -> None:
    """Thirteen programs that agree on the first rung, one of which is better afterwards."""
    rows = [[1] * 12 + [0] * 52 for _ in range(13)]
    rows[7] = [1] * 64
    order = [int(i) for i in np.random.default_rng(0).permutation(64)]
    placed = [[0] * 64 for _ in rows]
    for program, row in enumerate(rows):
        for place, example in enumerate(order):
            placed[program][example] = row[place]
    assert race(13, 64, table(placed)[0], first_rung=12, keep_above=0.03).winner == 7


def test_many_alike_are_not_dropped_for_being_many() -> None:
    score, _ = table([[1, 0] * 32] * 50)
    result = race(50, 64, score, first_rung=12, keep_above=0.03)
    assert len(result.rungs[0].kept) > 40
