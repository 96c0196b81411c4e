"""What a scenario is."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

Inputs = Mapping[str, str]
Outputs = Mapping[str, str]


@dataclass(frozen=True)
class Scenario:
    """The world around one program: what it is asked, and what comes of its answers."""

    slug: str
    log_as: Literal["runs", "traces"]
    calls_per_week: int
    temperature: float
    """At which production runs the language model; it makes answers vary."""
    ask: Callable[[random.Random], Inputs]
    outcome: Callable[[random.Random, Inputs, Outputs], float]
    """The hidden truth: what came of the answer."""
