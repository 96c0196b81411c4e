"""Weeks of calls in production, of which a share goes to a challenger whose true effect is known."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from teleprompt.production import Call

START = datetime(2026, 1, 5, tzinfo=UTC)
Curve = Callable[[np.ndarray], np.ndarray]
"""A value for each call, by the days since the start."""


def constant(value: float) -> Curve:
    """The same every day."""
    return lambda days: np.full(len(days), value)


def steps(*values: tuple[float, float]) -> Curve:
    """(from which day, what value) in order."""
    starts, found = np.array([start for start, _ in values]), np.array([value for _, value in values])
    return lambda days: found[np.searchsorted(starts, days, side="right") - 1]


@dataclass(frozen=True)
class Traffic:
    """The calls of a world, as columns."""

    key: np.ndarray
    days: np.ndarray
    position: np.ndarray
    """Of each call's key, in [0, 1): a challenger with more than that share answers it."""
    own: np.ndarray
    """What each call's key adds to the probability of a good outcome."""


@dataclass(frozen=True)
class World:
    """How calls come about."""

    name: str
    keys: int = 2_000
    calls: int | Callable[[np.random.Generator, int], np.ndarray] = 1
    """Of each key."""
    weeks: float = 3
    share: Curve = field(default_factory=lambda: constant(0.5))
    base: Curve = field(default_factory=lambda: constant(0.5))
    effect: Curve = field(default_factory=lambda: constant(0.0))
    sd: float = 0.0
    """Of the keys' own probabilities."""
    effect_sd: float = 0.0
    """Of the keys' own effects, 0 on average."""
    graded: bool = False
    misplaced: Callable[[np.random.Generator, Traffic, np.ndarray, np.ndarray], np.ndarray] | None = None
    """(traffic, share, challenger) -> who answers instead of whom the share says."""
    silent: Callable[[np.random.Generator, Traffic, np.ndarray, np.ndarray], np.ndarray] | None = None
    """(traffic, challenger, outcome) -> which outcomes are missing."""
    logged: Callable[[np.random.Generator, Traffic, np.ndarray], np.ndarray] | None = None
    """Another share for each call than that of the day: (traffic, share) -> share."""
    rise: Callable[[np.random.Generator, Traffic, np.ndarray], np.ndarray] | None = None
    """(traffic, challenger) -> what is added to the probability."""
    stays: Callable[[np.random.Generator, Traffic, np.ndarray, np.ndarray], np.ndarray] | None = None
    """(traffic, challenger, outcome) -> which calls are made at all."""
    keyless: bool = False

    def with_effect(self, points: float, name: str) -> "World":
        """The same with an effect that stays."""
        return replace(self, name=name, effect=constant(points / 100))

    def draw(self, rng: np.random.Generator) -> list[Call]:
        """One such time."""
        counts = np.full(self.keys, self.calls) if isinstance(self.calls, int) else self.calls(rng, self.keys)
        key = np.repeat(np.arange(self.keys), counts)
        n = len(key)
        traffic = Traffic(
            key, rng.random(n) * self.weeks * 7, rng.random(self.keys)[key], rng.normal(0, self.sd, self.keys)[key]
        )
        share = self.share(traffic.days)
        if self.logged:
            share = self.logged(rng, traffic, share)
        challenger = traffic.position < share
        if self.misplaced:
            challenger = self.misplaced(rng, traffic, share, challenger)
        own_effect = rng.normal(0, self.effect_sd, self.keys)[key]
        p = self.base(traffic.days) + traffic.own + challenger * (self.effect(traffic.days) + own_effect)
        if self.rise:
            p = p + self.rise(rng, traffic, challenger)
        p = np.clip(p, 0, 1)
        outcome = rng.beta(4 * p + 1e-6, 4 * (1 - p) + 1e-6) if self.graded else (rng.random(n) < p).astype(float)
        silent = self.silent(rng, traffic, challenger, outcome) if self.silent else np.zeros(n, bool)
        made = self.stays(rng, traffic, challenger, outcome) if self.stays else np.ones(n, bool)
        columns = (key, challenger, share, traffic.days, outcome, silent)
        return [
            Call(
                key=None if self.keyless else f"customer {k}",
                arm="challenger" if new else "champion",
                share=s,
                at=START + timedelta(days=day),
                outcome=None if lost else value,
            )
            for k, new, s, day, value, lost in zip(*(column[made].tolist() for column in columns), strict=True)
        ]


def power_law(rng: np.random.Generator, keys: int) -> np.ndarray:
    """Most call once or twice, few hundreds of times."""
    return np.minimum(np.floor(rng.pareto(1.2, keys) + 1), 500).astype(int)


def unhappy_are_silent(missing: float) -> Callable[..., np.ndarray]:
    """As many are silent in both arms: of the champion at random, of the challenger those with a bad outcome first."""

    def silent(rng: np.random.Generator, _traffic: Traffic, challenger: np.ndarray, outcome: np.ndarray) -> np.ndarray:
        bad = float((outcome[challenger] == 0).mean()) if challenger.any() else 1.0
        chance = np.where(challenger, np.where(outcome == 0, min(1.0, missing / max(bad, 1e-9)), 0.0), missing)
        return rng.random(len(outcome)) < chance

    return silent


def at_random(champion: float, challenger: float) -> Callable[..., np.ndarray]:
    """Outcomes are missing with these probabilities."""
    return lambda rng, _traffic, new, _outcome: rng.random(len(new)) < np.where(new, challenger, champion)


def late(rng: np.random.Generator, traffic: Traffic, _challenger: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    """Outcomes come after three days on average, and the last day of the calls is today."""
    return rng.exponential(3, len(outcome)) > traffic.days.max() - traffic.days


def hard_ones_stay(easy: float, hard: float) -> Callable[..., np.ndarray]:
    """Customers with a low probability get the challenger with the probability `hard`, the others with `easy`."""
    return lambda _rng, traffic, _share, _new: traffic.position < np.where(traffic.own < 0, hard, easy)


def leave_when_unhappy(
    rng: np.random.Generator, traffic: Traffic, challenger: np.ndarray, outcome: np.ndarray
) -> np.ndarray:
    """A key that had a bad outcome of the challenger makes half of its later calls only."""
    order = np.lexsort([traffic.days, traffic.key])
    bad = ((outcome == 0) & challenger)[order].astype(int)
    before = np.cumsum(bad) - bad
    first = np.searchsorted(traffic.key[order], traffic.key[order])
    had_one = np.empty(len(outcome), bool)
    had_one[order] = before - before[first] > 0
    return ~had_one | (rng.random(len(outcome)) < 0.5)
