"""The parameters of an optimizer, as MLflow shows them."""

import json
from typing import Any

from teleprompt.config.optimization import OptimizationConfig

MOST_CHARACTERS = 6000
"""Of a run's parameter, in MLflow."""


def optimizer_parameters(config: OptimizationConfig) -> dict[str, str]:
    """Each setting of the optimisation by its name in the program file; `budget.max_calls` for one in a section."""
    return {name: str(value)[:MOST_CHARACTERS] for name, value in _flat(config.model_dump(mode="json")).items()}


def optimizer_json(config: OptimizationConfig) -> str:
    """The strategy with its own options, as JSON."""
    return json.dumps({"strategy": config.strategy.value, **config.options.model_dump(mode="json")}, sort_keys=True)


def _flat(section: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in section.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{name}.")
        elif value is not None:
            found[prefix + name] = value
    return found
