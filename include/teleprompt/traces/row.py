"""The trace row: one schema for every source (`SCHEMA_VERSION` names it in the manifest)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from teleprompt.program.fields import ProgramFields

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_VERSION = 4


@dataclass(frozen=True, slots=True)
class TraceRow:
    """A usable call."""

    trace_id: str
    program: str
    program_version: str | None
    started_at_ms: int
    inputs: Mapping[str, str | None]
    """By name, in the form that `Field.from_row` reads; None for one that the call does not hold."""
    outputs: Mapping[str, str | None]
    outcomes: Mapping[str, float]
    outcome_at_ms: int | None
    score_e6: int
    """Outcome in millionths of [0, 1]."""
    contributor_id: str
    contributor_address: str | None
    """EIP-55, or None where the contributor named no address."""
    group: str | None
    source: str
    rationale: str | None = None
    """What who gave the outcome, or the expectation, said about it."""


def arrow_schema(fields: ProgramFields) -> "pa.Schema":
    """The Arrow schema of a program's rows; `score` is `score_e6` / 10**6."""
    import pyarrow as pa

    def struct(names: Sequence[str]) -> "pa.DataType":
        return pa.struct([(name, pa.string()) for name in names])

    return pa.schema(
        [
            ("trace_id", pa.string()),
            ("program", pa.string()),
            ("program_version", pa.string()),
            ("started_at", pa.timestamp("ms", tz="UTC")),
            ("inputs", struct([field.name for field in fields.inputs])),
            ("outputs", struct([field.name for field in fields.outputs])),
            ("outcomes", pa.map_(pa.string(), pa.float64())),
            ("outcome_at", pa.timestamp("ms", tz="UTC")),
            ("score", pa.float64()),
            ("contributor_id", pa.string()),
            ("contributor_address", pa.string()),
            ("group", pa.string()),
            ("source", pa.string()),
            ("rationale", pa.string()),
        ],
        metadata={"teleprompt.schema_version": str(SCHEMA_VERSION)},
    )


def unscored_schema(fields: ProgramFields) -> "pa.Schema":
    """The schema of rows that have no score yet."""
    schema = arrow_schema(fields)
    return schema.remove(schema.get_field_index("score"))


def with_score(rows: "pa.Table", score_e6: "pa.Array", fields: ProgramFields) -> "pa.Table":
    """Unscored `rows` with their scores in millionths."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from teleprompt.records import MILLION

    schema = arrow_schema(fields)
    score = pc.divide(score_e6.cast(pa.float64()), float(MILLION))
    return rows.add_column(schema.get_field_index("score"), schema.field("score"), score).cast(schema)


def from_arrow(table: "pa.Table") -> list[TraceRow]:
    """The rows of a table of that schema."""
    import pyarrow as pa

    from teleprompt.records import to_millionths

    milliseconds = pa.int64()
    times = {name: table.column(name).cast(milliseconds).to_pylist() for name in ("started_at", "outcome_at")}
    others = table.drop_columns(list(times)).to_pylist()
    return [
        TraceRow(
            started_at_ms=started,
            outcome_at_ms=outcome,
            score_e6=to_millionths(values.pop("score")),
            outcomes=dict(values.pop("outcomes")),
            **values,
        )
        for started, outcome, values in zip(times["started_at"], times["outcome_at"], others, strict=True)
    ]
