"""What a program's answers would have brought, from calls in which chance chose among answers.

An outcome is known of the answer that was given alone. Where chance gave it with a known probability p, a call whose
logged answer is also the program's stands for 1 / p calls with that input: inverse propensities (Horvitz and Thompson
1952), *self-normalised* where divided by the sum of the weights (Hajek 1971; Swaminathan and Joachims 2015, "The
Self-Normalized Estimator for Counterfactual Learning"). The *doubly robust* estimate adds to a model's guess of either
program's outcome what the matching calls show beyond it (Robins, Rotnitzky and Zhao 1994; Dudik, Langford and Li 2011,
"Doubly Robust Policy Evaluation and Learning"). With known propensities it is unbiased whatever the model, as long as a
call's own outcome is not in its guess (cross-fitting, Chernozhukov et al. 2018); the model is the mean outcome of each
answer, and only narrows the interval.

Where both programs answer alike there is nothing to compare; all calls count, with a difference of 0 there.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from teleprompt.deltaone.strata import KEY_CAP, ROUNDING

if TYPE_CHECKING:
    from teleprompt.deltaone.off_policy_calls import Booleans, ExploredColumns, Floats, Integers

FOLDS = 5
"""Keys are divided so; a call's guess comes from the keys of the other folds."""
PRIOR = 1.0
"""Calls by which the mean of an answer is drawn to that of all."""


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each call stands for; columns of equal length."""

    size: "Floats"
    """Of the call: 1, less where its key made more than the cap."""
    differ: "Booleans"
    """Whether the two programs answer differently."""
    champion: "Floats"
    """1 / p where the logged answer is the champion's and they differ, else 0."""
    candidate: "Floats"
    alike: "Floats"
    """1 / p where they answer alike, and so was logged, else 0."""

    @classmethod
    def of(cls, columns: "ExploredColumns") -> "Weights":
        """The weights of calls whose propensities are known and above 0."""
        import numpy as np

        made = np.bincount(columns.unit)[columns.unit] if len(columns.unit) else np.zeros(0, int)
        differ = columns.champion != columns.candidate
        return cls(
            KEY_CAP / np.maximum(made, KEY_CAP),
            differ,
            np.where(differ & (columns.answer == columns.champion), 1 / columns.propensity, 0.0),
            np.where(differ & (columns.answer == columns.candidate), 1 / columns.propensity, 0.0),
            np.where(~differ & (columns.answer == columns.champion), 1 / columns.propensity, 0.0),
        )


@dataclass(frozen=True, slots=True)
class Difference:
    """Candidate less champion, in mean outcomes over all calls."""

    delta: float
    influence: "Floats"
    """What each key adds to the error of the estimate."""
    keys: float
    """Effective keys behind that program's answers that has fewer of them."""
    champion: float
    """Mean outcome where they differ."""
    candidate: float
    differ: float
    """Share of the calls."""
    alike: float
    """Mean outcome where they answer alike, by inverse propensities; no difference depends on it."""

    @property
    def means(self) -> tuple[float, float]:
        """Of champion and candidate over all calls, the first moved so far that both lie in [0, 1]."""
        delta = max(-1.0, min(1.0, self.delta))
        champion = self.differ * self.champion + (1 - self.differ) * self.alike
        champion = min(max(champion, 0.0, -delta), 1.0, 1.0 - delta)
        return champion, champion + delta

    @property
    def se(self) -> float:
        """Standard error: each key left out in turn (jackknife, HC3 of MacKinnon and White 1985, by cluster)."""
        return float((self.influence**2).sum() ** 0.5)

    @property
    def freedom(self) -> float:
        """Degrees of freedom of its square, by how few keys carry it (Satterthwaite 1946, of the squares as found)."""
        squares = self.influence**2
        total = float(squares.sum())
        return 1.0 if total < ROUNDING**2 else max(1.0, min(self.keys, total**2 / float((squares**2).sum())) - 1)


def doubly_robust(columns: "ExploredColumns", weights: Weights, outcome: "Floats", known: "Booleans") -> Difference:
    """The difference with `outcome` for each call; where it is not `known`, the call says nothing of the outcome."""
    import numpy as np

    candidate, champion = weights.candidate * known, weights.champion * known
    guesses = _guesses(columns, weights, outcome, known)
    of_candidate, of_champion = (
        guesses[columns.unit % FOLDS, program] for program in (columns.candidate, columns.champion)
    )
    gained = of_candidate + candidate * (outcome - of_candidate)
    before = of_champion + champion * (outcome - of_champion)
    each = np.where(weights.differ, gained - before, 0.0)
    delta, influence = _mean(each, weights.size, columns.unit)
    influence = influence * _leverage(weights, columns.unit)
    own = weights.size * weights.differ
    total = max(float(own.sum()), ROUNDING)
    return Difference(
        delta=delta,
        influence=influence,
        keys=_fewest(weights, columns.unit),
        champion=float((own * before).sum()) / total,
        candidate=float((own * gained).sum()) / total,
        differ=float(own.sum() / weights.size.sum()),
        alike=_mean_where_alike(weights, outcome, known),
    )


