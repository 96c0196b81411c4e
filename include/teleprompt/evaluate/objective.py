"""From a metric to one number: what optimizers climb and what is compared."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from teleprompt.config.outcome import Direction
from teleprompt.errors import ConfigurationError
from teleprompt.evaluate.examples import review_of
from teleprompt.evaluate.metrics import Metric

ARITIES = (5, 3, 2)
"""Positional arguments of a metric: GEPA's five, DSPy's three, or example and prediction alone."""

SCORE = "score"
"""Name of the score of a metric that gives one number."""


class Objective:
    """A metric with the weights of its named scores; called as DSPy calls metrics, it gives their weighted mean.

    The metric gives a number, a mapping of named scores, or a prediction with a `score` and maybe a `feedback`. Scores
    without a weight are kept and do not count. A higher value of the objective is always better: of a metric whose
    lower values are better, it is 1 - mean.
    """

    def __init__(
        self, metric: Metric, weights: Mapping[str, float] | None = None, *, direction: Direction = Direction.HIGHER
    ) -> None:
        self._metric = metric
        self._direction = direction
        self._weights = dict(weights or {})
        self._arity = arity(metric)

    def __call__(self, example: Any, prediction: Any, trace: Any = None) -> float:
        """The weighted mean."""
        return self.combine(self.scores(example, prediction, trace))

    def scores(self, example: Any, prediction: Any, trace: Any = None) -> dict[str, float]:
        """The metric's named scores; `score` where it gives one number."""
        return _named(self._metric(*(example, prediction, trace, None, None)[: self._arity]))

    def combine(self, scores: Mapping[str, float]) -> float:
        """The weighted mean of named scores, turned round where lower ones are better.

        Raises:
            ConfigurationError: a name that has a weight is missing, or there are several scores and no weights.
        """
        if not self._weights:
            if len(scores) != 1:
                names = ", ".join(sorted(scores))
                raise ConfigurationError(f"The metric gives several scores ({names}); weight them in `gate.objective`.")
            return self._turned(next(iter(scores.values())))
        missing = sorted(self._weights.keys() - scores.keys())
        if missing:
            raise ConfigurationError(f"The metric gives no score {missing[0]!r}, which `gate.objective` weights.")
        weighted = sum(weight * scores[name] for name, weight in self._weights.items())
        return self._turned(weighted / sum(self._weights.values()))

    def _turned(self, mean: float) -> float:
        return mean if self._direction is Direction.HIGHER else 1 - mean

    def with_feedback(self, example: Any, prediction: Any, trace: Any = None, *_where: Any) -> Any:
        """`dspy.Prediction(score=…, feedback=…)` as GEPA wants it.

        The metric's own feedback if it gives any, else what was wanted and the named scores; after that what became of
        the logged answer, and what its reviewer said.
        """
        import dspy

        given = self._metric(*(example, prediction, trace, *_where, None, None)[: self._arity])
        scores = _named(given)
        feedback = getattr(given, "feedback", None) or _what_was_wanted(example, scores)
        review = review_of(example)
        return dspy.Prediction(score=self.combine(scores), feedback=f"{feedback} {review}" if review else feedback)


def arity(metric: Callable[..., Any]) -> int:
    """How many positional arguments to call `metric` with.

    Raises:
        ConfigurationError: it takes none of the usual numbers.
    """
    try:
        signature = inspect.signature(metric)
    except ValueError:  # a builtin without one
        return ARITIES[-1]
    for number in ARITIES:
        try:
            signature.bind(*[None] * number)
        except TypeError:
            continue
        return number
    name = getattr(metric, "__name__", type(metric).__name__)
    raise ConfigurationError(
        f"The metric {name}{signature} must take (example, prediction), (example, prediction, trace) or GEPA's five "
        "arguments; correct it."
    )


def _named(given: Any) -> dict[str, float]:
    if isinstance(given, Mapping):
        return {str(name): float(value) for name, value in given.items()}
    return {SCORE: float(getattr(given, "score", given))}


def _what_was_wanted(example: Any, scores: Mapping[str, float]) -> str:
    wanted = "; ".join(f"{name}: {example[name]}" for name in example.labels())
    reached = ", ".join(f"{name} {value:.2f}" for name, value in sorted(scores.items()))
    return f"Wanted: {wanted}. Reached: {reached} of 1."
