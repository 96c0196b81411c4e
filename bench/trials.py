"""How often a trial errs in a year, and how soon it sees a gain, beside a new candidate and a fresh test each week.

Both get the same weeks of sealed examples. A trial keeps its candidate and adds the evidence up; the weekly test, with
the share of alpha that the looks of a year leave it, judges each week alone, as if each brought another candidate that
is just as good. In worlds without a gain every promotion is an error; in the others the question is how long it takes.
"""

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from bench.trial_worlds import (
    WEEKS,
    Draw,
    Year,
    binary,
    changing,
    clustered,
    customers,
    drifting,
    graded,
    rare_ruin,
    skewed,
    the_best_twelve,
    wandering,
)  # fmt: skip
from teleprompt.config.gate import Claim
from teleprompt.config.trial import Returning
from teleprompt.deltaone import Trial, TrialPolicy
from teleprompt.deltaone.decide import decide
from teleprompt.deltaone.report import GatePolicy, Verdict
from teleprompt.deltaone.spending import alpha_of_look
from teleprompt.deltaone.trial_report import TrialReport
from teleprompt.records import MILLION

POLICY = TrialPolicy()
ALPHA = 0.05
START = date(2026, 1, 5)
WINDOWS = [f"{START + timedelta(weeks=k)}/{START + timedelta(weeks=k + 1)}" for k in range(WEEKS)]


@dataclass(frozen=True)
class World:
    """A program whose true gain is known."""

    name: str
    draw: Draw
    one_of: int = 1
    """Of so many years only one is judged where that takes long, by a weekly test that resamples as a rule."""


@dataclass(frozen=True)
class Promotion:
    """When, and what was read then; in scores."""

    week: int
    delta: float
    low: float


@dataclass(frozen=True)
class Rate:
    """Years that promoted, and what they read."""

    years: int
    promotions: tuple[Promotion, ...]

    @property
    def share(self) -> float:
        """Of the years."""
        return len(self.promotions) / self.years

    @property
    def error(self) -> float:
        """Two standard errors of the share; where it is 0 or 1, those of one year more."""
        share = min(max(self.share, 1 / self.years), 1 - 1 / self.years)
        return 2 * math.sqrt(share * (1 - share) / self.years)

    @property
    def weeks(self) -> float:
        """On average; 52 for a year without a promotion."""
        return (sum(found.week for found in self.promotions) + WEEKS * (self.years - len(self.promotions))) / self.years

    def __str__(self) -> str:
        return f"{self.share:.1%} ±{100 * self.error:.1f}"


def no_effect() -> list[World]:
    """Worlds without a gain."""
    return [
        World("plain: 64 pairs of 0/1 a week", binary(64, 0.0)),
        World("clustered: 16 units of 4 alike", clustered(16, 4, 0.0, 1.0), one_of=10),
        World("skewed: many small gains, few losses", skewed, one_of=100),
        World("rare ruin: 98 % gain .01, 2 % lose .49", rare_ruin, one_of=100),
        World("few units: the same 20 customers", customers, one_of=10),
        World("drifting: 2 to 50 % of the pairs differ", drifting),
    ]


def gains() -> list[World]:
    """Worlds with one."""
    return [
        World("+5 points, 64 a week", binary(64, 0.05)),
        World("+3 points, 160 a week", binary(160, 0.03)),
        World("+10 points, 64 a week", binary(64, 0.10)),
        World("+3 points, 64 a week", binary(64, 0.03)),
        World("+5 points, 64 a week, 10 % differ", binary(64, 0.05, 0.1)),
        World("+5 graded points, 64 a week, sd 20", graded, one_of=50),
    ]


def gains_in_clusters() -> list[World]:
    """What programs need whose examples are not independent."""
    return [
        World(f"+5, {units} units of {size}, correlation {alike:g}", clustered(units, size, 0.05, alike), one_of=25)
        for units, size, alike in ((16, 4, 0.1), (16, 4, 0.5), (16, 4, 1), (16, 16, 0.1), (16, 16, 0.5), (8, 8, 0.5))
    ]


def traps() -> list[tuple[World, TrialPolicy, Sequence[str]]]:
    """What a trial does not promise, or what looks like it."""
    again = TrialPolicy(returning=Returning.COUNTED)
    backwards = [WINDOWS[0], *WINDOWS[:0:-1]]
    return [
        (World("five worse for half a year, then five better", changing(-0.05, 0.05)), POLICY, WINDOWS),
        (World("five better and five worse every other week", changing(*[0.05, -0.05] * 26)), POLICY, WINDOWS),
        (World("a gain of each week's own, sd 2 around 0", wandering), POLICY, WINDOWS),
        (World("backfilled backwards, acted on at once", binary(64, 0.0), one_of=5), POLICY, backwards),
        (World("20 returning customers, counted each week", customers), again, WINDOWS),
        (World("five better for half a year, then five worse", changing(0.05, -0.05)), POLICY, WINDOWS),
        (World("the best 12 of 52 windows", the_best_twelve), POLICY, WINDOWS),
    ]


def a_trial(year: Year, policy: TrialPolicy = POLICY, windows: Sequence[str] = WINDOWS) -> Promotion | None:
    """Of one candidate, looked at after each window as it comes in."""
    return trials(year, policy, windows, most=1)


def trials(year: Year, policy: TrialPolicy, windows: Sequence[str] = WINDOWS, *, most: int) -> Promotion | None:
    """Of so many candidates, one after the other."""
    trial = Trial(policy)
    for number, (window, week) in enumerate(zip(windows, year, strict=False), 1):
        trial = trial.add(*scores(week.gains), week.units, window=window)
        if trial.report.verdict is Verdict.PROMOTE:
            return _promotion(number, trial.report.delta_e6, trial.report.ci_low_e6)
        if trial.report.decided:
            most -= 1
            if not most:
                break
            trial = Trial(policy)
    return None


