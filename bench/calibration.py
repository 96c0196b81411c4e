"""How often rules of promotion are wrong, and how often they see a gain: ours beside what else is in use.

In worlds whose truth is known, or on anybody's scores (`--baseline A.csv --candidate B.csv`, two runs of one program):
chance decides in each comparison which run counts as the candidate, so there is no gain; a gain is made by turning a
share of the candidate's answers into perfect ones. Promoted without a gain is an error.
"""

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from scipy.stats import ttest_rel

from teleprompt.config.gate import Claim
from teleprompt.deltaone import Trial, TrialPolicy
from teleprompt.deltaone.decide import decide
from teleprompt.deltaone.report import GatePolicy, Verdict
from teleprompt.records import MILLION
from teleprompt.score_files.calibration import resampled
from teleprompt.score_files.pairing import pair
from teleprompt.score_files.scores import Columns, read_scores

Comparison = tuple[list[int], list[int], list[str]]
Draw = Callable[[Random], Comparison]
Rule = Callable[[Draw, Random], bool]

POINT = 10_000
"""Millionths."""
GATE = GatePolicy(threshold_e6=POINT, claim=Claim.SIGNIFICANT, alpha=0.05)
TRIAL = TrialPolicy()
GAINS = (0.0, 0.03, 0.05, 0.1)
CANDIDATES, WINDOWS, FIXED = 8, 12, 100


def gate(draw: Draw, random: Random) -> bool:
    """One look of ours: alpha 5 %, two-sided."""
    baseline, candidate, groups = draw(random)
    return decide(baseline, candidate, groups=groups, policy=GATE).verdict is Verdict.PROMOTE


def trial(draw: Draw, random: Random) -> bool:
    """A trial of ours over twelve windows, looked at after each."""
    on_trial = Trial(TRIAL)
    for window in range(WINDOWS):
        baseline, candidate, groups = draw(random)
        on_trial = on_trial.add(baseline, candidate, [f"{window} {group}" for group in groups], window=str(window))
    return on_trial.report.verdict is Verdict.PROMOTE


def t_test(draw: Draw, random: Random) -> bool:
    """A paired t-test at 5 %, two-sided, which takes each example for independent, and a mean a point higher."""
    return _t_test(*draw(random)[:2])


def t_test_each_window(draw: Draw, random: Random) -> bool:
    """The same on all examples so far, after each of twelve windows: whoever looks until it is significant."""
    baseline: list[int] = []
    candidate: list[int] = []
    for _ in range(WINDOWS):
        before, after, _ = draw(random)
        baseline, candidate = baseline + before, candidate + after
        if _t_test(baseline, candidate):
            return True
    return False


def fixed_n(draw: Draw, random: Random) -> bool:
    """The same on the first hundred examples, however many there are."""
    baseline, candidate, _ = draw(random)
    return _t_test(baseline[:FIXED], candidate[:FIXED])


def mean_is_higher(draw: Draw, random: Random) -> bool:
    """What MLflow's `optimize_prompts` keeps: the candidate whose mean is higher than the initial one."""
    baseline, candidate, _ = draw(random)
    return sum(candidate) > sum(baseline)


def best_of_many(draw: Draw, random: Random) -> bool:
    """What DSPy's optimizers return: the best of the program and eight candidates on the same examples, by the mean."""
    return any(mean_is_higher(draw, random) for _ in range(CANDIDATES))


def best_then_t_test(draw: Draw, random: Random) -> bool:
    """The best of eight, tested on the examples that it was chosen by."""
    return any(t_test(draw, random) for _ in range(CANDIDATES))


RULES: tuple[tuple[str, Rule], ...] = (
    ("our gate, one look", gate),
    (f"our trial, {WINDOWS} windows", trial),
    ("paired t-test", t_test),
    (f"paired t-test, {WINDOWS} windows, each looked at", t_test_each_window),
    (f"paired t-test, the first {FIXED}", fixed_n),
    ("a higher mean (MLflow)", mean_is_higher),
    (f"the best of {CANDIDATES} by the mean (DSPy)", best_of_many),
    (f"the best of {CANDIDATES}, then a t-test on the same", best_then_t_test),
)


