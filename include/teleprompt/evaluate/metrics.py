"""Scores of one answer, in [0, 1]."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from teleprompt.config.gate import AGREEMENT, EXACT, F1, JUDGE, JudgeConfig
from teleprompt.evaluate.agreement import ValueComparison, same_text, token_f1
from teleprompt.evaluate.judge import judge_metric
from teleprompt.program.code import function_code
from teleprompt.program.entry_point import load_function
from teleprompt.program.fields import Json, ProgramFields
from teleprompt.program.typed_fields import TypedFields, given

Metric = Callable[..., float]
"""`metric(example, prediction, trace=None)`, DSPy's convention; a higher value is better."""

FieldScores = Callable[[Any, Any], dict[str, float]]
"""The agreement of an answer with an example in each output field."""


def build_metric(
    name: str, *, typed: TypedFields, folders: Sequence[Path], judge: JudgeConfig, judge_lm: Any
) -> Metric:
    """The metric that a program file names, a user's in one of `folders`; `judge_lm` is asked only by `judge`.

    Raises:
        ConfigurationError: a user's `module:function` that does not exist.
    """
    if name in COMPARING_METRICS:
        return (all_of_fields if name == EXACT else mean_of_fields)(COMPARING_METRICS[name](typed))
    if name == JUDGE:
        return judge_metric(typed.fields, judge_lm, instructions=judge.instructions)
    return load_function(function_code(name, folders))


def mean_of_fields(scores: FieldScores) -> Metric:
    """The mean over the output fields."""

    def mean(example: Any, prediction: Any, trace: object = None) -> float:
        del trace  # the same score while bootstrapping
        found = scores(example, prediction).values()
        return sum(found) / len(found)

    return mean


def all_of_fields(scores: FieldScores) -> Metric:
    """The lowest of the output fields: 1 where all are equal."""

    def lowest(example: Any, prediction: Any, trace: object = None) -> float:
        del trace
        return min(scores(example, prediction).values())

    return lowest


def agreement_scores(typed: TypedFields) -> FieldScores:
    """How far an answer agrees with one that turned out well.

    This is neither accuracy nor the outcome: it is what can be known offline of an answer that nobody has acted on yet.
    """
    compared = {field.name: ValueComparison.of(field) for field in typed.fields.outputs}
    return _by_field(typed, lambda name, wanted, found: compared[name].agreement(wanted, found))


def exact_scores(typed: TypedFields) -> FieldScores:
    """1 where a value is that of the example, but for case and white space of texts; else 0."""
    compared = {field.name: ValueComparison.of(field, same_text) for field in typed.fields.outputs}
    return _by_field(typed, lambda name, wanted, found: float(compared[name].agreement(wanted, found) == 1))


def f1_scores(typed: TypedFields) -> FieldScores:
    """Token F1 of texts, those of an enum too; other values agree as in `agreement_scores`."""
    compared = {field.name: ValueComparison.of(field) for field in typed.fields.outputs}
    texts = {field.name for field in typed.fields.outputs if field.is_text}

    def f1(name: str, wanted: Json, found: Json) -> float:
        if name in texts and isinstance(wanted, str) and isinstance(found, str):
            return token_f1(wanted, found)
        return compared[name].agreement(wanted, found)

    return _by_field(typed, f1)


def agreement_of(fields: ProgramFields, wanted: Mapping[str, str | None], found: Mapping[str, str | None]) -> float:
    """The agreement of two logged answers, as trace rows hold them."""
    scores = []
    for field in fields.outputs:
        left, right = (
            None if text is None else field.from_row(text) for text in (wanted[field.name], found[field.name])
        )
        scores.append(ValueComparison.of(field).agreement(left, right))
    return sum(scores) / len(scores)


def _by_field(typed: TypedFields, compare: Callable[[str, Json, Json], float]) -> FieldScores:
    names = [field.name for field in typed.fields.outputs]

    def scores(example: Any, prediction: Any) -> dict[str, float]:
        found = {}
        for name in names:
            wanted, answer = given(example, name), given(prediction, name)
            found[name] = compare(name, typed.written(name, wanted), typed.written(name, answer))
        return found

    return scores


COMPARING_METRICS: Mapping[str, Callable[[TypedFields], FieldScores]] = {
    AGREEMENT: agreement_scores,
    EXACT: exact_scores,
    F1: f1_scores,
}
"""Those that compare an answer with the logged one, by name; they give 1 where the two are the same."""
