"""The optimizers a program file can name. A new one is a file here, and a line in `OptimizationStrategy`."""

from enum import StrEnum
from functools import cache
from importlib import import_module
from typing import Any

from teleprompt.strategies.strategy import Strategy


class OptimizationStrategy(StrEnum):
    """The strategies; each lives in the file of its name."""

    LABELED_FEWSHOT = "labeled_fewshot"
    BOOTSTRAP_FEWSHOT = "bootstrap_fewshot"
    BOOTSTRAP_FEWSHOT_RANDOM = "bootstrap_fewshot_random"
    COPRO = "copro"
    MIPRO = "mipro"
    GEPA = "gepa"
    SIMBA = "simba"
    BETTER_TOGETHER = "better_together"
    KNN_FEWSHOT = "knn_fewshot"
    ENSEMBLE = "ensemble"


@cache
def strategy_of(name: OptimizationStrategy) -> Strategy[Any]:
    """The strategy of that name."""
    strategy: Strategy[Any] = import_module(f"{__name__}.{name.value}").STRATEGY
    return strategy
