"""How often the gate errs, and how often it sees: simulated comparisons with a known truth, and a year of weekly looks.

Beside the gate stands what others do on the same scores: promote when the mean is a point higher (MLflow's prompt
optimizer and most dashboards), and the paired bootstrap that takes every example for independent.
"""

import argparse
import math
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta

from teleprompt.config.gate import Claim
from teleprompt.config.outcome import Direction
from teleprompt.deltaone.decide import decide
from teleprompt.deltaone.paired import examples_needed
from teleprompt.deltaone.report import GatePolicy, Verdict
from teleprompt.deltaone.spending import alpha_of_look
from teleprompt.records import MILLION

ALPHA = 0.05
POLICY = GatePolicy(threshold_e6=10_000, claim=Claim.SIGNIFICANT, alpha=ALPHA)
LOWER = POLICY.model_copy(update={"direction": Direction.LOWER})
WEEKS = 52


@dataclass(frozen=True)
class Drawn:
    """One simulated comparison: scores in [0, 1], groups, and the policy."""

    baseline: np.ndarray
    optimized: np.ndarray
    groups: list[str] | None = None
    policy: GatePolicy = POLICY


@dataclass(frozen=True)
class Scenario:
    """A world whose truth is known."""

    name: str
    truth: float
    """The true gain."""
    draw: Callable[[np.random.Generator], Drawn]


@dataclass(frozen=True)
class Rates:
    """What came of many comparisons, as shares of them."""

    runs: int
    promoted: float
    seen: float
    """With evidence of any gain, whatever the threshold."""
    covered: float
    """Intervals that hold the truth."""
    mean_only: float
    """Promoted by who looks at the mean only."""
    naive: float
    """Promoted by who takes the mean and a paired t interval over all examples."""

    def upper(self, share: float) -> float:
        """Where a share of so many runs may truly be at most (Clopper and Pearson 1934, one-sided 99.9 %)."""
        hits = round(share * self.runs)
        return 1.0 if hits == self.runs else float(beta.ppf(0.999, hits + 1, self.runs - hits))


def binary(n: int, discordance: float, gain: float) -> Callable[[np.random.Generator], Drawn]:
    """0/1 scores, of which the share `discordance` differs."""

    def draw(rng: np.random.Generator) -> Drawn:
        u = rng.random(n)
        wins, losses = u < (discordance + gain) / 2, u > 1 - (discordance - gain) / 2
        same = (rng.random(n) < 0.5).astype(float)
        return Drawn(np.where(wins, 0, np.where(losses, 1, same)), np.where(wins, 1, np.where(losses, 0, same)))

    return draw


def graded(n: int, change: Callable[[np.random.Generator, int], np.ndarray]) -> Callable[[np.random.Generator], Drawn]:
    """Scores around the middle, changed by what `change` draws."""
    return lambda rng: Drawn(np.full(n, 0.5), 0.5 + change(rng, n))


