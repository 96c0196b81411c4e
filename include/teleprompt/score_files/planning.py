"""How many examples a comparison needs, before they cost anything."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from teleprompt.deltaone.paired import effective_sd, examples_needed, minimum_detectable_effect
from teleprompt.records import MILLION
from teleprompt.score_files.pairing import Pairs


@dataclass(frozen=True)
class Spread:
    """How much the differences of two programs' scores vary."""

    sd: float
    """Standard deviation of independent differences that would be as uncertain, in scores."""
    per_group: float = 1.0
    """Examples in a group, on average."""


@dataclass(frozen=True)
class Need:
    """What one gain needs."""

    gain_e6: int
    examples: int
    groups: int
    """Independent groups that the examples have to be of."""


def spread_of(pairs: Pairs) -> Spread:
    """The spread of these pairs' differences."""
    differences = [after - before for before, after in zip(pairs.baseline_e6, pairs.candidate_e6, strict=True)]
    groups = pairs.ids if pairs.groups is None else pairs.groups
    return Spread(effective_sd(differences, groups), len(differences) / pairs.units)


def needs(gains_e6: Sequence[int], spread: Spread, *, alpha: float) -> tuple[Need, ...]:
    """Examples at which each gain, in millionths, would be seen in four of five comparisons."""
    return tuple(_need(gain_e6, spread, alpha=alpha) for gain_e6 in gains_e6)


def _need(gain_e6: int, spread: Spread, *, alpha: float) -> Need:
    examples = examples_needed(sd=spread.sd, difference=gain_e6 / MILLION, alpha=alpha, per_group=spread.per_group)
    return Need(gain_e6, examples, ceil(examples / spread.per_group))


def smallest_gain(spread: Spread, *, n: int, alpha: float) -> float:
    """The true gain, in scores, that `n` examples would show in four of five comparisons."""
    return minimum_detectable_effect(sd=spread.sd, n=n, alpha=alpha, per_group=spread.per_group)
