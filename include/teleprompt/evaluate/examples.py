"""From trace rows to the DSPy examples that a program is taught and judged with."""

from collections.abc import Iterable, Mapping
from typing import Any

from teleprompt.encoding.canonical_json import digest_of
from teleprompt.program.fields import ProgramFields
from teleprompt.program.typed_fields import TypedFields
from teleprompt.records import Digest, to_millionths
from teleprompt.traces.row import TraceRow

_REVIEW = "_review"
"""An attribute and no field of an example, for it is nothing that a program is asked or judged by."""


def good_rows(rows: Iterable[TraceRow], *, min_quality_score: float) -> list[TraceRow]:
    """The rows whose output turned out well: the ones to learn from and to agree with.

    The choice looks at what was logged only, so no candidate can bend it.
    """
    least = to_millionths(min_quality_score)
    return [row for row in rows if row.score_e6 >= least]


def to_examples(rows: Iterable[TraceRow], typed: TypedFields) -> list[Any]:
    """One `dspy.Example` per row, with the program's fields and nothing else of the trace; values have their types."""
    import dspy

    examples = []
    for row in rows:
        inputs, labels = typed.read_inputs(row.inputs), typed.read_outputs(row.outputs)
        example = holding(dspy.Example(), {**inputs, **labels}).with_inputs(*inputs)
        setattr(example, _REVIEW, _review(row))
        examples.append(example)
    return examples


def review_of(example: Any) -> str:
    """What became of the logged answer, and what its reviewer said of it, in words; empty for other examples."""
    return str(getattr(example, _REVIEW, ""))


def _review(row: TraceRow) -> str:
    became = ", ".join(f"{name} {value:g}" for name, value in sorted(row.outcomes.items()))
    said = f"A reviewer said: {row.rationale}" if row.rationale else ""
    return " ".join(part for part in (f"What became of it: {became}." if became else "", said) if part)


def holding(record: Any, values: Mapping[str, Any]) -> Any:
    """An empty `dspy.Example` or `dspy.Prediction` with these fields; as a keyword `base` means another thing."""
    for name, value in values.items():
        record[name] = value
    return record


def example_digest(row: TraceRow, fields: ProgramFields) -> Digest:
    """SHA-256 of what an example says."""
    return digest_of(
        {
            "inputs": {field.name: row.inputs.get(field.name) for field in fields.inputs},
            "labels": {field.name: row.outputs.get(field.name) for field in fields.outputs},
        }
    )
