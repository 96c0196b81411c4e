"""From trace rows to the DSPy examples that a program is taught and judged with."""

from collections.abc import Iterable
from typing import Any

from teleprompt.program.fields import ProgramFields, field_value
from teleprompt.records import to_millionths
from teleprompt.traces.row import TraceRow


def good_rows(rows: Iterable[TraceRow], *, min_quality_score: float) -> list[TraceRow]:
    """The rows whose output turned out well: the ones to learn from and to agree with.

    The choice looks at what was logged only, so no candidate can bend it.
    """
    least = to_millionths(min_quality_score)
    return [row for row in rows if row.score_e6 >= least]


def to_examples(rows: Iterable[TraceRow], fields: ProgramFields) -> list[Any]:
    """One `dspy.Example` per row, with the signature's fields and nothing else of the trace."""
    import dspy

    names = [field.name for field in fields.inputs]
    return [
        dspy.Example(
            **{field.name: field_value(field, row.inputs[field.name]) for field in fields.inputs},
            **{field.name: field_value(field, row.outputs[field.name]) for field in fields.outputs},
        ).with_inputs(*names)
        for row in rows
    ]
