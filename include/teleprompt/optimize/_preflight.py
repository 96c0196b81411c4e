"""What can be known before the first call of a language model: a wrong set-up fails in seconds, with its remedy."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from teleprompt.config.budget import BudgetConfig
from teleprompt.config.optimization import OptimizationConfig
from teleprompt.errors import ConfigurationError
from teleprompt.strategies import strategy_of


def check_package(config: OptimizationConfig) -> None:
    """Refuse a strategy whose package is not there.

    Raises:
        ConfigurationError: with the command that installs it.
    """
    package = strategy_of(config.strategy).package
    if package is not None and find_spec(package) is None:
        raise ConfigurationError(
            f"The strategy {config.strategy} needs the package {package}; add it to requirements.txt (`pip install "
            f"{package}`) or choose another strategy."
        )


def check_examples(config: OptimizationConfig, number: int) -> None:
    """Refuse a train part that is too small for the strategy.

    Raises:
        ConfigurationError: with both numbers.
    """
    least = strategy_of(config.strategy).least_examples(config.options)
    if number < least:
        raise ConfigurationError(
            f"The strategy {config.strategy} needs {least} good training examples and there are {number}; collect more "
            "traces, lower `optimization.min_quality_score`, or choose another strategy."
        )


def check_price(config: OptimizationConfig, *, task: Any, prompt: Any, judge: Any) -> None:
    """Refuse a limit in money for models whose price is not known: it could not be kept.

    `prompt` counts if the strategy asks it; `judge` is None where no model judges.

    Raises:
        ConfigurationError: naming the model.
    """
    if config.budget.max_cost_usd is None:
        return
    asked = [task, prompt if strategy_of(config.strategy).uses_prompt_model else None, judge]
    _check_known_prices(asked, "optimization.budget.max_cost_usd")


def check_gate_price(budget: BudgetConfig, *, task: Any, judge: Any) -> None:
    """The same of the comparison's limit.

    Raises:
        ConfigurationError: naming the model.
    """
    if budget.max_cost_usd is not None:
        _check_known_prices([task, judge], "gate.budget.max_cost_usd")


def _check_known_prices(models: Sequence[Any], key: str) -> None:
    from teleprompt.lm.metered import has_price

    for model in models:
        if model is not None and not has_price(model):
            raise ConfigurationError(
                f"The price of {model.model} is not known, so `{key}` cannot be kept; use max_calls or max_tokens."
            )


def check_guardrail_price(model: Any) -> None:
    """Refuse a guardrail on the cost of a model whose price is not known: it could never hold.

    Raises:
        ConfigurationError: naming the model.
    """
    from teleprompt.lm.metered import has_price

    if not has_price(model):
        raise ConfigurationError(
            f"The price of {model.model} is not known, so the guardrail on cost_usd could never hold; guard tokens "
            "instead."
        )
