"""How often a trial is wrong: exactly where all years can be counted, else over simulated ones with fixed seeds.

Where chance decides, the bounds are wide enough that a right trial fails once in a thousand runs.
"""

import math
from collections import defaultdict

import numpy as np
import pytest
from scipy.stats import binom, multinomial

from bench.trial_worlds import binary
from bench.trials import POLICY, World, a_trial, measure, no_effect, traps
from teleprompt.deltaone.betting import BETS, CELLS, LEAST_BET, MOST_BET, log_e
from teleprompt.deltaone.first_look import p_value_of_no_gain

BET = LEAST_BET * (MOST_BET / LEAST_BET) ** (np.arange(BETS) / (BETS - 1))


def most(share: float, runs: int) -> float:
    """More than this share of so many runs would be a chance of one in a thousand."""
    return float(binom.ppf(0.999, runs, share)) / runs


def shown(wins: int, losses: int, pairs: int, *, opening: bool) -> bool:
    """Whether the evidence suffices, by a test or the other."""
    weights = [0.0] * CELLS
    weights[0], weights[-1] = losses, wins
    sure = p_value_of_no_gain(wins=wins, losses=losses, pairs=pairs) <= POLICY.first_error if opening else False
    return sure or log_e(weights, null_e6=0) >= POLICY.boundary


def week(pairs: int, differ: float) -> dict[tuple[int, int], float]:
    """Probability of each number of wins and losses, without a gain."""
    shares = [differ / 2, differ / 2, 1 - differ]
    return {
        (wins, losses): float(multinomial.pmf([wins, losses, pairs - wins - losses], pairs, shares))
        for wins in range(pairs + 1)
        for losses in range(pairs + 1 - wins)
    }


@pytest.mark.parametrize("differ", [0.05, 0.2, 0.5, 1.0])
def test_of_all_years_without_a_gain_no_more_are_promoted_than_was_promised(differ: float) -> None:
    """An opening window of 40 pairs, twenty of four: every year there can be, with its probability."""
    small = week(4, differ)
    open_trials = {found: chance for found, chance in week(40, differ).items() if not shown(*found, 40, opening=True)}
    promoted = 1 - sum(open_trials.values())
    known: dict[tuple[int, int], bool] = {}
    for _ in range(20):
        after: dict[tuple[int, int], float] = defaultdict(float)
        for (wins, losses), chance in open_trials.items():
            for (more_wins, more_losses), of_week in small.items():
                after[wins + more_wins, losses + more_losses] += chance * of_week
        for found in list(after):
            if found not in known:
                known[found] = shown(*found, 120, opening=False)
            if known[found]:
                promoted += after.pop(found)
        open_trials = after
    assert math.isclose(promoted + sum(open_trials.values()), 1)
    assert 0 < promoted <= 0.025


def test_the_exact_test_of_the_opening_window_errs_no_more_than_its_share() -> None:
    for differ in (0.05, 0.1, 0.2, 0.5, 1.0):
        errs = sum(
            chance
            for (wins, losses), chance in week(40, differ).items()
            if p_value_of_no_gain(wins=wins, losses=losses, pairs=40) <= POLICY.first_error
        )
        assert errs <= 0.2 * 0.025


@pytest.mark.parametrize("size", [1, 3, 12])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.98])
def test_units_of_any_size_and_skew_keep_the_level(size: int, share: float) -> None:
    """4,000 trials of 30 windows of eight units: the `share` of them gains, the others lose as much."""
    years, windows, units = 4_000, 30, 8
    rng = np.random.default_rng(7)
    loss, gain = (1.0, (1 - share) / share) if share > 0.5 else (share / (1 - share), 1.0)
    log_wealth = np.zeros((years, BETS))
    crossed = np.zeros(years, bool)
    for _ in range(windows):
        # Examples of a unit go its way half of the time, and units that gain are large.
        way = rng.random((years, units, 1)) < share
        won = np.where(rng.random((years, units, size)) < 0.5, way, rng.random((years, units, size)) < share)
        counts = np.arange(size) < np.where(way, size, 1)
        means = (np.where(won, gain, -loss) * counts).sum(2) / counts.sum(2)
        log_wealth += np.log1p(BET * means[:, :, None]).sum(1)
        crossed |= np.log(np.exp(log_wealth).mean(1)) >= POLICY.boundary
    assert crossed.mean() <= most(POLICY.level * (1 - POLICY.first_look_share), years)


@pytest.mark.slow
@pytest.mark.parametrize("world", no_effect(), ids=lambda world: world.name)
def test_without_a_gain_no_more_are_promoted_than_was_promised(world: World) -> None:
    rate = measure(world, a_trial, years=500)
    assert rate.share <= most(POLICY.level, 500)


@pytest.mark.slow
def test_a_gain_is_found_within_the_year() -> None:
    five, three, ten = (
        measure(World("", draw), a_trial, years=300) for draw in (binary(64, 0.05), binary(160, 0.03), binary(64, 0.1))
    )
    assert (five.share, three.share, ten.share) >= (0.95, 0.9, 1.0)
    assert (five.weeks <= 18, three.weeks <= 20, ten.weeks <= 5) == (True, True, True)


def test_five_points_are_found_within_the_year() -> None:
    rate = measure(World("", binary(64, 0.05)), a_trial, years=60)
    assert rate.share >= 0.95
    assert rate.weeks <= 18


def test_what_was_bad_for_long_is_not_promoted_for_a_good_end() -> None:
    world, policy, windows = next(trap for trap in traps() if trap[0].name.startswith("five worse for half a year"))
    rate = measure(world, lambda year: a_trial(year, policy, windows), years=60)
    assert rate.share <= most(POLICY.level, 60)
