"""Running a program on a scenario's inputs, and spoiling a few rows as production does."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dev.traffic.contributors import TrafficContributor, draw_contributor
from dev.traffic.scenario import Scenario

BAD_SHARE = 0.02


@dataclass(frozen=True)
class LoggedCall:
    """One call as production would log it."""

    started_at: datetime
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    outcome: float | None
    contributor: TrafficContributor


def simulate(scenario: Scenario, program: Any, lm: Any, *, start: datetime, end: datetime) -> Iterator[LoggedCall]:
    """The calls of `[start, end)`, evenly spaced; the same weeks give the same calls but for their dates."""
    import dspy

    span = end - start
    count = round(scenario.calls_per_week * (span / timedelta(days=7)))
    rng = random.Random(f"{scenario.slug}|{span}")
    with dspy.context(lm=lm):
        for i in range(count):
            inputs = dict(scenario.ask(rng))
            prediction = program(**inputs)
            outputs = {name: value for name, value in prediction.items() if name != "reasoning"}
            call = LoggedCall(
                started_at=start + span * (i + 0.5) / count,
                inputs=inputs,
                outputs=outputs,
                outcome=scenario.outcome(rng, inputs, outputs),
                contributor=draw_contributor(rng),
            )
            yield _spoilt(call, rng) if rng.random() < BAD_SHARE else call


def _spoilt(call: LoggedCall, rng: random.Random) -> LoggedCall:
    """The call as a careless caller would have logged it."""
    from dataclasses import replace

    first = next(iter(call.inputs))
    match rng.randrange(5):
        case 0:
            return replace(call, outcome=None)
        case 1:
            return replace(call, outcome=float("nan"))
        case 2:
            return replace(call, contributor=TrafficContributor("mallory", "0xinvalid"))
        case 3:
            return replace(call, inputs={k: v for k, v in call.inputs.items() if k != first})
        case _:
            nested = {f"{first}.text": call.inputs[first]}
            return replace(call, inputs={k: v for k, v in call.inputs.items() if k != first} | nested)
