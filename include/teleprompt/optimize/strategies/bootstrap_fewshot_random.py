"""DSPy's BootstrapFewShotWithRandomSearch, one seed at a time.

Its seeds are -3 (no demonstrations), -2 (labelled only), -1 (unshuffled) and 0…N-1 (shuffled). Restricted to
one seed it compiles exactly the program that the whole search would have compiled for it.
"""

from collections.abc import Sequence
from typing import Any

from include.teleprompt.config.optimization import OptimizationConfig
from include.teleprompt.evaluate.metrics import Metric
from include.teleprompt.optimize.strategies.strategy import Strategy


def _compile(student: Any, trainset: Sequence[Any], metric: Metric, config: OptimizationConfig, seed: int) -> Any:
    from dspy.teleprompt import BootstrapFewShotWithRandomSearch

    optimizer = BootstrapFewShotWithRandomSearch(
        metric=metric,
        metric_threshold=config.min_quality_score,
        max_bootstrapped_demos=config.max_bootstrapped_demos,
        max_labeled_demos=config.max_labeled_demos,
        max_rounds=config.optimization_rounds,
        num_candidate_programs=config.num_candidates,
        num_threads=1,
    )
    # It scores what it compiles; selection does that on examples of its own, so one is enough here.
    examples = list(trainset)
    return optimizer.compile(student, trainset=examples, valset=examples[:1], restrict=[seed])


STRATEGY = Strategy(abbreviation="bfsrs", seeds=lambda config: range(-3, config.num_candidates), compile=_compile)
