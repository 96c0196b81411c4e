"""Whether the metric gives a logged answer full marks when a program gives that very answer.

A label is what was logged, read back from text; an answer is what DSPy makes of the model's words by the field's type.
Where the two are written differently, as the label 2 and the answer 2.0 of a `float`, right answers score 0, and
whoever answers wrongly, but in the label's form, is promoted. So each label is first read as the model's words would
be, and scored as an answer.

Of many labels a few may be unreadable: no answer to such a call gets full marks, the champion's as little as the
candidate's.
"""

import logging
from collections.abc import Sequence
from typing import Any

from teleprompt.encoding.canonical_json import normalised_text
from teleprompt.errors import ConfigurationError
from teleprompt.evaluate.examples import to_examples
from teleprompt.evaluate.objective import SCORE, Objective
from teleprompt.program.fields import ProgramFields
from teleprompt.traces.row import TraceRow

log = logging.getLogger(__name__)

MOST_UNREADABLE = 0.05
"""Share of the logged answers that may score less than 1."""

ENOUGH_FOR_ONE = 10
"""With so many answers one may, whatever share it is."""


class UnreadableLabelError(ConfigurationError):
    """Logged answers do not agree with themselves."""

    def __init__(self, field: str, type_: str, failed: int, of: int) -> None:
        super().__init__(
            f"{failed} of {of} logged answers would not score 1 against themselves, for the output `{field}` ({type_}) "
            "is not compared in the form in which it was logged; nothing is compared until it is declared as str, int, "
            "bool, a Literal or a list of texts, or `gate.metric` names a metric of your own that reads it."
        )


def check_self_agreement(program: Any, rows: Sequence[TraceRow], fields: ProgramFields, objective: Objective) -> None:
    """Score what was logged as an answer to itself; no language model is asked.

    Raises:
        UnreadableLabelError: too many do not score 1; by the metrics that ship with the package each should.
    """
    import dspy

    types = _annotations(program, fields)
    faulty: list[str] = []
    for row, example in zip(rows, to_examples(rows, fields), strict=True):
        answer = {name: _as_answer(row.outputs[name], type_) for name, type_ in types.items()}
        if objective.scores(example, dspy.Prediction(**answer)) != {SCORE: 1.0}:
            faulty.append(_first_difference(example, answer))
    if len(faulty) > max(MOST_UNREADABLE * len(rows), 1 if len(rows) >= ENOUGH_FOR_ONE else 0):
        worst = max(sorted(set(faulty)), key=faulty.count)
        raise UnreadableLabelError(worst, _named(types[worst]), len(faulty), len(rows))
    if faulty:
        log.warning("%d of %d logged answers cannot be compared; nobody is right about them.", len(faulty), len(rows))


def _annotations(program: Any, fields: ProgramFields) -> dict[str, Any]:
    declared = program.predictors()[-1].signature.output_fields
    return {field.name: declared[field.name].annotation for field in fields.outputs}


def _as_answer(text: str, type_: Any) -> Any:
    """What DSPy's adapters make of a model's words; None where they could make nothing of them."""
    from dspy.adapters.utils import parse_value

    try:
        return parse_value(text, type_)
    except Exception:  # noqa: BLE001 - a type of the user's may raise anything; what cannot be read is no answer
        return None


def _first_difference(example: Any, answer: dict[str, Any]) -> str:
    for name, value in answer.items():
        if normalised_text(str(example[name])) != normalised_text(str(value)):
            return name
    return next(iter(answer))


def _named(type_: Any) -> str:
    return getattr(type_, "__name__", str(type_))
