"""How often a challenger is promoted or rejected in production, in worlds whose truth is known.

`decide_online` with a program file's defaults, once at the end and after each day as calls come in, beside
`compare_online`, which compares the arms' calls by key as if chance had decided everything else. In worlds without a
gain every promotion is an error, of which 2.5 % are allowed; in worlds without harm so is every rejection.
"""

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.online_worlds import (
    START,
    World,
    at_random,
    by_kind,
    constant,
    hard_ones_stay,
    late,
    leave_when_unhappy,
    power_law,
    steps,
    unhappy_are_silent,
)  # fmt: skip
from teleprompt.config.gate import Claim
from teleprompt.config.production import MissingOutcomes
from teleprompt.deltaone.online import ObservedCall, compare_online
from teleprompt.deltaone.report import Verdict
from teleprompt.production import Call, OnlinePolicy, decide_online
from teleprompt.records import to_millionths

POLICY = OnlinePolicy()
Judge = Callable[[list[Call]], Verdict]


@dataclass(frozen=True)
class Rate:
    """Worlds that came to a verdict."""

    worlds: int
    promoted: int
    rejected: int

    @property
    def promotes(self) -> float:
        """Share of the worlds."""
        return self.promoted / self.worlds

    @property
    def rejects(self) -> float:
        """Share of the worlds."""
        return self.rejected / self.worlds

    def __str__(self) -> str:
        shares = [(share, math.sqrt(max(share * (1 - share), 1 / self.worlds) / self.worlds)) for share in (
            self.promotes, self.rejects)]  # fmt: skip
        return " / ".join(f"{100 * share:5.1f} ±{100 * error:3.1f}" for share, error in shares)


def once(calls: Sequence[Call], policy: OnlinePolicy = POLICY) -> Verdict:
    """The verdict at the end."""
    return decide_online(calls, policy).verdict


def daily(calls: Sequence[Call], policy: OnlinePolicy = POLICY) -> Verdict:
    """The first verdict of all days; those on which no further week is whole decide nothing new."""
    days = np.array([(call.at - START).total_seconds() / 86_400 for call in calls])
    for day in range(14, math.ceil(days.max()) + 1, 7):
        verdict = once([call for call, at in zip(calls, days, strict=True) if at < day], policy)
        if verdict is not Verdict.INCONCLUSIVE:
            return verdict
    return Verdict.INCONCLUSIVE


def before(calls: Sequence[Call]) -> Verdict:
    """The verdict of a comparison by key and no more."""
    arms: tuple[list[ObservedCall], list[ObservedCall]] = ([], [])
    for call in calls:
        score = None if call.outcome is None else to_millionths(call.outcome)
        arms[call.arm == "challenger"].append(ObservedCall(call.key, score))
    return compare_online(*arms, versions=("1", "2"), threshold_e6=10_000, claim=Claim.SIGNIFICANT, alpha=0.05).verdict


def without_effect() -> list[World]:
    """Worlds in which the challenger is as good as the champion."""
    return [
        World("plain", keys=3_000),
        World("1 customers, 300 x 10", keys=300, calls=10, sd=0.25, weeks=4),
        World("1 customers with effects of their own", keys=300, calls=10, sd=0.2, effect_sd=0.15, weeks=4),
        World("3 hard customers kept back", keys=6_000, calls=3, sd=0.25, share=constant(0.1),
              misplaced=hard_ones_stay(0.13, 0.03)),
        World("3 hard customers at a share of their own", keys=3_000, calls=3, sd=0.25,
              logged=by_kind(0.13, 0.03)),
        World("4 share 10 to 50 %, outcome 50 to 65", keys=4_000, calls=3, share=steps((0, 0.1), (10, 0.5)),
              base=steps((0, 0.5), (10, 0.65))),
        World("4 share back from 50 to 10 %", keys=4_000, calls=3, share=steps((0, 0.5), (10, 0.1)),
              base=steps((0, 0.5), (10, 0.65))),
        World("4 share raised each day, outcome rises", keys=3_000, calls=3, weeks=4,
              share=lambda days: 0.05 + 0.45 * np.floor(days) / 28, base=lambda days: 0.4 + 0.2 * days / 28),
        World("4 share by region", keys=3_000, calls=3, sd=0.2, logged=by_kind(0.1, 0.5)),
        World("weekends are better", keys=3_000, calls=3, base=lambda days: 0.5 + 0.2 * (np.floor(days) % 7 >= 5)),
        World("graded", keys=1_000, calls=3, sd=0.1, graded=True),
        World("rare: 1 %, share 10 %", keys=4_000, share=constant(0.1), base=constant(0.01)),
        World("rare: 99 %, share 10 %", keys=4_000, share=constant(0.1), base=constant(0.99)),
        World("keys by a power law", keys=1_000, calls=power_law, sd=0.25),
        World("keys by a power law, share 10 %", keys=1_000, calls=power_law, sd=0.25, share=constant(0.1)),
        World("8 keys an arm, 20 calls each", keys=16, calls=20, sd=0.2),
        World("20 keys an arm, 20 calls each", keys=40, calls=20, sd=0.2),
        World("no keys", keys=3_000, keyless=True),
        World("outcomes that come late", keys=3_000, calls=2, silent=late),
        World("10 % missing at random", keys=3_000, silent=at_random(0.1, 0.1)),
        World("the unhappy of the challenger call less", keys=3_000, calls=10, sd=0.2, made=leave_when_unhappy),
    ]  # fmt: skip


