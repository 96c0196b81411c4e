"""Scores of one answer, in [0, 1]."""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from teleprompt.config.gate import AGREEMENT, EXACT, F1, JUDGE, JudgeConfig
from teleprompt.encoding.canonical_json import normalised_text
from teleprompt.evaluate.judge import judge_metric
from teleprompt.program.entry_point import load_function
from teleprompt.program.fields import ProgramFields

Metric = Callable[..., float]
"""`metric(example, prediction, trace=None)`, DSPy's convention; a higher value is better."""


def build_metric(name: str, *, fields: ProgramFields, programs_dir: Path, judge: JudgeConfig, judge_lm: Any) -> Metric:
    """The metric that a program file names; `judge_lm` (a `dspy.LM`) is asked only by `judge`.

    Raises:
        ConfigurationError: a user's `module:function` that does not exist.
    """
    if name in COMPARING_METRICS:
        return COMPARING_METRICS[name](fields)
    if name == JUDGE:
        return judge_metric(fields, judge_lm, instructions=judge.instructions)
    return load_function(programs_dir, name)


def exact_metric(fields: ProgramFields) -> Metric:
    """1 where every output field is that of the example, but for case and white space; else 0."""

    def exact(example: Any, prediction: Any, trace: object = None) -> float:
        del trace
        return float(
            all(
                normalised_text(str(example[field.name])) == normalised_text(str(getattr(prediction, field.name, "")))
                for field in fields.outputs
            )
        )

    return exact


def f1_metric(fields: ProgramFields) -> Metric:
    """Token F1, averaged over the output fields."""

    def f1(example: Any, prediction: Any, trace: object = None) -> float:
        del trace
        scores = [
            token_f1(str(example[field.name]), str(getattr(prediction, field.name, ""))) for field in fields.outputs
        ]
        return sum(scores) / len(scores)

    return f1


def agreement_metric(fields: ProgramFields) -> Metric:
    """How far an answer agrees with one that turned out well, averaged over the output fields.

    Categorical fields agree or not; texts agree by token F1. This is neither accuracy nor the outcome: it is
    what can be known offline of an answer that nobody has acted on yet.
    """

    def agreement(example: Any, prediction: Any, trace: object = None) -> float:
        del trace  # the same score while bootstrapping
        given = {field.name: str(getattr(prediction, field.name, "")) for field in fields.outputs}
        return agreement_of(fields, {field.name: str(example[field.name]) for field in fields.outputs}, given)

    return agreement


def agreement_of(fields: ProgramFields, wanted: Mapping[str, str], given: Mapping[str, str]) -> float:
    """The same, of the output fields of two answers as texts."""
    scores = []
    for field in fields.outputs:
        left, right = wanted[field.name], given[field.name]
        same = float(normalised_text(left) == normalised_text(right))
        scores.append(same if field.is_categorical else token_f1(left, right))
    return sum(scores) / len(scores)


def token_f1(wanted: str, given: str) -> float:
    """Harmonic mean of precision and recall over normalised words, as in SQuAD (Rajpurkar et al. 2016)."""
    left, right = Counter(normalised_text(wanted).split()), Counter(normalised_text(given).split())
    common = (left & right).total()
    if not common:
        return float(left == right)
    return 2 * common / (left.total() + right.total())


COMPARING_METRICS: Mapping[str, Callable[[ProgramFields], Metric]] = {
    AGREEMENT: agreement_metric,
    EXACT: exact_metric,
    F1: f1_metric,
}
"""Those that compare an answer with the logged one, by name; they give 1 where the two are the same."""
