"""What a strategy is: which seeds it has, and how one seed becomes a candidate."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from include.teleprompt.config.optimization import OptimizationConfig
from include.teleprompt.evaluate.metrics import Metric

Compile = Callable[[Any, Sequence[Any], Metric, OptimizationConfig, int], Any]
"""`compile(student, trainset, metric, config, seed)` gives a compiled `dspy.Module`."""


@dataclass(frozen=True)
class Strategy:
    """An optimizer that can be run seed by seed, each on a worker of its own."""

    abbreviation: str
    """Stands in version ids: `1.0.0-opt-<abbreviation>-20240115120000`."""
    seeds: Callable[[OptimizationConfig], Sequence[int]]
    compile: Compile