def worse() -> list[World]:
    """Worlds in which it is worse, and looks better."""
    raised = {"calls": 3, "share": steps((0, 0.1), (10, 0.5)), "base": steps((0, 0.5), (10, 0.65))}
    return [
        World("2 -5, 20 % missing, its unhappy are silent", keys=4_000, effect=constant(-0.05),
              silent=unhappy_are_silent(0.2)),
        World("2 -5, 10 and 15 % missing", keys=4_000, effect=constant(-0.05), silent=at_random(0.1, 0.15)),
        World("4 -3, share 10 to 50 %, outcome 50 to 65", keys=4_000, effect=constant(-0.03), **raised),
        *(World(f"5 +12 in week 1, then -5: {weeks} weeks of {keys:,}", keys=keys, weeks=weeks,
                effect=steps((0, 0.12), (7, -0.05)))
          for weeks in (2, 3, 4) for keys in (1_000, 10_000)),
        World("5 +12 in week 1, then 0: 3 weeks", keys=4_000, effect=steps((0, 0.12), (7, 0.0))),
        World("5 +12 for two weeks, then -5: 4 weeks", keys=4_000, weeks=4, effect=steps((0, 0.12), (14, -0.05))),
    ]  # fmt: skip


def gains() -> list[World]:
    """Worlds with a gain that stays."""
    found = [
        World(f"{keys:,} keys an arm", keys=2 * keys).with_effect(points, f"+{points}, {keys:,} keys an arm, once")
        for keys in (1_000, 3_000, 10_000)
        for points in (3, 5, 10)
    ]
    found += [
        World("", keys=3_000, calls=5, sd=0.15).with_effect(points, f"+{points}, 1,500 keys an arm, five calls")
        for points in (3, 5, 10)
    ]
    raised = World("", keys=6_000, calls=2, share=steps((0, 0.1), (7, 0.5))).with_effect(5, "+5, share 10 to 50 %")
    return [*found, raised, World("", keys=6_000, silent=at_random(0.02, 0.02)).with_effect(
        10, "+10, 2 % missing at random")]  # fmt: skip


def measure(world: World, judge: Judge, *, worlds: int) -> Rate:
    """Draw the world so often; the same ones whoever judges."""
    found = [judge(world.draw(np.random.default_rng([20260105, number]))) for number in range(worlds)]
    return Rate(worlds, found.count(Verdict.PROMOTE), found.count(Verdict.REJECT))


def a_year(challengers: int, *, years: int) -> Rate:
    """So many challengers without an effect that share the level of a year."""
    policy = POLICY.model_copy(update={"level": POLICY.level / challengers})
    world = World("", keys=1_000, calls=2, sd=0.1, weeks=4)
    found = []
    for year in range(years):
        draws = (world.draw(np.random.default_rng([1, year, number])) for number in range(challengers))
        found.append({daily(calls, policy) for calls in draws})
    return Rate(years, sum(Verdict.PROMOTE in one for one in found), sum(Verdict.REJECT in one for one in found))


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=300, help="of each kind")
    worlds = parser.parse_args().worlds
    print("\npromoted / rejected, in % of the worlds, with standard errors; by key alone: a tenth of the worlds")
    header = f"{'decide_online':>21}{'each day':>25}{'by key alone':>25}"
    for title, group in (("as good as the champion", without_effect()), ("worse", worse()), ("better", gains())):
        print(f"\n{title:<48}{header}")
        for world in group:
            found = [measure(world, judge, worlds=count) for judge, count in (
                (once, worlds), (daily, worlds), (before, worlds // 10))]  # fmt: skip
            print(f"{world.name:<45}{found[0]!s:>24} {found[1]!s:>24} {found[2]!s:>24}", flush=True)
    print(f"\n{'what is missing':<45}{'bounds':>24} {'at_random':>24} {'zero_after_maturity':>24}")
    for world in [*worse()[:2], replace(gains()[5], silent=at_random(0.05, 0.05), name="+10, 5 % missing at random")]:
        found = [
            measure(world, lambda calls, policy=policy: once(calls, policy), worlds=worlds)
            for policy in [POLICY.model_copy(update={"missing": kind}) for kind in MissingOutcomes]
        ]
        print(f"{world.name:<45}{found[0]!s:>24} {found[1]!s:>24} {found[2]!s:>24}", flush=True)
    print(f"\n{'13 challengers a year, each with 1/13 of the level':<60}{a_year(13, years=worlds // 2)!s:>24}")


if __name__ == "__main__":
    main()
