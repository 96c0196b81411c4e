"""How often the gate promotes on one's own scores where there is no gain: an A/A test, by resampling."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from statistics import NormalDist

from teleprompt.deltaone.decide import decide
from teleprompt.deltaone.report import GatePolicy, Verdict
from teleprompt.errors import ConfigurationError
from teleprompt.score_files.pairing import Pairs
from teleprompt.score_files.scores import Scores

SEED = 20_240_115

Comparison = tuple[list[int], list[int], list[str]]
"""Scores of both programs, in millionths, and the examples' groups."""


@dataclass(frozen=True)
class Calibration:
    """What came of comparisons without a gain."""

    rounds: int
    n: int
    """Examples of each comparison, on average."""
    promoted: int
    allowed: float
    """Share that the policy allows: half of alpha, for the other half are losses."""

    @property
    def share(self) -> float:
        """That was promoted."""
        return self.promoted / self.rounds

    @property
    def interval(self) -> tuple[float, float]:
        """The share's 95 % interval (Wilson 1927): its Monte-Carlo error."""
        z, n = NormalDist().inv_cdf(0.975), self.rounds
        centre = (self.share + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * (self.share * (1 - self.share) / n + z * z / (4 * n * n)) ** 0.5
        return max(0.0, centre - half), min(1.0, centre + half)

    @property
    def holds(self) -> bool:
        """Whether chance explains what was promoted beyond what is allowed."""
        return self.interval[0] <= self.allowed


def calibrate(draw: Callable[[Random], Comparison], policy: GatePolicy, *, rounds: int) -> Calibration:
    """Judge so many drawn comparisons; the same draws in every call."""
    promoted = examples = 0
    for baseline, candidate, groups in _draws(draw, rounds):
        examples += len(baseline)
        promoted += decide(baseline, candidate, groups=groups, policy=policy).verdict is Verdict.PROMOTE
    return Calibration(rounds, round(examples / rounds), promoted, policy.alpha / 2)


def _draws(draw: Callable[[Random], Comparison], rounds: int) -> Iterator[Comparison]:
    random = Random(SEED)  # noqa: S311 - draws, no secrets
    return (draw(random) for _ in range(rounds))


def resampled(pairs: Pairs) -> Callable[[Random], Comparison]:
    """Draws as many groups as there are, with replacement, and of each tosses which run counts as the candidate."""
    labels = pairs.ids if pairs.groups is None else pairs.groups
    by_group: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for label, before, after in zip(labels, pairs.baseline_e6, pairs.candidate_e6, strict=True):
        by_group[label].append((before, after))
    groups = list(by_group.values())

    def draw(random: Random) -> Comparison:
        baseline, candidate, names = [], [], []
        for number, group in enumerate(random.choices(groups, k=len(groups))):
            is_swapped = random.random() < 0.5
            for before, after in group:
                baseline.append(after if is_swapped else before)
                candidate.append(before if is_swapped else after)
                names.append(str(number))
        return baseline, candidate, names

    return draw


def split(scores: Scores, *, fewest: int = 1) -> Callable[[Random], Comparison]:
    """Draws two halves of one run's examples, paired at random.

    Raises:
        ConfigurationError: the examples have groups, which halves would tear apart, or a half has less than `fewest`.
    """
    if scores.groups is not None and len(set(scores.groups)) < len(scores.groups):
        raise ConfigurationError(
            f"{scores.path} has groups, and its halves would not be independent; give two runs of the same program."
        )
    half = len(scores.scores_e6) // 2
    if half < fewest:
        raise ConfigurationError(
            f"There are only {half} pairs of the halves of {scores.path}, and fewer than {fewest} show nothing; give "
            "more examples."
        )

    def draw(random: Random) -> Comparison:
        shuffled = random.sample(list(scores.scores_e6), 2 * half)
        return shuffled[:half], shuffled[half:], [str(i) for i in range(half)]

    return draw
