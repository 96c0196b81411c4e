"""Logged calls in which chance chose among answers, and two programs whose true difference is known."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from teleprompt.production import ExploredCall

ANSWERS = np.array([f"answer {i}" for i in range(50)])
A, B = 0, 1
HARD = 0.3
"""Share of the inputs in which the rare answer is the right one."""


@dataclass(frozen=True)
class Drawn:
    """Calls as columns, as far as they are drawn."""

    key: np.ndarray
    when: np.ndarray
    """In [0, 1)."""
    hard: np.ndarray
    probability: np.ndarray
    """Of each answer, by which it is drawn; calls x answers."""
    champion: np.ndarray
    candidate: np.ndarray
    answer: np.ndarray
    outcome: np.ndarray


Policy = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]
"""The answers to calls that are hard or not, at these times."""


def always(answer: int) -> Policy:
    """One answer."""
    return lambda hard, _when, _rng: np.full(len(hard), answer)


only_a = always(A)


def right(hard: np.ndarray, _when: np.ndarray, _rng: np.random.Generator) -> np.ndarray:
    """B where it is the right one."""
    return np.where(hard, B, A)


def around(policy: Policy, epsilon: float | Callable[[np.ndarray], np.ndarray], answers: int = 2) -> "Logger":
    """A program's answers, and with probability epsilon one of the others."""

    def probability(hard: np.ndarray, when: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        rate = np.broadcast_to(epsilon(when) if callable(epsilon) else epsilon, len(hard))
        found = np.repeat((rate / (answers - 1))[:, None], answers, axis=1)
        found[np.arange(len(hard)), policy(hard, when, rng)] = 1 - rate
        return found

    return probability


def fixed(*shares: float) -> "Logger":
    """The same to every input."""
    return lambda hard, _when, _rng: np.tile(np.array(shares), (len(hard), 1))


Logger = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class World:
    """A is good with 0.8 in easy inputs and `a_in_hard` in hard ones, B with 0.2 and `b_in_hard`, others with 0.2."""

    name: str
    logger: Logger = field(default_factory=lambda: around(right, 0.1))
    champion: Policy = right
    candidate: Policy = only_a
    n: int = 2_500
    per_key: int | Callable[[np.random.Generator, int], np.ndarray] = 1
    hard: float = HARD
    a_in_hard: float = 0.2
    b_in_hard: float = 0.7
    sd: float = 0.0
    """Of what each key adds to the probability of a good outcome, whatever the answer."""
    effect_sd: float = 0.0
    """Of what each key adds to it where B is given."""
    drift: float = 0.0
    """By how much outcomes rise from the first call to the last, whatever the answer."""
    tell: Callable[[Drawn, np.ndarray], np.ndarray] = lambda _drawn, p: p
    """The propensities as they are logged, of those that there were."""
    silent: Callable[[np.random.Generator, Drawn], np.ndarray] | None = None
    keyless: bool = False

    def draw(self, rng: np.random.Generator) -> tuple[list[ExploredCall], float]:
        """One such log, and the true difference on its inputs."""
        drawn, expected = self._drawn(rng)
        p = np.take_along_axis(drawn.probability, drawn.answer[:, None], axis=1)[:, 0]
        told = self.tell(drawn, p)
        silent = self.silent(rng, drawn) if self.silent else np.zeros(len(p), bool)
        columns = drawn.key, ANSWERS[drawn.answer], told, ANSWERS[drawn.champion], ANSWERS[drawn.candidate]
        calls = [
            ExploredCall(
                key=None if self.keyless else f"customer {key}",
                answer=answer,
                propensity=None if np.isnan(chance) else float(chance),
                champion=champion,
                candidate=candidate,
                outcome=None if lost else float(value),
            )
            for key, answer, chance, champion, candidate, value, lost in zip(
                *columns, drawn.outcome, silent, strict=True
            )
        ]
        rows = np.arange(len(p))
        return calls, float((expected[rows, drawn.candidate] - expected[rows, drawn.champion]).mean())

    def _drawn(self, rng: np.random.Generator) -> tuple[Drawn, np.ndarray]:
        counts = (
            np.full(-(-self.n // self.per_key), self.per_key)
            if isinstance(self.per_key, int)
            else self.per_key(rng, self.n)
        )
        keys = len(counts)
        key = np.repeat(np.arange(keys), counts)[: self.n]
        n = len(key)
        when, hard = rng.random(n), rng.random(n) < self.hard
        probability = self.logger(hard, when, rng)
        champion, candidate = self.champion(hard, when, rng), self.candidate(hard, when, rng)
        answer = (rng.random(n)[:, None] > probability.cumsum(axis=1)).sum(axis=1).clip(max=probability.shape[1] - 1)
        own, effect = rng.normal(0, self.sd, keys)[key], rng.normal(0, self.effect_sd, keys)[key]
        expected = np.full(probability.shape, 0.2)
        expected[:, A] = np.where(hard, self.a_in_hard, 0.8)
        if expected.shape[1] > 1:
            expected[:, B] = np.where(hard, self.b_in_hard, 0.2) + effect
        expected = np.clip(expected + (own + self.drift * (when - 0.5))[:, None], 0, 1)
        outcome = (rng.random(n) < expected[np.arange(n), answer]).astype(float)
        return Drawn(key, when, hard, probability, champion, candidate, answer, outcome), expected


def note_worlds() -> list[World]:
    """In which agreement with good answers says the opposite of the outcome, or the same."""
    return [
        World("the candidate drops the right B in hard cases, logs 95 % A", fixed(0.95, 0.05), right, always(A)),
        World("the reverse", fixed(0.95, 0.05), always(A), right),
        World("the logs are the champion's own, 2 % explored", around(always(A), 0.02), always(A), right),
        World("logs at random", fixed(0.5, 0.5), always(A), right),
    ]


def equal(world: World) -> World:
    """The same where it makes no difference which answer hard cases get."""
    return replace(world, a_in_hard=0.45, b_in_hard=0.45)


def power_law(rng: np.random.Generator, n: int) -> np.ndarray:
    """Calls of each key: most make one or two, few hundreds; `n` in all, about."""
    return np.minimum(np.floor(rng.pareto(1.2, n // 3) + 1), 500).astype(int)


def heavy(rng: np.random.Generator, n: int) -> np.ndarray:
    """Probabilities from 0.02 to 0.5, most of them small."""
    return 0.02 / rng.uniform(0.04, 1, n)


def explored_by_chance(hard: np.ndarray, when: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How much is explored differs from call to call."""
    rate = heavy(rng, len(hard))
    return around(right, lambda _when: rate)(hard, when, rng)


def hard_ones_less(hard: np.ndarray, when: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """2 % of the hard inputs are explored and 20 % of the easy ones."""
    rate = np.where(hard, 0.02, 0.2)
    return around(right, lambda _when: rate)(hard, when, rng)


def with_another(logger: Logger) -> Logger:
    """The same with one answer more, which is never given."""
    return lambda hard, when, rng: np.pad(logger(hard, when, rng), ((0, 0), (0, 1)))


def third_in_half(hard: np.ndarray, _when: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A third answer in half of the hard inputs, else A."""
    return np.where(hard & (rng.random(len(hard)) < 0.5), 2, A)


def unhappy_with_it_are_silent(rng: np.random.Generator, drawn: Drawn) -> np.ndarray:
    """A fifth of the outcomes is missing; of the candidate's answers the bad ones first."""
    own = (drawn.answer == drawn.candidate) & (drawn.candidate != drawn.champion)
    return rng.random(len(own)) < np.where(own, np.where(drawn.outcome == 0, 0.36, 0.0), 0.2)


def some(value: float, share: float) -> Callable[[Drawn, np.ndarray], np.ndarray]:
    """Every so manieth call is logged with this propensity."""
    return lambda _drawn, p: np.where(np.arange(len(p)) % round(1 / share) == 0, value, p)


def adversarial_worlds() -> list[World]:
    """Without a difference between the programs, or, where overlap is missing, with a difference that nobody saw."""
    customers = {"n": 3_000, "sd": 0.25, "effect_sd": 0.15}
    return [
        equal(World("plain, 10 % explored")),
        equal(World("300 customers with ten calls each, and tastes", per_key=10, **customers)),
        equal(World("customers by a power law", per_key=power_law, **customers)),
        equal(World("no keys", keyless=True)),
        equal(World("how much is explored differs from 2 to 50 %", explored_by_chance, n=4_000)),
        equal(World("outcomes rise 20 points, exploration from 2 to 40 %",
                    around(right, lambda when: 0.02 + 0.38 * when), drift=0.2)),
        replace(World("good outcomes are rare: 2 %", n=4_000), a_in_hard=0.02, b_in_hard=0.02),
        replace(World("bad outcomes are rare: 2 %", n=4_000), a_in_hard=0.98, b_in_hard=0.98),
        equal(World("few calls: 300", n=300)),
        equal(World("a tenth is missing at random", silent=lambda rng, drawn: rng.random(len(drawn.key)) < 0.1)),
        replace(World("5 points worse, its unhappy are silent, a fifth is missing",
                      silent=unhappy_with_it_are_silent), a_in_hard=0.4, b_in_hard=0.567),
        replace(World("the candidate's answer was never given", fixed(0.0, 1.0)), a_in_hard=0.0),
        World("half of its answers were never given, and are bad", with_another(around(right, 0.1)),
              candidate=third_in_half),
        World("20 answers, 5 % explored", around(right, 0.05, answers=20)),
        World("one call in a hundred has a propensity of 0", tell=some(0.0, 0.01)),
        World("one call in a hundred has none", tell=some(np.nan, 0.01)),
        equal(World("propensities of another policy are logged: 0.5", tell=lambda _drawn, p: np.full(len(p), 0.5))),
        equal(World("2 % of hard inputs explored, logged as 7 %", hard_ones_less, n=4_000,
                    tell=lambda _drawn, p: np.where(p < 0.5, 0.07, 0.93))),
    ]  # fmt: skip