def a_test_each_week(year: Year) -> Promotion | None:
    """Of a new candidate each time, with what the looks before have left of alpha."""
    spent: list[float] = []
    for number, week in enumerate(year, 1):
        alpha = alpha_of_look(spent, alpha=ALPHA, looks_a_year=WEEKS)
        spent.append(alpha)
        policy = GatePolicy(threshold_e6=POLICY.threshold_e6, claim=Claim.SIGNIFICANT, alpha=alpha)
        report = decide(*scores(week.gains), groups=week.units, policy=policy)
        if report.verdict is Verdict.PROMOTE:
            return _promotion(number, report.delta_e6, report.ci_low_e6)
    return None


def measure(world: World, judge: Callable[[Year], Promotion | None], *, years: int) -> Rate:
    """Judge so many years of the world, which are the same whoever judges."""
    found = [judge(world.draw(np.random.default_rng([20260105, year]))) for year in range(years)]
    return Rate(years, tuple(promotion for promotion in found if promotion))


def scores(gains: np.ndarray) -> tuple[list[int], list[int]]:
    """Of baseline and candidate, with these gains."""
    in_millionths = np.rint(gains * MILLION).astype(int)
    return np.maximum(-in_millionths, 0).tolist(), np.maximum(in_millionths, 0).tolist()


def all_of_a_year(year: Year, policy: TrialPolicy) -> TrialReport:
    """The trial's report after the year, or at its decision."""
    trial = Trial(policy)
    for window, week in zip(WINDOWS, year, strict=False):
        trial = trial.add(*scores(week.gains), week.units, window=window)
    return trial.report


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the years, for a first impression")
    years = 100 if parser.parse_args().quick else 1000
    print(f"\nA year of weekly windows: a trial with a level of {POLICY.level:.1%} and a horizon of {POLICY.horizon} "
          f"windows,\nbeside a test each week with an alpha of {ALPHA:.0%} a year, two-sided\n")  # fmt: skip
    _print_errors(years)
    _print_power(years // 2)
    _print_two_a_year(years // 2)
    _print_caps(max(10, years // 20))
    _print_traps(years // 2)


def _print_errors(years: int) -> None:
    print(f"{'without a gain: promoted within the year':<45}{'trial':>14}{'each week':>16}")
    for world in no_effect():
        trial = measure(world, a_trial, years=years)
        weekly = measure(world, a_test_each_week, years=years // world.one_of)
        print(f"{world.name:<45}{trial!s:>14}{weekly!s:>16}", flush=True)


def _print_power(years: int) -> None:
    print(f"\n{'with a gain: promoted, weeks (52 if never)':<45}{'trial':>14}{'weeks':>7}{'each week':>16}{'weeks':>7}"
          f"{'ratio':>7}   trial reads, at least")  # fmt: skip
    for world in [*gains(), *gains_in_clusters()]:
        trial = measure(world, a_trial, years=years)
        weekly = measure(world, a_test_each_week, years=years // world.one_of)
        delta, low = (100 * np.mean([getattr(p, name) for p in trial.promotions]) for name in ("delta", "low"))
        print(f"{world.name:<45}{trial!s:>14}{trial.weeks:>7.1f}{weekly!s:>16}{weekly.weeks:>7.1f}"
              f"{weekly.weeks / trial.weeks:>6.1f}x{delta:>+10.1f}{low:>+8.1f}", flush=True)  # fmt: skip


def _print_two_a_year(years: int) -> None:
    policy = TrialPolicy(level=POLICY.level / 2, horizon=WEEKS // 2)
    print(f"\n{'two trials a year, 26 windows, half the level':<45}{'promoted':>14}{'weeks':>7}")
    for world in [no_effect()[0], *gains()[:4]]:
        found = measure(world, lambda year: trials(year, policy, most=2), years=years)
        print(f"{world.name:<45}{found!s:>14}{found.weeks:>7.1f}", flush=True)


def _print_caps(years: int) -> None:
    print("\n+5 points, 8 fresh units of 64 examples a week, of which at most so many are opened: weeks (and examples)")
    caps = (2, 4, 8, 16, 32, 64)
    print(f"{'correlation within a unit':<28}{''.join(f'{cap:>14}' for cap in caps)}")
    for alike in (0.02, 0.1, 0.5):
        found = [
            [all_of_a_year(clustered(8, 64, 0.05, alike)(np.random.default_rng([1, year])), TrialPolicy(group_cap=cap))
             for year in range(years)]
            for cap in caps
        ]  # fmt: skip
        cells = [f"{np.mean([r.windows for r in row]):.1f} ({np.mean([r.n for r in row]):,.0f})" for row in found]
        print(f"{alike:<28}{''.join(f'{cell:>14}' for cell in cells)}", flush=True)


def _print_traps(years: int) -> None:
    print(f"\n{'in another order, or with other windows':<45}{'promoted':>14}")
    for world, policy, windows in traps():
        found = measure(world, lambda year, p=policy, w=windows: a_trial(year, p, w), years=years // world.one_of)
        print(f"{world.name:<45}{found!s:>14}", flush=True)


def _promotion(week: int, delta_e6: int, low_e6: int) -> Promotion:
    return Promotion(week, delta_e6 / MILLION, low_e6 / MILLION)


if __name__ == "__main__":
    main()
