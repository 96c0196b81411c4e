"""How often the gate is wrong, over 2,000 simulated comparisons of each kind; `bench/deltaone.py` prints the table.

Where chance decides, the bounds are wide enough that a right gate fails once in a thousand runs of a scenario; the
seeds are fixed, so a gate that passes goes on passing.
"""

import pytest
from scipy.stats import binom

from bench.deltaone import ALPHA, Scenario, a_year, measure, scenarios

RUNS = 2000
NULLS = [scenario for scenario in scenarios() if scenario.truth == 0]
GAINS = [scenario for scenario in scenarios() if scenario.truth > 0]


def most(share: float, runs: int) -> float:
    """More than this share of so many runs would be a chance of one in a thousand."""
    return float(binom.ppf(0.999, runs, share)) / runs


def least(share: float, runs: int) -> float:
    return float(binom.ppf(0.001, runs, share)) / runs


@pytest.mark.slow
@pytest.mark.parametrize("scenario", NULLS, ids=lambda scenario: scenario.name)
def test_without_a_gain_no_more_is_promoted_than_was_promised(scenario: Scenario) -> None:
    rates = measure(scenario, runs=RUNS)
    assert rates.promoted <= most(ALPHA / 2, RUNS)
    assert rates.covered >= least(1 - ALPHA, RUNS)


@pytest.mark.slow
@pytest.mark.parametrize("scenario", GAINS, ids=lambda scenario: scenario.name)
def test_at_the_computed_size_the_power_is_what_was_computed(scenario: Scenario) -> None:
    rates = measure(scenario, runs=RUNS)
    # The size is computed for an exact test, whose steps cost a little; graded scores need some examples fewer.
    assert least(0.8, RUNS) <= rates.seen <= most(0.88, RUNS)
    assert rates.covered >= least(1 - ALPHA, RUNS)


@pytest.mark.slow
@pytest.mark.parametrize("fresh", [True, False], ids=["fresh examples", "overlapping windows"])
def test_a_year_of_weekly_looks_without_effect_stays_within_alpha(fresh: bool) -> None:
    years = 400
    results = [a_year(seed, fresh=fresh) for seed in range(years)]
    assert sum(gate for gate, _ in results) / years <= most(ALPHA, years)
    assert sum(naive for _, naive in results) / years > 0.3  # what looking every week would have done
