"""The same data, configuration and answers give the same candidates and the same selection, whoever compiles what."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from teleprompt.config.optimization import OptimizationConfig
from teleprompt.optimize._child import compile_in_child
from tests.optimize.bench import Bench

RANDOM = OptimizationConfig(strategy="bootstrap_fewshot_random", num_candidates=1)


@pytest.mark.slow
def test_one_worker_or_several_in_any_order(bench: Bench) -> None:
    def compiled(seed: int):
        return compile_in_child(bench.job(RANDOM, seed=seed, checkpoint=f"checkpoints/workers/{seed}"))

    one = [bench.compile(seed, RANDOM) for seed in RANDOM.seeds]
    with ThreadPoolExecutor(2) as pool:
        several = list(pool.map(compiled, reversed(RANDOM.seeds)))[::-1]
    assert [c.state.digest for c in several] == [c.state.digest for c in one]
    first, second = bench.select(one), bench.select(several)
    assert first.state == second.state
    assert (first.scores, first.rungs) == (second.scores, second.rungs)