def self_normalised(columns: "ExploredColumns", weights: Weights, outcome: "Floats", known: "Booleans") -> Difference:
    """The same without a model: each program's mean is divided by the sum of its weights."""
    import numpy as np

    size, n = weights.size, float(weights.size.sum())
    differ, _ = _mean(weights.differ.astype(float), size, columns.unit)
    means, terms = [], []
    for weight in (weights.champion * known, weights.candidate * known):
        total = float((size * weight).sum())
        mean = float((size * weight * outcome).sum()) / total if total > ROUNDING else 0.0
        means.append(mean)
        terms.append(weight * (outcome - mean) / total * n if total > ROUNDING else np.zeros(len(weight)))
    champion, candidate = means
    gain = candidate - champion
    each = (terms[1] - terms[0]) * differ + weights.differ * gain
    _, influence = _mean(each, size, columns.unit)
    return Difference(
        gain * differ, influence * _leverage(weights, columns.unit), _fewest(weights, columns.unit),
        champion, candidate, differ, _mean_where_alike(weights, outcome, known),
    )  # fmt: skip


def mean_weight(weight: "Floats", weights: Weights, unit: "Integers") -> tuple[float, float]:
    """The mean of a program's weights where the two differ, and its standard error; about 1 if they are right."""
    import numpy as np

    size = weights.size[weights.differ]
    _, own = np.unique(unit[weights.differ], return_inverse=True)
    mean, influence = _mean(weight[weights.differ], size, own)
    return mean, float((influence**2).sum() ** 0.5)


def effective(weight: "Floats", size: "Floats", unit: "Integers") -> tuple[float, float]:
    """How many keys of equal weight these are worth (Kish 1965), and the share of the one that weighs most."""
    import numpy as np

    of_keys = np.bincount(unit, weight * size)
    total = float(of_keys.sum())
    if total < ROUNDING:
        return 0.0, 0.0
    return total**2 / float((of_keys**2).sum()), float(of_keys.max()) / total


def _fewest(weights: Weights, unit: "Integers") -> float:
    return min(effective(weight, weights.size, unit)[0] for weight in (weights.champion, weights.candidate))


def _leverage(weights: Weights, unit: "Integers") -> "Floats":
    """By how much a key's part falls short, since a mean that it has its share of is taken off it (HC3)."""
    import numpy as np

    most = np.zeros(int(unit.max()) + 1)
    for weight in (weights.champion, weights.candidate):
        of_keys = np.bincount(unit, weight * weights.size)
        most = np.maximum(most, of_keys / max(float(of_keys.sum()), ROUNDING))
    factor: Floats = 1 / np.maximum(1 - most, ROUNDING)
    return factor


def _mean_where_alike(weights: Weights, outcome: "Floats", known: "Booleans") -> float:
    weight = weights.alike * weights.size * known
    total = float(weight.sum())
    return float((weight * outcome).sum()) / total if total > ROUNDING else 0.0


def _mean(values: "Floats", size: "Floats", unit: "Integers") -> tuple[float, "Floats"]:
    """The mean by size, and what each key adds to its error when it is left out."""
    import numpy as np

    total = float(size.sum())
    mean = float((values * size).sum()) / total
    part = np.bincount(unit, size) / total
    error = np.bincount(unit, (values - mean) * size) / total
    return mean, error / np.maximum(1 - part, ROUNDING)


def _guesses(columns: "ExploredColumns", weights: Weights, outcome: "Floats", known: "Booleans") -> "Floats":
    """For each fold and answer, the mean outcome of that answer in the other folds, where the programs differ."""
    import numpy as np

    weight = (weights.champion + weights.candidate) * weights.size * known
    place = (columns.unit % FOLDS) * columns.answers + columns.answer
    slots = FOLDS * columns.answers
    counted = np.bincount(place, weight, slots).reshape(FOLDS, -1)
    total = np.bincount(place, weight * outcome, slots).reshape(FOLDS, -1)
    others, sums = counted.sum(axis=0) - counted, total.sum(axis=0) - total
    all_of_them = others.sum(axis=1, keepdims=True)
    overall = np.where(all_of_them > 0, sums.sum(axis=1, keepdims=True) / np.maximum(all_of_them, ROUNDING), 0.5)
    guesses: Floats = (sums + PRIOR * overall) / (others + PRIOR)
    return guesses