def clustered(groups: int, size: int) -> Callable[[np.random.Generator], Drawn]:
    """Groups whose examples all change alike, without a gain."""

    def draw(rng: np.random.Generator) -> Drawn:
        change = np.repeat(rng.choice([-1.0, 0.0, 1.0], size=groups, p=[0.2, 0.6, 0.2]), size)
        return Drawn(
            (change < 0).astype(float), (change > 0).astype(float), [str(i // size) for i in range(len(change))]
        )

    return draw


def lower_is_better(rng: np.random.Generator) -> Drawn:
    """Error rates of two equal programs."""
    drawn = binary(400, 0.2, 0.0)(rng)
    return Drawn(drawn.baseline, drawn.optimized, None, LOWER)


def _exponential_losses(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.clip(0.1 * (1 - rng.exponential(1, n)), -0.5, 0.5)


def _better(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.clip(rng.normal(0.05, 0.2, n), -0.5, 0.5)


def _rare_ruin(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.where(rng.random(n) < 0.02, -0.49, 0.01)


def scenarios() -> list[Scenario]:
    """Worlds without a gain, and with one at the size that the power formula asks for."""
    at_power = [
        (points, discordance, examples_needed(sd=discordance**0.5, difference=points / 100, alpha=ALPHA))
        for points, discordance in ((5, 0.2), (5, 0.1), (10, 0.2))
    ]
    graded_n = examples_needed(sd=0.2, difference=0.05, alpha=ALPHA)
    return [
        Scenario("no effect, 100 pairs of 0/1", 0, binary(100, 0.2, 0)),
        Scenario("no effect, 1,000 pairs of 0/1", 0, binary(1000, 0.2, 0)),
        Scenario("tiny: 8 pairs of 0/1", 0, binary(8, 0.5, 0)),
        Scenario("tiny: 8 graded pairs", 0, graded(8, lambda rng, n: rng.normal(0, 0.1, n).clip(-0.5, 0.5))),
        Scenario("graded, 100 pairs", 0, graded(100, lambda rng, n: rng.normal(0, 0.1, n).clip(-0.5, 0.5))),
        Scenario("clustered: 40 groups of 5", 0, clustered(40, 5)),
        Scenario("skewed: many small gains, few losses, 30", 0, graded(30, _exponential_losses)),
        Scenario("skewed: the same, 200 pairs", 0, graded(200, _exponential_losses)),
        Scenario("skewed: a rare ruin, 60 pairs", 0, graded(60, _rare_ruin)),
        Scenario("skewed: a rare ruin, 300 pairs", 0, graded(300, _rare_ruin)),
        Scenario("lower is better, 400 pairs of 0/1", 0, lower_is_better),
        *(
            Scenario(
                f"+{points} points at {n} pairs, {discordance:.0%} differ",
                points / 100,
                binary(n, discordance, points / 100),
            )
            for points, discordance, n in at_power
        ),
        Scenario(f"+5 points at {graded_n} graded pairs, sd 20", 0.05, graded(graded_n, _better)),
    ]


def measure(scenario: Scenario, *, runs: int, seed: int = 1) -> Rates:
    """Decide so many simulated comparisons."""
    rng = np.random.default_rng(seed)
    promoted = seen = covered = mean_only = naive = 0
    for _ in range(runs):
        drawn = scenario.draw(rng)
        baseline, optimized = (np.rint(scores * MILLION).astype(int) for scores in (drawn.baseline, drawn.optimized))
        report = decide(baseline.tolist(), optimized.tolist(), groups=drawn.groups, policy=drawn.policy)
        promoted += report.verdict is Verdict.PROMOTE
        seen += report.p_value_e6 <= ALPHA * MILLION and report.ci_low_e6 > 0
        truth_e6 = round(scenario.truth * MILLION)
        covered += report.ci_low_e6 <= truth_e6 <= report.ci_high_e6
        mean_only += report.delta_e6 >= POLICY.threshold_e6
        sign = 1 if drawn.policy.direction is Direction.HIGHER else -1
        naive += report.delta_e6 >= POLICY.threshold_e6 and _naive_low(sign * (optimized - baseline)) > 0
    return Rates(runs, *(count / runs for count in (promoted, seen, covered, mean_only, naive)))


def _naive_low(differences: np.ndarray) -> float:
    error = differences.std(ddof=1) / math.sqrt(len(differences))
    return float(differences.mean() - 1.96 * error)


def a_year(seed: int, *, fresh: bool) -> tuple[bool, bool]:
    """52 weekly looks at two equal programs: did the gate promote once, and would 95 % intervals each week have?

    `fresh` examples each week, or a window of four weeks that moves on by one.
    """
    rng = np.random.default_rng(seed)
    per_week, weeks_in_window = 100, 1 if fresh else 4
    data = [binary(per_week, 0.2, 0)(rng) for _ in range(WEEKS + weeks_in_window)]
    gate = naive = False
    spent: list[float] = []
    for look in range(1, WEEKS + 1):
        window = data[look - 1 : look - 1 + weeks_in_window]
        baseline, optimized = (
            (np.concatenate([getattr(week, side) for week in window]) * MILLION).astype(int).tolist()
            for side in ("baseline", "optimized")
        )
        alpha = alpha_of_look(spent, alpha=ALPHA, looks_a_year=WEEKS)
        spent.append(alpha)
        gate |= (
            decide(baseline, optimized, policy=POLICY.model_copy(update={"alpha": alpha})).verdict is Verdict.PROMOTE
        )
        naive = naive or decide(baseline, optimized, policy=POLICY).verdict is Verdict.PROMOTE
    return gate, naive


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--years", type=int, default=2000)
    arguments = parser.parse_args()
    with ProcessPoolExecutor(2) as pool:
        names = [scenario.name for scenario in scenarios()]
        found = list(pool.map(_measured, names, [arguments.runs] * len(names)))
        years = {
            fresh: list(pool.map(_year, range(arguments.years), [fresh] * arguments.years, chunksize=20))
            for fresh in (True, False)
        }
    print(f"\n{arguments.runs} simulated comparisons each; alpha {ALPHA:.0%} (two-sided), threshold one point\n")
    print(f"{'':<46}{'promoted':>9}{'seen':>8}{'covered':>9}   {'mean only':>9}{'t interval':>11}")
    for name, rates in zip(names, found, strict=True):
        print(
            f"{name:<46}{rates.promoted:>9.1%}{rates.seen:>8.1%}{rates.covered:>9.1%}   "
            f"{rates.mean_only:>9.1%}{rates.naive:>11.1%}"
        )
    print(f"\n{arguments.years} years of weekly looks at two equal programs, promoted at least once\n")
    for fresh, results in years.items():
        gate, naive = (sum(result[i] for result in results) / len(results) for i in (0, 1))
        what = "fresh examples every week" if fresh else "a window of four weeks, moved on by one"
        print(f"{what:<46} the gate {gate:>6.1%}   95 % intervals every week {naive:>6.1%}")


def _measured(name: str, runs: int) -> Rates:
    return measure(next(scenario for scenario in scenarios() if scenario.name == name), runs=runs)


def _year(seed: int, fresh: bool) -> tuple[bool, bool]:
    return a_year(seed, fresh=fresh)


if __name__ == "__main__":
    main()
