"""Which calls say again what an earlier one said."""

from collections.abc import Sequence

from teleprompt.encoding.canonical_json import normalised_text
from teleprompt.traces.row import TraceRow
from teleprompt.traces.similarity import earlier_alike, signatures


def copies_of_earlier(rows: Sequence[TraceRow], *, threshold: float) -> frozenset[str]:
    """Ids of the rows whose inputs and outputs are nearly those of an earlier row, whoever logged it.

    Nearly: they share `threshold` of their two-word sequences (Jaccard, estimated by MinHash).
    """
    import pyarrow as pa

    ordered = sorted(rows, key=lambda row: (row.started_at_ms, row.trace_id))
    texts = pa.array([_text(row) for row in ordered], pa.string())
    return frozenset(
        ordered[place].trace_id for place, _ in earlier_alike(signatures(texts, words=2), threshold=threshold)
    )


def _text(row: TraceRow) -> str:
    values = (*row.inputs.values(), *row.outputs.values())
    return normalised_text(" \x1e ".join(value for value in values if value is not None))
