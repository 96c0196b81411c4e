"""How much a program learns from each good row, by what became of it."""

from collections.abc import Sequence

from teleprompt.records import MILLION

RATIO = 100.0
"""The weight of a row with the best score, where one at the quality score has 1."""


def sample_weights(scores_e6: Sequence[int], *, least_e6: int) -> list[float] | None:
    """The weight of each row: `RATIO` to the power of (score - least) / (1 - least), of scores that reach `least_e6`.

    None where all have the same: a lot without weights is no better than the order of time.
    """
    if len(set(scores_e6)) < 2:
        return None
    return [RATIO ** ((score - least_e6) / (MILLION - least_e6)) for score in scores_e6]


def effective_number(weights: Sequence[float]) -> int:
    """Of how many equal rows weighted ones are worth, (sum w)**2 / sum w**2, rounded (Kish 1965)."""
    return round(sum(weights) ** 2 / sum(weight**2 for weight in weights))
