"""Choosing among candidates."""

import json
from contextlib import suppress

import pytest

from teleprompt.config.budget import BudgetConfig
from teleprompt.config.optimization import OptimizationConfig, SelectionConfig
from teleprompt.errors import TelepromptError
from teleprompt.evaluate.score import ScoreCache
from teleprompt.lm.meter import Meter
from teleprompt.optimize.candidate import Candidate
from teleprompt.storage.blobs import get_blob, put_blob
from teleprompt.storage.journal import Journal
from tests.optimize.bench import Bench
from tests.optimize.test_compile import RANDOM


def candidates(bench: Bench, *seeds: int) -> list[Candidate]:
    return [bench.compile(seed, RANDOM) for seed in seeds]


def test_selection_prefers_what_learned(bench: Bench) -> None:
    selection = bench.select(candidates(bench, -3, -2, 0))
    scores = {score.seed: score.score_e6 for score in selection.scores}
    assert selection.winner.seed in (-2, 0)
    assert scores[selection.winner.seed] == max(scores.values()) > scores[-3]


def test_of_equals_the_lowest_seed_is_selected(bench: Bench) -> None:
    (candidate,) = candidates(bench, 0)
    twins = [candidate.model_copy(update={"seed": seed}) for seed in (2, 5, 9)]
    assert bench.select(twins).winner.seed == 2


def test_a_program_is_scored_once_however_many_candidates_are_it(bench: Bench) -> None:
    (candidate,) = candidates(bench, 0)
    books: dict[str, ScoreCache] = {}
    meter = Meter()
    twins = [candidate.model_copy(update={"seed": seed}) for seed in range(3)]
    selection = bench.select(twins, meter=meter, cache_of=lambda state: books.setdefault(state, ScoreCache()))
    assert meter.spend.calls == selection.n_select


def test_the_race_asks_for_less_and_can_be_switched_off(bench: Bench) -> None:
    compiled = candidates(bench, -3, -2, -1, 0, 1)
    short = OptimizationConfig(selection=SelectionConfig(first_rung=4))
    whole = OptimizationConfig(selection=SelectionConfig(racing=False))
    raced, full = Meter(), Meter()
    with_race = bench.select(compiled, short, meter=raced)
    without = bench.select(compiled, whole, meter=full)
    assert raced.spend.calls < full.spend.calls
    assert len(without.rungs) == 1
    assert {score.n for score in without.scores} == {without.n_select}
    winner = {score.seed: score.score_e6 for score in without.scores}
    assert winner[with_race.winner.seed] == max(winner.values())


def test_what_is_kept_of_a_killed_selection_is_not_paid_twice(bench: Bench, tmp_path) -> None:
    compiled = candidates(bench, -3, 0, 1)

    def cache(state: str) -> ScoreCache:
        return ScoreCache(Journal(str(tmp_path), f"scores/{state}", fingerprint="a" * 64))

    once = Meter()
    expected = bench.select(compiled, meter=once, cache_of=cache)
    first, second = Meter(BudgetConfig(max_calls=once.spend.calls // 2)), Meter()
    for file in (tmp_path / "scores").iterdir():
        file.unlink()
    with suppress(TelepromptError):
        bench.select(compiled, meter=first, cache_of=cache)
    again = bench.select(compiled, meter=second, cache_of=cache)
    assert first.spend.calls + second.spend.calls == once.spend.calls
    assert (again.winner, again.scores, again.rungs) == (expected.winner, expected.scores, expected.rungs)


def test_a_budget_that_ends_in_the_race_keeps_the_best_so_far_and_says_so(bench: Bench) -> None:
    compiled = candidates(bench, -2, -1, 0)
    config = OptimizationConfig(selection=SelectionConfig(first_rung=4, keep_above=0.01))
    selection = bench.select(compiled, config, meter=Meter(BudgetConfig(max_calls=16)))
    assert selection.cut_short == ("The budget of 16 calls was reached",)
    assert {score.n for score in selection.scores} == {4}
    with pytest.raises(TelepromptError, match=r"budget of 5 calls was reached before .* raise `optimization.budget`"):
        bench.select(compiled, config, meter=Meter(BudgetConfig(max_calls=5)))


def test_a_candidate_that_fails_too_often_is_out_and_never_scored_zero(bench: Bench) -> None:
    """Its demonstration breaks the adapter; the error rate is seen on the first rung."""
    good, bad = candidates(bench, 0, 1)
    state = json.loads(get_blob(bad.state))
    state["signature"]["instructions"] = "x"
    state["demos"] = [{"thing": "a", "shelf": {"nested": 1}}]
    broken = bad.model_copy(
        update={"state": put_blob(bench.storage_uri, "programs", json.dumps(state).encode(), suffix=".json")}
    )
    program, bench.program = bench.program, Fragile(bench.program)
    try:
        selection = bench.select([good, broken])
    finally:
        bench.program = program
    assert selection.winner.seed == 0
    scores = {score.seed: score for score in selection.scores}
    assert "RuntimeError" in scores[1].invalid
    assert scores[1].score_e6 is None


class Fragile:
    """Programs made of it raise when their instructions are `x`."""

    def __init__(self, program) -> None:
        self._program = program

    def deepcopy(self):
        fresh = self._program.reset_copy()
        forward = fresh.forward

        def fragile(**inputs):
            if fresh.signature.instructions == "x":
                raise RuntimeError("fragile")
            return forward(**inputs)

        fresh.forward = fragile
        return fresh

    def predictors(self):
        return self._program.predictors()


def test_without_any_program_the_reasons_are_named(bench: Bench) -> None:
    (candidate,) = candidates(bench, 0)
    gone = candidate.model_copy(update={"state": None, "cut_short": "Optimization timed out after 3 seconds"})
    with pytest.raises(TelepromptError, match="No candidate can be chosen: Optimization timed out after 3 seconds"):
        bench.select([gone])
