"""MLflow's filter for a program's calls of a span."""

from teleprompt.traces.sources import tags
from teleprompt.tracking.connection import quoted

TAG, METADATA = "tags", "metadata"
WHERE_NAMED = (TAG, METADATA)
"""Where a trace may name its program; where both do, the tag counts."""


def calls_of(program: str, *, start_ms: int, end_ms: int, time: str, place: str = TAG) -> str:
    """The calls of `program` whose attribute `time` lies in [`start_ms`, `end_ms`)."""
    return f"{place}.{tags.PROGRAM} = {quoted(program)} AND {time} >= {start_ms} AND {time} < {end_ms}"
