"""Whether the metric gives a logged answer full marks when a program gives that very answer.

Both are read by the field's type and compared in one form, so it does, unless what was logged is no value of that type:
then no answer gets full marks, and whoever answers wrongly in some other way may be promoted. Of many labels a few may
be so: nobody is right about them, the champion as little as the candidate.
"""

import logging
from collections.abc import Sequence

from teleprompt.errors import ConfigurationError
from teleprompt.evaluate.examples import to_examples
from teleprompt.evaluate.objective import SCORE, Objective
from teleprompt.program.typed_fields import TypedFields
from teleprompt.traces.row import TraceRow

log = logging.getLogger(__name__)

MOST_UNREADABLE = 0.05
"""Share of the logged answers that may score less than 1."""

ENOUGH_FOR_ONE = 10
"""With so many answers one may, whatever share it is."""


class UnreadableLabelError(ConfigurationError):
    """Logged answers are no values of the fields' types."""

    def __init__(self, field: str, type_: str, failed: int, of: int) -> None:
        super().__init__(
            f"{failed} of {of} logged answers hold no {type_} for the output `{field}`, so no answer could agree with "
            f"them; nothing is compared until the program file declares the type that is logged (`outputs: "
            f"{{{field}: ...}}`), or `gate.metric` names a metric of your own that reads it."
        )


def check_self_agreement(rows: Sequence[TraceRow], typed: TypedFields, objective: Objective) -> None:
    """Score what was logged as an answer to itself; no language model is asked.

    Raises:
        UnreadableLabelError: too many do not score 1; by the metrics that ship with the package each should.
    """
    import dspy

    outputs = [field.name for field in typed.fields.outputs]
    faulty: list[str] = []
    for row, example in zip(rows, to_examples(rows, typed), strict=True):
        unreadable = typed.unreadable({}, row.outputs)
        if unreadable is not None:
            faulty.append(unreadable)
        elif objective.scores(example, dspy.Prediction(**{name: example[name] for name in outputs})) != {SCORE: 1.0}:
            faulty.append(outputs[0])
    if len(faulty) > max(MOST_UNREADABLE * len(rows), 1 if len(rows) >= ENOUGH_FOR_ONE else 0):
        worst = max(sorted(set(faulty)), key=faulty.count)
        raise UnreadableLabelError(worst, typed.outputs[worst].name, len(faulty), len(rows))
    if faulty:
        log.warning("%d of %d logged answers cannot be compared; nobody is right about them.", len(faulty), len(rows))
