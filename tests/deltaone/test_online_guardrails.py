"""Whether a challenger is slower or fails more often than is tolerated: shown, not feared."""

import numpy as np
import pytest

from teleprompt.config.gate import LATENCY, Guardrail
from teleprompt.deltaone.online_guardrails import SHOWN, Measured, OnlineGuardrail, check_online
from tests.deltaone.test_online_calibration import most

SECONDS = Guardrail(metric=LATENCY, tolerance="20%")
FAILURES = Guardrail(metric="failure_rate", tolerance=0.02)


def calls(mean: float, keys: int = 100, per_key: int = 1, seed: int = 0) -> list[Measured]:
    rng = np.random.default_rng(seed)
    own = rng.gamma(4, mean / 4, keys)
    return [(f"{seed} {key}", float(own[key])) for key in range(keys) for _ in range(per_key)]


def test_a_slower_challenger_is_found() -> None:
    found = check_online(SECONDS, calls(1.0), calls(2.0, seed=1))
    assert not found.holds
    assert found.reason.startswith("latency_seconds 0.946 -> 1.89, at most 1.14")


def test_what_is_tolerated_holds() -> None:
    assert check_online(SECONDS, calls(1.0), calls(1.1, seed=1)).holds


def test_calls_of_one_key_are_one() -> None:
    few = check_online(SECONDS, calls(1.0, keys=10, per_key=100), calls(5.0, keys=10, per_key=100, seed=1))
    assert (few.holds, few.keys) == (True, (10, 10))


def test_failures_are_a_rate() -> None:
    never: list[Measured] = [(str(i), 0.0) for i in range(200)]
    often: list[Measured] = [(str(i), float(i % 5 == 0)) for i in range(200)]
    found = check_online(FAILURES, never, often)
    assert (found.holds, found.champion, found.challenger, found.limit) == (False, 0.0, 0.2, 0.02)
    always: list[Measured] = [(None, 1.0)] * 50
    assert not check_online(FAILURES, never, always).holds


@pytest.mark.parametrize("side", [([], calls(1.0)), (calls(1.0), []), ([], [])])
def test_without_calls_nothing_is_broken(side: tuple[list[Measured], list[Measured]]) -> None:
    found = check_online(SECONDS, *side)
    assert found.holds
    assert isinstance(found, OnlineGuardrail)


def test_a_challenger_at_the_limit_is_seldom_blamed() -> None:
    exact = FAILURES.model_copy(update={"tolerance": 0.0})
    checks = [check_online(exact, calls(1.0, seed=2 * i), calls(1.0, seed=2 * i + 1)) for i in range(400)]
    assert sum(not check.holds for check in checks) / 400 <= most(SHOWN, 400)
