"""How often `decide_online` is wrong, and how often it finds what is there, over simulated worlds with fixed seeds.

The bounds are wide enough that a right rule fails once in a thousand other seeds. `python -m bench.online` draws more.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from bench.online import POLICY, Rate, daily, measure, once
from bench.online_worlds import World, by_kind, constant, power_law, steps, unhappy_are_silent
from teleprompt.config.production import MissingOutcomes
from teleprompt.production import OnlinePolicy

WORLDS = 200


def most(share: float, worlds: int = WORLDS) -> float:
    """More than this share of so many worlds would be a chance of one in a thousand."""
    return float(binom.ppf(0.999, worlds, share)) / worlds


def never_wrongly(world: World, judge: Callable = once, worlds: int = WORLDS) -> Rate:
    """Neither promoted nor rejected more often than the level allows."""
    rate = measure(world, judge, worlds=worlds)
    assert rate.promotes <= most(POLICY.level, worlds)
    assert rate.rejects <= most(POLICY.level, worlds)
    return rate


@pytest.mark.parametrize(
    "world",
    [
        World("customers", keys=300, calls=10, sd=0.25, weeks=4),
        World("customers with effects of their own", keys=300, calls=10, sd=0.2, effect_sd=0.15, weeks=4),
        World("graded", keys=500, calls=3, sd=0.1, graded=True),
        World("rare", keys=2_000, share=constant(0.1), base=constant(0.01)),
        World("nearly all good", keys=2_000, share=constant(0.1), base=constant(0.99)),
        World("power law", keys=600, calls=power_law, sd=0.25),
        World("few keys", keys=16, calls=20, sd=0.2),
        World("no keys", keys=1_500, keyless=True),
        World("weekends", keys=1_000, calls=2, base=lambda days: 0.5 + 0.2 * (np.floor(days) % 7 >= 5)),
    ],
    ids=lambda world: world.name,
)
def test_without_an_effect_the_level_is_kept(world: World) -> None:
    never_wrongly(world)


@pytest.mark.parametrize("effect", [0.0, -0.03])
@pytest.mark.parametrize("shares", [(0.1, 0.5), (0.5, 0.1)])
def test_a_share_that_changes_while_outcomes_do_promotes_nothing(effect: float, shares: tuple[float, float]) -> None:
    world = World(
        "", keys=2_000, calls=3, share=steps((0, shares[0]), (10, shares[1])), base=steps((0, 0.5), (10, 0.65))
    )
    rate = measure(replace(world, effect=constant(effect)), once, worlds=100)
    assert rate.promotes <= most(POLICY.level, 100)
    assert effect < 0 or rate.rejects <= most(POLICY.level, 100)


def test_a_share_that_rises_daily_or_differs_by_region_promotes_nothing() -> None:
    rises = World("", keys=1_500, calls=3, share=lambda d: 0.05 + 0.45 * np.floor(d) / 21, base=lambda d: 0.4 + d / 100)
    never_wrongly(rises, worlds=100)
    never_wrongly(World("", keys=1_500, calls=3, sd=0.25, logged=by_kind(0.5, 0.1)), worlds=100)


def test_unhappy_users_who_are_silent_do_not_promote() -> None:
    """As many outcomes are missing in both arms; nothing shows which."""
    world = World("", keys=3_000, effect=constant(-0.05), silent=unhappy_are_silent(0.2))
    assert measure(world, once, worlds=100).promotes == 0
    at_random_policy = OnlinePolicy(missing=MissingOutcomes.AT_RANDOM)
    trusting = measure(world, lambda calls: once(calls, at_random_policy), worlds=20)
    assert trusting.promotes > 0.5


@pytest.mark.parametrize(("weeks", "keys"), [(2, 600), (2, 6_000), (3, 2_000), (4, 1_000)])
def test_a_gain_of_the_first_week_does_not_promote(weeks: int, keys: int) -> None:
    world = World("", keys=keys, weeks=weeks, effect=steps((0, 0.12), (7, -0.05)))
    assert measure(world, daily, worlds=60).promotes <= most(POLICY.level, 60)


def test_a_harm_of_the_first_week_does_not_reject() -> None:
    world = World("", keys=3_000, weeks=3, effect=steps((0, -0.12), (7, 0.05)))
    assert measure(world, once, worlds=30).rejects <= most(POLICY.level, 30)


def test_looking_every_day_keeps_the_level() -> None:
    never_wrongly(World("", keys=600, calls=3, sd=0.1, weeks=6), daily)


def test_hard_customers_with_a_share_of_their_own_are_compared_among_themselves() -> None:
    world = World("", keys=2_000, calls=3, sd=0.25, logged=by_kind(0.13, 0.03))
    assert never_wrongly(world, worlds=100).promotes < 0.05


def test_gains_are_found() -> None:
    five = measure(World("", keys=6_000, effect=constant(0.05)), once, worlds=40)
    ten = measure(World("", keys=2_000, effect=constant(0.10)), once, worlds=40)
    customers = measure(World("", keys=3_000, calls=5, sd=0.15, effect=constant(0.05)), once, worlds=30)
    skewed = measure(World("", keys=3_000, calls=power_law, sd=0.1, effect=constant(0.05)), once, worlds=30)
    assert (five.promotes > 0.7, ten.promotes > 0.7, customers.promotes > 0.8, skewed.promotes > 0.7) == (True,) * 4


def test_harm_is_found() -> None:
    harm = measure(World("", keys=6_000, effect=constant(-0.06)), once, worlds=30)
    assert (harm.promotes, harm.rejects > 0.8) == (0, True)
