"""A language model that grades answers."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from teleprompt.errors import UnreadableGradeError, language_model_error
from teleprompt.lm.meter import ModelGone
from teleprompt.program.fields import ProgramFields, json_text
from teleprompt.program.typed_fields import given
from teleprompt.program.value_type import as_json
from teleprompt.records import Record, from_millionths
from teleprompt.traces.row import TraceRow


class JudgeAgreement(Record):
    """How far the judge's grades of logged answers agree with what came of those answers."""

    n: int
    spearman_e6: int | None
    """Rank correlation in millionths of 1; None where all grades or all outcomes are alike."""

    @property
    def in_words(self) -> str:
        """The correlation as people read it."""
        return "unknown (all alike)" if self.spearman_e6 is None else f"{self.spearman_e6 / 1e6:+.2f}"


def judge_metric(fields: ProgramFields, lm: Any, *, instructions: str) -> Callable[..., float]:
    """A metric that asks `lm` for a grade from 0 to 1.

    The judge sees the question and the answer, never the logged one: it is to grade, not to compare.
    """
    import dspy
    from dspy.utils.exceptions import AdapterParseError

    judge = dspy.Predict(dspy.Signature("question: str, answer: str -> grade: float", instructions))

    def graded(example: Any, prediction: Any, trace: object = None) -> float:
        del trace
        question = {field.name: _words(example[field.name]) for field in fields.inputs if field.name in example}
        answer = {field.name: _words(given(prediction, field.name)) for field in fields.outputs}
        with dspy.context(lm=lm, callbacks=[], disable_history=True):
            try:
                grade = judge(question=_text(question), answer=_text(answer)).grade
            except AdapterParseError:
                raise UnreadableGradeError from None  # it quotes the answer
        if not isinstance(grade, (int, float)) or not 0 <= grade <= 1:
            raise UnreadableGradeError
        return float(grade)

    return graded


def judge_agreement(rows: Sequence[TraceRow], examples: Sequence[Any], judge: Callable[..., float]) -> JudgeAgreement:
    """Spearman's rank correlation between the judge's grades of logged answers and their outcome scores.

    `examples` are those of `rows`, whose labels are the logged answers. Answers without a readable grade do not count.

    Raises:
        LanguageModelUnavailableError: the judge does not answer.
    """
    from scipy.stats import spearmanr

    pairs = []
    for row, example in zip(rows, examples, strict=True):
        try:
            pairs.append((judge(example, example.labels()), from_millionths(row.score_e6)))
        except UnreadableGradeError:
            continue
        except ModelGone as gone:
            raise language_model_error(gone.cause) from None
    grades, outcomes = [grade for grade, _ in pairs], [outcome for _, outcome in pairs]
    if len(set(grades)) < 2 or len(set(outcomes)) < 2:
        return JudgeAgreement(n=len(pairs), spearman_e6=None)
    return JudgeAgreement(n=len(pairs), spearman_e6=round(float(spearmanr(grades, outcomes).statistic) * 1e6))


def _words(value: Any) -> str:
    """A value as a judge reads it: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json_text(as_json(value))


def _text(values: dict[str, str]) -> str:
    return next(iter(values.values())) if len(values) == 1 else json.dumps(values, ensure_ascii=False)
