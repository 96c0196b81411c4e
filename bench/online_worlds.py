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
class Drawn:
    """The calls of a world as columns, as far as they are drawn."""

    key: np.ndarray
    days: np.ndarray
    position: np.ndarray
    """Of each call's key, in [0, 1): a challenger with more than that share answers it."""
    own: np.ndarray
    """What each call's key adds to the probability of a good outcome."""
    share: np.ndarray
    challenger: np.ndarray
    outcome: np.ndarray


Chance = Callable[[np.random.Generator, Drawn], np.ndarray]
"""Which calls something happens to."""


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
    logged: Callable[[Drawn], np.ndarray] | None = None
    """Another share for each call than that of the day."""
    misplaced: Callable[[Drawn], np.ndarray] | None = None
    """Which calls the challenger answers, whatever the share says."""
    silent: Chance | None = None
    """Which outcomes are missing."""
    made: Chance | None = None
    """Which calls are made at all."""
    keyless: bool = False

    def with_effect(self, points: float, name: str) -> "World":
        """The same with an effect that stays."""
        return replace(self, name=name, effect=constant(points / 100))

    def draw(self, rng: np.random.Generator) -> list[Call]:
        """One such time."""
        counts = np.full(self.keys, self.calls) if isinstance(self.calls, int) else self.calls(rng, self.keys)
        key = np.repeat(np.arange(self.keys), counts)
        n = len(key)
        days = rng.random(n) * self.weeks * 7
        position, own = rng.random(self.keys)[key], rng.normal(0, self.sd, self.keys)[key]
        drawn = Drawn(key, days, position, own, self.share(days), np.zeros(n, bool), np.zeros(n))
        if self.logged:
            drawn = replace(drawn, share=self.logged(drawn))
        drawn = replace(drawn, challenger=self.misplaced(drawn) if self.misplaced else position < drawn.share)
        p = (
            self.base(days)
            + own
            + drawn.challenger * (self.effect(days) + rng.normal(0, self.effect_sd, self.keys)[key])
        )
        p = np.clip(p, 0, 1)
        graded = rng.beta(4 * p + 1e-6, 4 * (1 - p) + 1e-6) if self.graded else (rng.random(n) < p).astype(float)
        drawn = replace(drawn, outcome=graded)
        silent = self.silent(rng, drawn) if self.silent else np.zeros(n, bool)
        made = self.made(rng, drawn) if self.made else np.ones(n, bool)
        columns = (key, drawn.challenger, drawn.share, days, drawn.outcome, silent)
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


def unhappy_are_silent(missing: float) -> Chance:
    """As many are silent in both arms: of the champion at random, of the challenger those with a bad outcome first."""

    def silent(rng: np.random.Generator, drawn: Drawn) -> np.ndarray:
        bad = float((drawn.outcome[drawn.challenger] == 0).mean()) if drawn.challenger.any() else 1.0
        unhappy = np.where(drawn.outcome == 0, min(1.0, missing / max(bad, 1e-9)), 0.0)
        return rng.random(len(drawn.key)) < np.where(drawn.challenger, unhappy, missing)

    return silent


def at_random(champion: float, challenger: float) -> Chance:
    """Outcomes are missing with these probabilities."""
    return lambda rng, drawn: rng.random(len(drawn.key)) < np.where(drawn.challenger, challenger, champion)


def late(rng: np.random.Generator, drawn: Drawn) -> np.ndarray:
    """Outcomes come after three days on average, and the last day of the calls is today."""
    return rng.exponential(3, len(drawn.key)) > drawn.days.max() - drawn.days


def by_kind(easy: float, hard: float) -> Callable[[Drawn], np.ndarray]:
    """A share for each of two kinds of customers, as each call says; hard ones have a lower probability."""
    return lambda drawn: np.where(drawn.own < 0, hard, easy)


def hard_ones_stay(easy: float, hard: float) -> Callable[[Drawn], np.ndarray]:
    """The challenger gets these shares of the two kinds of customers, whatever the calls say."""
    return lambda drawn: drawn.position < by_kind(easy, hard)(drawn)


def leave_when_unhappy(rng: np.random.Generator, drawn: Drawn) -> np.ndarray:
    """A key that had a bad outcome of the challenger makes half of its later calls only."""
    order = np.lexsort([drawn.days, drawn.key])
    bad = ((drawn.outcome == 0) & drawn.challenger)[order].astype(int)
    before = np.cumsum(bad) - bad
    first = np.searchsorted(drawn.key[order], drawn.key[order])
    had_one = np.empty(len(bad), bool)
    had_one[order] = before > before[first]
    return ~had_one | (rng.random(len(bad)) < 0.5)
