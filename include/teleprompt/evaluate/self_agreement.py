"""Whether logged calls can be read by the types of their fields, and a logged answer gets full marks against itself.

What is no value of its type, or becomes another each time that it is read (a validator that divides by 100), cannot be
compared: no answer gets full marks, and whoever answers wrongly in some other way may be promoted. Of many calls a few
may be so: nobody is right about them, the champion as little as the candidate.
"""

import logging
from collections.abc import Sequence

from teleprompt.errors import ConfigurationError
from teleprompt.evaluate.examples import holding, to_examples
from teleprompt.evaluate.objective import SCORE, Objective
from teleprompt.program.typed_fields import TypedFields
from teleprompt.traces.row import TraceRow

log = logging.getLogger(__name__)

MOST_UNREADABLE = 0.05
"""Share of the logged answers that may score less than 1."""

ENOUGH_FOR_ONE = 10
"""With so many answers one may, whatever share it is."""


class UnreadableLabelError(ConfigurationError):
    """Logged values are none of the fields' types."""

    def __init__(self, field: str, side: str, type_: str, failed: int, of: int) -> None:
        super().__init__(
            f"{failed} of {of} logged calls hold no {type_} for the {side} `{field}`, or one that becomes another each "
            f"time that it is read, so nothing is compared; declare the type that is logged in the program file "
            f"(`{side}s: {{{field}: ...}}`), or have the program log another."
        )


def check_readable(rows: Sequence[TraceRow], typed: TypedFields) -> None:
    """Read what was logged.

    Raises:
        UnreadableLabelError: too many calls hold a value that is none of its type.
    """
    _judge([typed.unreadable(row.inputs, row.outputs) for row in rows], typed)


def check_self_agreement(rows: Sequence[TraceRow], typed: TypedFields, objective: Objective) -> None:
    """Score what was logged as an answer to itself; no language model is asked.

    Raises:
        UnreadableLabelError: too many do not score 1; by the metrics that ship with the package each should.
    """
    import dspy

    outputs = [field.name for field in typed.fields.outputs]
    faulty: list[str | None] = []
    for row, example in zip(rows, to_examples(rows, typed), strict=True):
        unreadable = typed.unreadable(row.inputs, row.outputs)
        if unreadable is not None:
            faulty.append(unreadable)
        elif objective.scores(example, holding(dspy.Prediction(), example.labels())) != {SCORE: 1.0}:
            faulty.append(outputs[0])
        else:
            faulty.append(None)
    _judge(faulty, typed)


def _judge(found: Sequence[str | None], typed: TypedFields) -> None:
    """`found` names a field of each call that cannot be compared, and None for the others."""
    faulty, of = [name for name in found if name is not None], len(found)
    if len(faulty) > max(MOST_UNREADABLE * of, 1 if of >= ENOUGH_FOR_ONE else 0):
        worst = max(sorted(set(faulty)), key=faulty.count)
        side, types = ("output", typed.outputs) if worst in typed.outputs else ("input", typed.inputs)
        raise UnreadableLabelError(worst, side, types[worst].name, len(faulty), of)
    if faulty:
        log.warning("%d of %d logged answers cannot be compared; nobody is right about them.", len(faulty), of)