def _t_test(baseline: Sequence[int], candidate: Sequence[int]) -> bool:
    gain = np.subtract(candidate, baseline) / MILLION
    if gain.mean() < POINT / MILLION or not gain.std():
        return False
    return bool(ttest_rel(candidate, baseline).pvalue < 0.05)


@dataclass(frozen=True)
class World:
    """Where comparisons come from."""

    name: str
    null: Draw
    """Without a gain."""

    def with_gain(self, gain: float) -> Draw:
        """So many of the candidate's answers become perfect ones that its mean rises by the gain."""

        def draw(random: Random) -> Comparison:
            baseline, candidate, groups = self.null(random)
            room = 1 - sum(candidate) / len(candidate) / MILLION
            share = min(1.0, gain / room) if room > 0 else 0.0
            return baseline, [MILLION if random.random() < share else score for score in candidate], groups

        return self.null if gain == 0 else draw


def independent(n: int, differ: float = 0.2, right: float = 0.6) -> Draw:
    """Answers that are right or wrong; so many of the pairs differ."""

    def draw(random: Random) -> Comparison:
        baseline, candidate = [], []
        for _ in range(n):
            score = MILLION * (random.random() < right)
            change = random.random() < differ
            before = MILLION * (random.random() < 0.5) if change else score
            baseline.append(before)
            candidate.append(MILLION - before if change else score)
        return baseline, candidate, [str(i) for i in range(n)]

    return draw


def of_customers(customers: int, each: int) -> Draw:
    """Customers with a gain or a loss of their own, none on average."""

    def draw(random: Random) -> Comparison:
        baseline, candidate, groups = [], [], []
        for customer in range(customers):
            lean = random.choice((-0.3, 0.0, 0.3))
            for _ in range(each):
                before = random.random() < 0.5
                after = random.random() < 0.5 + lean if random.random() < 0.5 else before
                baseline.append(MILLION * before)
                candidate.append(MILLION * after)
                groups.append(str(customer))
        return baseline, candidate, groups

    return draw


def worlds_of(args: argparse.Namespace) -> list[World]:
    """Those that are asked for."""
    if args.baseline is None:
        return [
            World("164 right or wrong answers, 20 % differ", independent(164)),
            World("20 customers with 8 calls each", of_customers(20, 8)),
        ]
    columns = Columns(id=args.id, score=args.score, group=args.group)
    pairs = pair(read_scores(args.baseline, columns), read_scores(args.candidate, columns))
    return [World(f"{args.baseline.name} and {args.candidate.name}, {len(pairs.ids)} examples", resampled(pairs))]


def promoted(rule: Rule, world: World, gain: float, *, rounds: int) -> float:
    """Share of so many comparisons."""
    random = Random(f"{world.name} {gain}")
    draw = world.with_gain(gain)
    return sum(rule(draw, random) for _ in range(rounds)) / rounds


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--baseline", type=Path, help="a file of scores, as `teleprompt gate` reads it")
    parser.add_argument("--candidate", type=Path, help="another run of the same program")
    parser.add_argument("--id", default="id", help="the column of the examples' ids")
    parser.add_argument("--score", default="score", help="the column of the scores")
    parser.add_argument("--group", help="the column of what belongs together")
    parser.add_argument("--rounds", type=int, default=400, help="comparisons of each kind")
    args = parser.parse_args()
    if (args.baseline is None) is not (args.candidate is None):
        parser.error("--baseline and --candidate belong together")
    for world in worlds_of(args):
        print(f"\n{world.name}; promoted of {args.rounds} comparisons\n")
        print(f"{'':<46}{'no gain':>16}{''.join(f'{100 * gain:>+9.0f}' for gain in GAINS[1:])}")
        for name, rule in RULES:
            shares = [promoted(rule, world, gain, rounds=args.rounds) for gain in GAINS]
            error = 2 * math.sqrt(max(shares[0], 1 / args.rounds) * (1 - shares[0]) / args.rounds)
            found = "".join(f"{share:>9.0%}" for share in shares[1:])
            print(f"{name:<46}{f'{shares[0]:.1%} ±{100 * error:.1f}':>16}{found}", flush=True)


if __name__ == "__main__":
    main()
