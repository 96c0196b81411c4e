"""The optimizers a program file can name; a new one is a file here and a line in `STRATEGIES`."""

from include.teleprompt.config.optimization import OptimizationStrategy
from include.teleprompt.optimize.strategies import bootstrap_fewshot, bootstrap_fewshot_random
from include.teleprompt.optimize.strategies.strategy import Strategy

STRATEGIES: dict[OptimizationStrategy, Strategy] = {
    OptimizationStrategy.BOOTSTRAP_FEWSHOT: bootstrap_fewshot.STRATEGY,
    OptimizationStrategy.BOOTSTRAP_FEWSHOT_RANDOM: bootstrap_fewshot_random.STRATEGY,
}
