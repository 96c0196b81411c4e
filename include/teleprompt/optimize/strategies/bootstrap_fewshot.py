"""DSPy's BootstrapFewShot: demonstrations that the program itself made, filled up with labelled ones."""

from collections.abc import Sequence
from typing import Any

from include.teleprompt.config.optimization import OptimizationConfig
from include.teleprompt.evaluate.metrics import Metric
from include.teleprompt.optimize.strategies.strategy import Strategy


def _compile(student: Any, trainset: Sequence[Any], metric: Metric, config: OptimizationConfig, _seed: int) -> Any:
    from dspy.teleprompt import BootstrapFewShot

    optimizer = BootstrapFewShot(
        metric=metric,
        metric_threshold=config.min_quality_score,
        max_bootstrapped_demos=config.max_bootstrapped_demos,
        max_labeled_demos=config.max_labeled_demos,
        max_rounds=config.optimization_rounds,
    )
    return optimizer.compile(student, trainset=list(trainset))


STRATEGY = Strategy(abbreviation="bfs", seeds=lambda _config: (0,), compile=_compile)
