"""Years of sealed examples, week by week, of programs whose true gain is known."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

WEEKS = 52


@dataclass(frozen=True)
class Week:
    """Sealed examples: gains in [-1, 1], and what unit each belongs to."""

    gains: np.ndarray
    units: list[str] | None = None


Year = Iterator[Week]
Draw = Callable[[np.random.Generator], Year]


def binary(n: int, gain: float, differ: float = 0.2) -> Draw:
    """Independent 0/1 scores, of which the share `differ` does."""
    return lambda rng: (Week(_signs(rng, n, gain, differ)) for _ in range(WEEKS))


def clustered(units: int, size: int, gain: float, alike: float, differ: float = 0.2) -> Draw:
    """Fresh units each week, whose examples have a correlation of `alike`."""

    def draw(rng: np.random.Generator) -> Year:
        for week in range(WEEKS):
            labels = [f"{week}-{i // size}" for i in range(units * size)]
            own = _signs(rng, units * size, gain, differ)
            shared = np.repeat(_signs(rng, units, gain, differ), size)
            yield Week(np.where(rng.random(units * size) < math.sqrt(alike), shared, own), labels)

    return draw


def customers(rng: np.random.Generator) -> Year:
    """The same 20, three examples each a week; each has a gain or a loss of its own, 0 on average."""
    effects = rng.choice([-0.15, 0.0, 0.15], 20)
    labels = [str(i // 3) for i in range(60)]
    for _ in range(WEEKS):
        yield Week(np.concatenate([_signs(rng, 3, effect, 0.2) for effect in effects]), labels)


def skewed(rng: np.random.Generator) -> Year:
    """Many small gains and few losses, 0 on average."""
    return (Week(np.maximum(0.1 * (1 - rng.exponential(1, 64)), -1)) for _ in range(WEEKS))


def rare_ruin(rng: np.random.Generator) -> Year:
    """A hundredth gained almost everywhere, and all of it lost in one of 50."""
    return (Week(np.where(rng.random(64) < 0.02, -0.49, 0.01)) for _ in range(WEEKS))


def graded(rng: np.random.Generator) -> Year:
    """Five points gained, with a standard deviation of 20."""
    return (Week(np.clip(rng.normal(0.05, 0.2, 64), -1, 1)) for _ in range(WEEKS))


def drifting(rng: np.random.Generator) -> Year:
    """No gain in any week, while the share of the answers that differ goes from 2 to 50 %."""
    return (Week(_signs(rng, 64, 0.0, 0.02 + 0.48 * week / (WEEKS - 1))) for week in range(WEEKS))


def changing(*gains: float) -> Draw:
    """64 independent 0/1 scores a week, with one gain in the first part of the year, another in the next."""
    return lambda rng: (Week(_signs(rng, 64, gains[week * len(gains) // WEEKS], 0.2)) for week in range(WEEKS))


def wandering(rng: np.random.Generator) -> Year:
    """Each week has a gain of its own, drawn around 0 with a standard deviation of two points."""
    return (Week(_signs(rng, 64, float(np.clip(rng.normal(0, 0.02), -0.1, 0.1)), 0.2)) for _ in range(WEEKS))


def the_best_twelve(rng: np.random.Generator) -> Year:
    """Of a year without a gain the weeks that look best, as who chooses windows by their effects would have them."""
    return iter(sorted(binary(64, 0.0)(rng), key=lambda week: -float(week.gains.sum()))[:12])


def _signs(rng: np.random.Generator, n: int, gain: float, differ: float) -> np.ndarray:
    """1 for a win, -1 for a loss, 0 for neither."""
    u = rng.random(n)
    return (u < (differ + gain) / 2).astype(float) - (u > 1 - (differ - gain) / 2)
