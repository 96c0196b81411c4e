"""What the race loses against scoring everything, on made-up scores of 19 candidates whose true means are known.

An example is hard or easy for all candidates alike, and each of them differs on a tenth of the examples by itself. What
is lost is the difference of the true means of the chosen candidates: of the race's, and of who scores every candidate
on every select example.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from teleprompt.config.optimization import SelectionConfig
from teleprompt.optimize.racing import race
from teleprompt.records import MILLION

CANDIDATES = 19


@dataclass(frozen=True)
class World:
    """How far the candidates are apart, and how much there is to tell them apart by."""

    name: str
    spread: float
    """Standard deviation of the true means, in points."""
    examples: int


WORLDS = (
    World("3 points apart, 64 examples", 3, 64),
    World("3 points apart, 150 examples", 3, 150),
    World("6 points apart, 150 examples", 6, 150),
    World("3 points apart, 400 examples", 3, 400),
)
SETTINGS = ((12, 0.03), (32, 0.05))


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--races", type=int, default=400)
    races = parser.parse_args().races
    default = SelectionConfig()
    print(f"\nRacing {CANDIDATES} candidates, {races} races each; calls as a share of scoring everything\n")
    print(f"{'':<32}{'first rung':>11}{'keep above':>11}{'calls':>8}{'points lost':>16}{'of the best':>13}")
    for world in WORLDS:
        for first_rung, keep_above in SETTINGS:
            share, lost, error, best = measure(world, first_rung, keep_above, races=races)
            is_default = (first_rung, keep_above) == (default.first_rung, default.keep_above)
            mark = " (default)" if is_default else ""
            figures = f"{first_rung:>11}{keep_above:>11.2f}{share:>8.0%}{lost:>9.2f} ±{error:.2f}{best:>13.2f}"
            print(f"{world.name:<32}{figures}{mark}")


def measure(world: World, first_rung: int, keep_above: float, *, races: int) -> tuple[float, float, float, float]:
    """Share of the calls; points lost against scoring everything, with two standard errors; against the best."""
    import numpy as np

    calls, lost, missed = [], [], []
    for seed in range(races):
        means, scores = _scores(world, np.random.default_rng(seed))
        asked = [0]

        def score(number: int, indices: Sequence[int], scores: Any = scores, asked: list[int] = asked) -> Sequence[int]:
            asked[0] += len(indices)
            return [int(scores[number, i]) for i in indices]

        winner = race(CANDIDATES, world.examples, score, first_rung=first_rung, keep_above=keep_above, seed=seed).winner
        whole = int(scores.mean(axis=1).argmax())
        calls.append(asked[0] / (CANDIDATES * world.examples))
        lost.append(100 * (means[whole] - means[winner]))
        missed.append(100 * (means.max() - means[winner]))
    error = 2 * float(np.std(lost, ddof=1)) / races**0.5
    return float(np.mean(calls)), float(np.mean(lost)), error, float(np.mean(missed))


def _scores(world: World, rng: Any) -> tuple[Any, Any]:
    """True means, and 0/1 scores in millionths (candidates x examples)."""
    means = (0.6 + rng.normal(0, world.spread / 100, CANDIDATES)).clip(0.05, 0.95)
    own = rng.uniform(size=(CANDIDATES, world.examples))
    shared = rng.uniform(size=world.examples)
    by_itself = rng.uniform(size=own.shape) < 0.1
    luck = own * by_itself + shared * ~by_itself
    return means, (luck < means[:, None]) * MILLION


if __name__ == "__main__":
    main()
