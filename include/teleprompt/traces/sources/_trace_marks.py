"""What of traces without their spans goes into a day's mark."""

from typing import TYPE_CHECKING

from teleprompt.traces.sources._marks import DayMarks
from teleprompt.traces.sources._trace_rows import SESSION, info_schema

if TYPE_CHECKING:
    import pyarrow as pa

AT = "started_at_ms"
MANY = ("inputs", "outputs", "forms", "outcomes")
"""Columns of which a call has several values."""


def add_calls(marks: DayMarks, page: "pa.Table") -> None:
    """Add the calls of a table (`info_schema`), and what was said of them."""
    marks.add("call", page.select([AT, *(name for name in info_schema().names if name not in {AT, *MANY})]))
    marks.add("outcome", _said(page))
    add_sessions(marks, page)


def add_sessions(marks: DayMarks, page: "pa.Table") -> None:
    """Add what was said of whole sessions, which counts for their calls of the day after, too."""
    import pyarrow.compute as pc

    said = _said(page.filter(pc.is_valid(page[SESSION])))
    marks.add("session", said.filter(said["of_session"]), days_later=1)


def _said(page: "pa.Table") -> "pa.Table":
    """A row for each thing that was said, the call's start first."""
    import pyarrow as pa
    import pyarrow.compute as pc

    page = page.combine_chunks()
    of = pc.list_parent_indices(page["outcomes"])
    said = pc.list_flatten(page["outcomes"]).combine_chunks()
    columns = {AT: page[AT].take(of), "call": page["trace_id"].take(of), SESSION: page[SESSION].take(of)}
    return pa.table(columns | {field.name: said.field(field.name) for field in said.type})
